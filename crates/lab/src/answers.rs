//! Scores of answers: how wrong they are, and how many are right.

use mmt_tensor::ops::softmax;
use mmt_tensor::{Real, Result};
use ndarray::{Array2, ArrayRef2};

/// placeholder
pub fn mean_cross_entropy<R: Real>(scores: &ArrayRef2<R>, answers: &[usize]) -> Result<(R, Array2<R>)> {
    let mut p = softmax(scores)?;
    let n = R::of(answers.len() as f64);
    let mut loss = R::of(0.0);
    for (mut row, &a) in p.rows_mut().into_iter().zip(answers) {
        loss += -row[a].ln() / n;
        row[a] -= R::of(1.0);
        row.mapv_inplace(|x| x / n);
    }
    Ok((loss, p))
}

/// The answer with the largest score of every row, the first of several.
pub fn best<R: Real>(scores: &ArrayRef2<R>) -> Vec<usize> {
    let best = |row: ndarray::ArrayView1<R>| (0..row.len()).fold(0, |m, i| if row[i] > row[m] { i } else { m });
    scores.rows().into_iter().map(best).collect()
}

/// How many rows have their largest score at the right answer.
pub fn right<R: Real>(scores: &ArrayRef2<R>, answers: &[usize]) -> usize {
    best(scores).iter().zip(answers).filter(|(best, answer)| best == answer).count()
}
