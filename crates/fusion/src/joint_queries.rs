//! Two modalities that ask a third one together, as the note has it.

use mmt_blocks::DeadRows;
use mmt_tensor::{Real, Result, check_shape};
use ndarray::{Array2, ArrayRef2, Axis, concatenate, s};

use crate::{AttentionWithSumsTape, attention_with_sums, attention_with_sums_backward};

/// What [`joint_queries()`] gives.
pub type JointQueries<R> = ((Array2<R>, Array2<R>), AttentionWithSumsTape<R>);

/// One query made of two modalities, over the keys and values of a third.
///
/// **eq-3-tri-note**
/// ```math
/// \mathrm{MHA}\bigl( \mathcal C(Q_1, Q_2),\, K_3,\, V_3 \bigr)
///   = \mathcal C\bigl( \mathrm{MHA}(Q_1, K_3, V_3),\; \mathrm{MHA}(Q_2, K_3, V_3) \bigr)
/// ```
///
/// `q_1: [n_1, d]`, `q_2: [n_2, d]`, `k: [m, d]`, `v: [m, d_v]` → `[n_1, d_v]`, `[n_2, d_v]`
///
/// Joined along the tokens, two queries do not feel each other: every row of a softmax stands alone, so these are two
/// cross-attentions and no new mechanism. Along the channels `K_3` would need the width `2 d`, and `n_1 = n_2`. The published
/// three-stream model does the reverse: one query, keys and values of two others, see
/// [`paired_attention`](crate::paired_attention()).
///
/// Source: the note, section 3; compare Rahman, Yang & Sigal 2021, *TriBERT*, section 3.3.
///
/// # Errors
/// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for queries of different widths; those of
/// [`attention_with_sums()`].
pub fn joint_queries<R: Real>(
    (q_1, q_2): (&ArrayRef2<R>, &ArrayRef2<R>),
    (k, v): (&ArrayRef2<R>, &ArrayRef2<R>),
    heads: usize,
) -> Result<JointQueries<R>> {
    check_shape("joint_queries: q_2", q_2.shape(), &[q_2.nrows(), q_1.ncols()])?;
    let q = concatenate![Axis(0), q_1.view(), q_2.view()];
    let (o, _, tape) = attention_with_sums((&q, k, v), heads, None, DeadRows::Refuse)?;
    let (o_1, o_2) = o.view().split_at(Axis(0), q_1.nrows());
    Ok(((o_1.to_owned(), o_2.to_owned()), tape))
}

/// Gradients of [`joint_queries()`]: `q̄_1`, `q̄_2`, `k̄`, `v̄`.
///
/// **eq-3-tri-note, backward**
/// ```math
/// \bar Q_1 = \bar Q_1(\bar O_1), \qquad \bar Q_2 = \bar Q_2(\bar O_2), \qquad
/// \bar K_3 = \bar K_3(\bar O_1) + \bar K_3(\bar O_2), \qquad \bar V_3 = \bar V_3(\bar O_1) + \bar V_3(\bar O_2)
/// ```
///
/// Derivation: eq-3-attn for `C(Ō_1, Ō_2)`. The rows of `Q` are split; keys and values are read by both queries, and the
/// gradients of the two uses add up.
pub fn joint_queries_backward<R: Real>(
    tape: &AttentionWithSumsTape<R>,
    (do_1, do_2): (&ArrayRef2<R>, &ArrayRef2<R>),
) -> (Array2<R>, Array2<R>, Array2<R>, Array2<R>) {
    let d_o = concatenate![Axis(0), do_1.view(), do_2.view()];
    let none = Array2::zeros((d_o.nrows(), tape.heads.len()));
    let (dq, dk, dv) = attention_with_sums_backward(tape, &d_o, &none);
    let n = do_1.nrows();
    (dq.slice(s![..n, ..]).to_owned(), dq.slice(s![n.., ..]).to_owned(), dk, dv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_that_do_not_fit_are_refused() {
        let run = |q_1: (usize, usize), q_2: (usize, usize), k: (usize, usize), heads| {
            let (q_1, q_2, k) = (Array2::<f64>::ones(q_1), Array2::ones(q_2), Array2::ones(k));
            joint_queries((&q_1, &q_2), (&k, &k), heads).unwrap_err().to_string()
        };
        assert_eq!(run((2, 4), (2, 6), (3, 4), 2), "joint_queries: q_2: expected shape [2, 4], got [2, 6]");
        assert_eq!(run((2, 4), (2, 4), (3, 4), 3), "3 heads do not divide a width of 4");
        assert_eq!(run((2, 4), (2, 4), (0, 4), 2), "attention: k: empty");
        assert_eq!(run((2, 4), (2, 4), (3, 8), 2), "attention: k: expected shape [3, 2], got [3, 4]");
    }
}
