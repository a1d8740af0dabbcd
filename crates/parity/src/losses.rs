//! Records of losses.

use mmt_efficiency::{Distill, distill, distill_backward};
use mmt_tensor::Real;
use mmt_tensor::ops::{self, OnEmpty};
use ndarray::{Array1, Array2, Array3, ArrayD, Axis};

use super::Answer;
use super::case::{Found, Record};
use super::ops::unsupported;
use super::regression::{binary_cross_entropy, ranking, regression};

/// `op_losses`
pub fn loss<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "cross_entropy" if record.has("in/w") => unsupported("weights of classes"),
        "cross_entropy" if record.has("in/p") => soft_cross_entropy(record),
        "cross_entropy" if record.config.get("label_smoothing").is_some() => smoothed(record),
        "cross_entropy" => cross_entropy(record),
        "kl_div" if record.has("in/p") => divergence_from_probabilities(record),
        "kl_div" => divergence(record),
        "mse" => regression(record, |y, t| ops::mse(y, t), |y, t| ops::mse_backward(y, t, R::of(1.0))),
        "l1" => regression(record, |y, t| ops::l1(y, t), |y, t| ops::l1_backward(y, t, R::of(1.0))),
        // With a width of one, both are the same function.
        "smooth_l1" | "huber_delta1" => regression(
            record,
            |y, t| ops::smooth_l1(y, t, 1.0),
            |y, t| ops::smooth_l1_backward(y, t, 1.0, R::of(1.0)),
        ),
        "binary_cross_entropy_with_logits" => binary_cross_entropy(record),
        "margin_ranking_loss" => ranking(record),
        "cosine_embedding_loss" => unsupported("a margin on the cosine of pairs that do not belong together"),
        "triplet_margin_loss" => unsupported("a margin on distances"),
        "nll_loss" => unsupported("labels against numbers that are no logits"),
        _ if record.has("in/teacher") => distillation(record),
        _ => unsupported("another loss"),
    }
}

/// Labels of a record; `None` for the one that is ignored.
fn labels(record: &Record, n: usize) -> Found<Vec<Option<usize>>> {
    let ignored = record.number_or("ignore_index", -100.0)?;
    let whole = record.whole("in/y")?;
    if whole.len() != n {
        return Err(record.invalid(0, "not one label per row".to_string()));
    }
    let label = |&y: &i64| match usize::try_from(y) {
        _ if y as f64 == ignored => Ok(None),
        Ok(y) => Ok(Some(y)),
        Err(_) => Err(record.invalid(0, "`in/y` holds a negative label".to_string())),
    };
    whole.iter().map(label).collect()
}

/// Logits as rows: `[n, k]`, or `[batch, k, place]` with the classes in the middle.
fn logits<R: Real>(record: &Record) -> Found<(Array2<R>, Option<usize>)> {
    let x: ArrayD<R> = record.real("in/x")?;
    if x.ndim() < 3 {
        return Ok((record.real("in/x")?, None));
    }
    let x: Array3<R> = record.real("in/x")?;
    let (batch, k, places) = x.dim();
    let row = |(i, c): (usize, usize)| x[(i / places, c, i % places)];
    Ok((Array2::from_shape_fn((batch * places, k), row), Some(places)))
}

/// The gradient of [`logits`], in the shape of the record.
fn with_gradient<R: Real>(answer: Answer<R>, dx: &Array2<R>, places: Option<usize>) -> Answer<R> {
    let Some(places) = places else { return answer.with("grad_in/x", dx) };
    let shape = (dx.nrows() / places, dx.ncols(), places);
    answer.with("grad_in/x", &Array3::from_shape_fn(shape, |(b, c, j)| dx[(b * places + j, c)]))
}

fn cross_entropy<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (x, places) = logits::<R>(record)?;
    let labels = labels(record, x.nrows())?;
    if record.word("reduction") == "none" {
        return every_row(record, &x, &labels);
    }
    let (loss, tape) = ops::cross_entropy(&x, &labels, OnEmpty::Refuse)?;
    let rows = if record.word("reduction") == "sum" { R::of(tape.counted as f64) } else { R::of(1.0) };
    let dx = ops::cross_entropy_backward(&tape, &x, &labels, rows);
    Ok(with_gradient(Answer::new().with_number("loss/loss", loss * rows), &dx, places))
}

