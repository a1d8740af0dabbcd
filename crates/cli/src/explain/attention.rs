//! eq-1.1-attention with the reader's numbers.

use mmt_blocks::{DeadRows, attention, attention_backward};
use mmt_tensor::ops::matmul;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::{Real, Result};
use ndarray::{Array2, Axis, array};

use super::inputs::Input;
use super::sheet::Sheet;
use super::{Lecture, Lesson, Settings, Term};

/// The example.
pub struct Attention;

impl Lesson for Attention {
    const ID: &'static str = "eq-1.1-attention";
    const NAME: &'static str = "Scaled dot-product attention";
    const SIZES: [usize; 3] = [2, 3, 2];
    const TERMS: &'static [Term] = &[Term::Rowsum, Term::Scale];
    const MASKED: bool = true;

    fn inputs(&Settings { n, m, d, .. }: &Settings) -> Vec<Input> {
        vec![
            Input::of("Q", array![[0.5, -1.0], [1.0, 0.25]], 1, (n, d)),
            Input::of("K", array![[1.0, 0.0], [-0.5, 0.5], [0.0, -1.0]], 2, (m, d)),
            Input::of("V", array![[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]], 3, (m, d)),
            Input::of("dO", array![[1.0, -0.5], [0.25, 1.0]], 4, (n, d)),
        ]
    }

    fn forward<R: Real>(inputs: &[Array2<R>], settings: &Settings) -> Result<Array2<R>> {
        let [q, k, v, _] = inputs else { panic!("four inputs") };
        Ok(attention(q, k, v, bias(settings).as_deref(), DeadRows::Refuse)?.0)
    }

    fn teach(inputs: &[Array2<f64>], settings: &Settings) -> Result<Lecture> {
        let [q, k, v, d_o] = inputs else { panic!("four inputs") };
        let bias = bias(settings);
        let (o, tape) = attention(q, k, v, bias.as_deref(), DeadRows::Refuse)?;
        let scale = 1.0 / (settings.d as f64).sqrt();
        let mut s: Array2<f64> = matmul(q, &k.t()) * scale;
        if let Some(bias) = &bias {
            s += bias;
        }
        let dp = matmul(d_o, &v.t());
        let sums = row_sums(&(&dp * &tape.p)).insert_axis(Axis(1));
        let (dq, dk, dv, ds) = match settings.dropped {
            None => attention_backward(&tape, d_o),
            Some(term) => {
                let kept = if term == Term::Rowsum { Array2::zeros(sums.raw_dim()) } else { sums.clone() };
                let ds: Array2<f64> = &tape.p * &(&dp - &kept);
                let scale = if term == Term::Scale { 1.0 } else { scale };
                (matmul(&ds, k) * scale, matmul(&ds.t(), q) * scale, matmul(&tape.p.t(), d_o), ds)
            }
        };
        let scores = if settings.causal { "S = Q K^T / sqrt(d) + B" } else { "S = Q K^T / sqrt(d)" };
        let forward = Sheet::default()
            .formula(&format!("{scores}      P = softmax_rows(S)      O = P V"), "")
            .matrices(&[("S", &s), ("P", &tape.p), ("O", &o)]);
        let backward = Sheet::default()
            .formula("dV = P^T dO", "O is linear in V")
            .formula("dP = dO V^T", "O is linear in P")
            .formula("dS = P * (dP - rowsum(dP * P))", "softmax: diag(p) - p p^T")
            .formula("dQ = dS K / sqrt(d)     dK = dS^T Q / sqrt(d)", "S is bilinear in Q, K")
            .matrices(&[("dP", &dp), ("rowsum", &sums), ("dS", &ds)])
            .remark(if settings.dropped == Some(Term::Rowsum) {
                "rows of dS do not sum to 0, though a softmax does not see a shift"
            } else {
                "rows of dS sum to 0: a softmax does not see a shift"
            })
            .matrices(&[("dQ", &dq), ("dK", &dk), ("dV", &dv)]);
        let note = format!("scale 1/sqrt({}) = {scale:.4}", settings.d);
        Ok(Lecture { note, forward, backward, gradients: vec![dq, dk, dv] })
    }
}

/// `-∞` where the key comes after the query.
fn bias<R: Real>(settings: &Settings) -> Option<Array2<R>> {
    settings.causal.then(|| {
        let hidden = |(i, j)| R::of(if j > i { f64::NEG_INFINITY } else { 0.0 });
        Array2::from_shape_fn((settings.n, settings.m), hidden)
    })
}
