//! Errata of section 1 of the note: Transformer basics.

use mmt_tensor::ops::{matmul, softmax};
use mmt_tensor::{Error, Random};
use ndarray::{Array2, array};

use super::{Erratum, Outcome, judge};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C01",
        section: "1.1",
        claim: "Softmax((Q K^T / √d) ⊙ M) V with M in {1, -∞} masks the future",
        correction: "add the mask, Softmax(Q K^T / √d + B) V with B in {0, -∞}: a product with -∞ gives +∞ for a negative \
                     score and NaN for zero",
        source: "Vaswani et al. 2017, section 3.2.3",
        equation: "eq-0.2-softmax",
        as_written: product_mask,
        as_corrected: additive_mask,
    },
    Erratum {
        id: "ERR-C04",
        section: "1.1",
        claim: "a position sees only the positions before it",
        correction: "the mask includes the diagonal, as the matrix of the note does: a position sees itself",
        source: "Vaswani et al. 2017, section 3.1",
        equation: "eq-0.2-softmax",
        as_written: strict_mask,
        as_corrected: inclusive_mask,
    },
    Erratum {
        id: "ERR-C06",
        section: "1.1",
        claim: "(Q K^T)_ij is the share of value j in the answer to query i",
        correction: "the share is P_ij, after the softmax; a score can be negative and a row of scores has any sum",
        source: "Vaswani et al. 2017, eq. 1",
        equation: "eq-0.2-softmax",
        as_written: scores_as_shares,
        as_corrected: weights_as_shares,
    },
];

const NEVER: f64 = f64::NEG_INFINITY;

/// `[[1, -2], [0, 3]]`: the score that has to be hidden is negative.
fn scores() -> Array2<f64> {
    array![[1.0, -2.0], [0.0, 3.0]]
}

fn product_mask() -> Outcome {
    let masked = scores() * array![[1.0, NEVER], [1.0, 1.0]];
    match softmax(&masked) {
        Ok(p) => Ok(format!("P = {p}")),
        Err(error) => Err(format!("-2 · -∞ = {}, and then {error}", masked[(0, 1)])),
    }
}

fn additive_mask() -> Outcome {
    let p = softmax(&(scores() + array![[0.0, NEVER], [0.0, 0.0]])).map_err(|e| e.to_string())?;
    judge(p[(0, 1)] == 0.0 && p[(0, 0)] == 1.0, format!("row 0 of P is {}", p.row(0)))
}

/// A causal mask over `n` positions that hides `j > i`, and `j = i` too if `strict`.
fn causal(n: usize, strict: bool) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| if j < i + usize::from(!strict) { 0.0 } else { NEVER })
}

fn strict_mask() -> Outcome {
    match softmax(&(scores() + causal(2, true))) {
        Err(Error::FullyMaskedRow { row }) => Err(format!("position {row} sees nothing: its softmax is 0/0")),
        other => Ok(format!("{other:?}")),
    }
}

fn inclusive_mask() -> Outcome {
    let p = softmax(&(scores() + causal(2, false))).map_err(|e| e.to_string())?;
    judge(p[(0, 0)] == 1.0, format!("position 0 sees itself: row 0 of P is {}", p.row(0)))
}

/// Scores `Q K^T` of random queries and keys.
fn random_scores() -> Array2<f64> {
    let mut random = Random::seed(1);
    let (q, k): (Array2<f64>, Array2<f64>) = (random.normal((3, 4), 1.0), random.normal((5, 4), 1.0));
    matmul(&q, &k.t())
}

/// Shares are not negative and add up to one.
fn are_shares(p: &Array2<f64>) -> bool {
    p.iter().all(|&p| p >= 0.0)
        && p.rows().into_iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12)
}

fn scores_as_shares() -> Outcome {
    let s = random_scores();
    let least = s.iter().copied().fold(f64::INFINITY, f64::min);
    judge(
        are_shares(&s),
        format!("a share of {least:.3}, and row 0 adds up to {:.3}", s.row(0).iter().sum::<f64>()),
    )
}

fn weights_as_shares() -> Outcome {
    let p = softmax(&random_scores()).map_err(|e| e.to_string())?;
    judge(are_shares(&p), format!("row 0 of P adds up to {:.3}", p.row(0).iter().sum::<f64>()))
}
