//! The record of vectors that are weighted and added up as a set.

use mmt_blocks::{Linear, Pooler};
use mmt_tensor::ops::sum::dot;
use mmt_tensor::ops::{l2_normalize, l2_normalize_backward, softmax, softmax_backward};
use mmt_tensor::{Real, Tree};
use ndarray::{Array2, Axis, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{linear, linear_of_any_size, with_linear};
use super::parts::with_maps;
use super::pooled::{MODALITIES, each, inputs, joined, maps, with_inputs};

/// Vectors of one width, weighted, normalized, added up, and mapped.
pub fn set<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x = inputs(record)?;
    let maps = maps(record, "projections.")?;
    let (mut p, mut tapes) = (vec![], vec![]);
    for (map, x) in maps.iter().zip(&x) {
        let (y, tape) = map.forward(x)?;
        p.push(y);
        tapes.push(tape);
    }
    // All vectors below each other, modality by modality.
    let n = x[0].nrows();
    let p = below(record, &p)?;
    let hidden = Pooler { dense: linear_of_any_size::<R>(record, "param/attention.0")? };
    let score = linear(record, "param/attention.2", hidden.dense.weight.ncols(), 1)?;
    let weights = Weights { hidden, score };
    let (hidden, hidden_tape) = each(&weights.hidden, &p)?;
    let (scores, score_tape) = weights.score.forward(&hidden)?;
    let a = softmax(&Array2::from_shape_fn((n, 3), |(i, m)| scores[(m * n + i, 0)]))?;
    let z = Array2::from_shape_fn(p.dim(), |(i, c)| a[(i % n, i / n)] * p[(i, c)]);
    let (u, norm_tape) = l2_normalize(&z, Some(1e-12))?;
    let sum = Array2::from_shape_fn((n, p.ncols()), |(i, c)| u[(i, c)] + u[(n + i, c)] + u[(2 * n + i, c)]);
    let mlp: Linear<R> = linear_of_any_size(record, "param/mlp")?;
    let (y, mlp_tape) = mlp.forward(&sum)?;

    let mut mlp_grad = mlp.zeros_like();
    let dsum = mlp.backward(&mlp_tape, &record.shaped("cot/y", y.shape())?, &mut mlp_grad);
    let du = Array2::from_shape_fn(p.dim(), |(i, c)| dsum[(i % n, c)]);
    let dz = l2_normalize_backward(&norm_tape, &du);
    let da =
        Array2::from_shape_fn((n, 3), |(i, m)| dot(&dz.row(m * n + i).to_vec(), &p.row(m * n + i).to_vec()));
    let da = softmax_backward(&a, &da);
    let dscores = Array2::from_shape_fn(scores.dim(), |(i, _)| da[(i % n, i / n)]);
    let mut grad = Weights { hidden: weights.hidden.zeros_like(), score: weights.score.zeros_like() };
    let dhidden = weights.score.backward(&score_tape, &dscores, &mut grad.score);
    let dp = weights.hidden.backward(&hidden_tape, &dhidden, &mut grad.hidden)
        + Array2::from_shape_fn(p.dim(), |(i, c)| a[(i % n, i / n)] * dz[(i, c)]);

    let mut answer = Answer::new().with("out/y", &y);
    let mut dx = vec![];
    for (m, name) in MODALITIES.into_iter().enumerate() {
        let mut grad = maps[m].zeros_like();
        dx.push(maps[m].backward(&tapes[m], &dp.slice(s![m * n..(m + 1) * n, ..]), &mut grad));
        answer = with_linear(answer, &format!("grad_param/projections.{name}"), &grad);
    }
    let maps = [("attention.0", &grad.hidden.dense), ("attention.2", &grad.score), ("mlp", &mlp_grad)];
    Ok(with_inputs(with_maps(answer, &maps), &dx))
}

/// What weighs the vectors of a set.
struct Weights<R> {
    hidden: Pooler<R>,
    score: Linear<R>,
}

fn below<R: Real>(record: &Record, x: &[Array2<R>]) -> Found<Array2<R>> {
    joined(record, x, Axis(0))
}
