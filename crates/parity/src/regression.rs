//! Records of losses of single numbers.

use mmt_tensor::ops::{self, Reduction};
use mmt_tensor::{Real, Result as Checked};
use ndarray::{Array2, ArrayRef2};

use super::Answer;
use super::case::{Found, Record};
use super::ops::unsupported;

/// A loss of differences: exchanging both arguments gives the gradient of the other one.
pub fn regression<R: Real>(
    record: &Record,
    forward: impl Fn(&ArrayRef2<R>, &ArrayRef2<R>) -> Checked<R>,
    backward: impl Fn(&ArrayRef2<R>, &ArrayRef2<R>) -> Array2<R>,
) -> Found<Answer<R>> {
    let a: Array2<R> = record.real("in/a")?;
    let b: Array2<R> = record.shaped("in/b", a.shape())?;
    Ok((Answer::new().with_number("loss/loss", forward(&a, &b)?))
        .with("grad_in/a", &backward(&a, &b))
        .with("grad_in/b", &backward(&b, &a)))
}

/// Of elements, against probabilities.
pub fn binary_cross_entropy<R: Real>(record: &Record) -> Found<Answer<R>> {
    let a: Array2<R> = record.real("in/a")?;
    let t: Array2<R> = record.shaped("in/y", a.shape())?;
    let loss = ops::binary_cross_entropy(&a, &t, Reduction::Mean)?;
    let da = ops::binary_cross_entropy_backward(&a, &t, Reduction::Mean, R::of(1.0));
    Ok(Answer::new().with_number("loss/loss", loss).with("grad_in/a", &da))
}

/// `[m + b - a]_+` is the hinge loss of two queries that both score `a` on their own item and `b` on the other's.
pub fn ranking<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (margin, target) = (record.number("margin")?, record.number("target")?);
    if target != 1.0 {
        return unsupported("pairs in the other order");
    }
    let a: Array2<R> = record.real("in/a")?;
    let b: Array2<R> = record.shaped("in/b", a.shape())?;
    let dl = R::of(1.0) / R::of(a.len() as f64);
    let (mut loss, mut da, mut db) = (R::of(0.0), a.clone(), b.clone());
    for (at, &score) in a.indexed_iter() {
        let s = ndarray::array![[score, b[at]], [b[at], score]];
        loss += ops::hinge(&s, margin)? * dl;
        let ds = ops::hinge_backward(&s, margin, dl);
        (da[at], db[at]) = (ds[(0, 0)] + ds[(1, 1)], ds[(0, 1)] + ds[(1, 0)]);
    }
    Ok(Answer::new().with_number("loss/loss", loss).with("grad_in/a", &da).with("grad_in/b", &db))
}
