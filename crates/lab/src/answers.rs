//! Scores of answers: how wrong they are, and how many are right.

use mmt_tensor::ops::softmax;
use mmt_tensor::ops::sum::sum;
use mmt_tensor::{Real, Result, check_index, check_shape};
use ndarray::{Array2, ArrayRef2, ArrayView1};

/// The mean over the rows of `-log softmax(scores)[answer]`, and its gradient.
///
/// `scores: [B, answers]` → `(loss, dscores: [B, answers])`
///
/// # Errors
/// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for another number of answers than rows;
/// [`Error::IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for an answer without a score; those of
/// [`softmax`](mmt_tensor::ops::softmax()).
pub fn mean_cross_entropy<R: Real>(scores: &ArrayRef2<R>, answers: &[usize]) -> Result<(R, Array2<R>)> {
    check_shape("answers: answers", &[answers.len()], &[scores.nrows()])?;
    let mut dscores = softmax(scores)?;
    let n = R::of(answers.len() as f64);
    let mut losses = Vec::with_capacity(answers.len());
    for ((mut row, scores), &answer) in dscores.rows_mut().into_iter().zip(scores.rows()).zip(answers) {
        check_index("answers: answers", answer, scores.len())?;
        losses.push(log_sum_exp(scores) - scores[answer]);
        row[answer] -= R::of(1.0);
        row.mapv_inplace(|d| d / n);
    }
    Ok((sum(&losses) / n, dscores))
}

fn log_sum_exp<R: Real>(scores: ArrayView1<R>) -> R {
    let largest = scores.iter().fold(R::of(f64::NEG_INFINITY), |m, &s| m.max(s));
    let shifted: Vec<R> = scores.iter().map(|&s| (s - largest).exp()).collect();
    largest + sum(&shifted).ln()
}

/// The answer with the largest score of every row, the first of several.
pub fn best<R: Real>(scores: &ArrayRef2<R>) -> Vec<usize> {
    let best = |row: ArrayView1<R>| (0..row.len()).fold(0, |m, i| if row[i] > row[m] { i } else { m });
    scores.rows().into_iter().map(best).collect()
}

/// How many rows have their largest score at the right answer.
pub fn right<R: Real>(scores: &ArrayRef2<R>, answers: &[usize]) -> usize {
    best(scores).iter().zip(answers).filter(|(best, answer)| best == answer).count()
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Dual;
    use mmt_tensor::testing::{assert_printed, check_backward, ramp};
    use ndarray::{Array0, array};

    use super::*;

    #[test]
    fn the_gradient_is_exact() {
        let scores: Array2<Dual> = ramp(1, (4, 5));
        let answers = [0, 4, 2, 2];
        check_backward(
            &scores,
            |s| Ok(Array0::from_elem((), mean_cross_entropy(s, &answers)?.0)),
            |s, dloss| mean_cross_entropy(s, &answers).unwrap().1 * dloss[()],
        );
    }

    #[test]
    fn equal_scores_cost_the_logarithm_of_their_number() {
        let (loss, _) = mean_cross_entropy(&Array2::<f64>::from_elem((3, 10), 700.0), &[1, 2, 3]).unwrap();
        assert_printed(loss, "2.302585092994");
    }

    #[test]
    fn a_hopeless_answer_costs_a_finite_amount() {
        let (loss, _) = mean_cross_entropy(&array![[0.0f32, 500.0]], &[0]).unwrap();
        assert_eq!(loss, 500.0);
    }

    #[test]
    fn wrong_answers_are_refused() {
        let scores = Array2::<f64>::zeros((2, 3));
        let text = |answers: &[usize]| mean_cross_entropy(&scores, answers).unwrap_err().to_string();
        assert_eq!(text(&[0, 3]), "answers: answers: index 3 is outside a table of 3");
        assert_eq!(text(&[0]), "answers: answers: expected shape [2], got [1]");
    }

    #[test]
    fn the_first_of_several_best_answers_counts() {
        let scores = array![[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]];
        assert_eq!(best(&scores), [1, 0]);
        assert_eq!(right(&scores, &[2, 0]), 1);
    }
}