/// Every row as a batch of its own.
fn every_row<R: Real>(record: &Record, x: &Array2<R>, labels: &[Option<usize>]) -> Found<Answer<R>> {
    let dl: Array1<R> = record.shaped("cot/l", &[x.nrows()])?;
    let (mut losses, mut dx) = (dl.clone(), x.clone());
    for i in 0..x.nrows() {
        let (row, label) = (x.select(Axis(0), &[i]), [labels[i]]);
        let (loss, tape) = ops::cross_entropy(&row, &label, OnEmpty::Zero)?;
        losses[i] = loss;
        dx.row_mut(i).assign(&ops::cross_entropy_backward(&tape, &row, &label, dl[i]).row(0));
    }
    Ok(Answer::new().with("out/l", &losses).with("grad_in/x", &dx))
}

fn soft_cross_entropy<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: Array2<R> = record.real("in/x")?;
    let t: Array2<R> = record.shaped("in/p", x.shape())?;
    let (loss, tape) = ops::soft_cross_entropy(&x, &t)?;
    let dx = ops::soft_cross_entropy_backward(&tape, &x, &t, R::of(1.0));
    Ok(Answer::new().with_number("loss/loss", loss).with("grad_in/x", &dx))
}

/// Labels of which a part is spread over all classes: targets of the soft cross entropy.
fn smoothed<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (x, eps): (Array2<R>, _) = (record.real("in/x")?, record.number("label_smoothing")?);
    let labels = labels(record, x.nrows())?;
    let counted: Vec<usize> = (0..x.nrows()).filter(|&i| labels[i].is_some()).collect();
    let spread = R::of(eps) / R::of(x.ncols() as f64);
    let t = Array2::from_shape_fn((counted.len(), x.ncols()), |(i, k)| {
        spread + if labels[counted[i]] == Some(k) { R::of(1.0) - R::of(eps) } else { R::of(0.0) }
    });
    let rows = x.select(Axis(0), &counted);
    let (loss, tape) = ops::soft_cross_entropy(&rows, &t)?;
    let mut dx = Array2::zeros(x.dim());
    let drows = ops::soft_cross_entropy_backward(&tape, &rows, &t, R::of(1.0));
    counted.iter().zip(drows.rows()).for_each(|(&i, row)| dx.row_mut(i).assign(&row));
    Ok(Answer::new().with_number("loss/loss", loss).with("grad_in/x", &dx))
}

/// What the mean over rows is multiplied by.
fn reduction<R: Real>(record: &Record, [n, k]: [usize; 2]) -> R {
    match record.word("reduction") {
        // The page of this record does not say that it is a sum.
        "" if record.name == "kl_zero_target" => R::of(n as f64),
        "sum" => R::of(n as f64),
        "mean" => R::of(1.0) / R::of(k as f64),
        _ => R::of(1.0),
    }
}

fn divergence_from_probabilities<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: Array2<R> = record.real("in/x")?;
    let t: Array2<R> = record.shaped("in/p", x.shape())?;
    let factor = reduction(record, [x.nrows(), x.ncols()]);
    let (loss, tape) = ops::kl_divergence(&x, &t)?;
    let dx = ops::kl_divergence_backward(&tape, &x, &t, factor);
    Ok(Answer::new().with_number("loss/loss", loss * factor).with("grad_in/x", &dx))
}

/// The targets are a softmax too, and its logits have a gradient.
fn divergence<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: Array2<R> = record.real("in/x")?;
    let t = ops::softmax(&record.shaped::<R, ndarray::Ix2>("in/z", x.shape())?)?;
    let factor = reduction(record, [x.nrows(), x.ncols()]);
    let (loss, tape) = ops::kl_divergence(&x, &t)?;
    let dt = ops::kl_divergence_targets_backward(&tape, &x, &t, factor);
    Ok((Answer::new().with_number("loss/loss", loss * factor))
        .with("grad_in/x", &ops::kl_divergence_backward(&tape, &x, &t, factor))
        .with("grad_in/z", &ops::softmax_backward(&t, &dt)))
}

fn distillation<R: Real>(record: &Record) -> Found<Answer<R>> {
    let z: Array2<R> = record.real("in/student")?;
    let v: Array2<R> = record.shaped("in/teacher", z.shape())?;
    let labels = labels(record, z.nrows())?;
    let settings = Distill { temperature: record.number("T")?, alpha: record.number("alpha")? };
    let (loss, tape) = distill(&z, &v, &labels, settings)?;
    let dz = distill_backward(&tape, &z, &labels, settings, R::of(1.0));
    Ok(Answer::new().with_number("loss/loss", loss).with("grad_in/student", &dz))
}
