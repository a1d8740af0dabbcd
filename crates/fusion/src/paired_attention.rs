//! One query over the keys of two modalities at once, joined along the channels.

use mmt_blocks::{Heads, HeadsTape, Mask};
use mmt_tensor::{Error, Ragged, Real, Result, check_shape};
use ndarray::{Array2, ArrayRef2};

/// Keys or values of two modalities, each `[n, d / 2]`.
pub type Two<'a, R> = (&'a ArrayRef2<R>, &'a ArrayRef2<R>);

/// A query of full width over keys and values of half the width from two modalities: slot `j` of the one and slot `j` of
/// the other are chosen together.
///
/// **eq-3-tri-code**
/// ```math
/// S = \frac{Q\, [K_p \,|\, K_a]^\top}{\sqrt{d_q}} = \frac{Q^{(1)} K_p^\top + Q^{(2)} K_a^\top}{\sqrt{d_q}}, \qquad
/// P = \operatorname{softmax}_\text{row}(S), \qquad O = \bigl[ P V_p \,\big|\, P V_a \bigr]
/// ```
///
/// `q: [n, d]`, `k_p`, `k_a`, `v_p`, `v_a: [n, d / 2]` → `o: [n, d]`, in every head, with `d_q = d / h`
///
/// `Q^{(1)}` and `Q^{(2)}` are the halves of the channels of a head. The weights are a product of two softmaxes with one
/// normalizer, `P_ij ∝ exp(s^p_ij) exp(s^a_ij)`, where eq-3-tri-survey has a sum of two: row `j` must mean the same slot in
/// every modality. Computed as attention over keys and values interleaved head by head.
///
/// The released code keeps the audio stream at one vector repeated over all slots. Then `s^a_ij` is the same for all `j`, it
/// cancels, and no attention map depends on the audio keys. It also combines two additive masks by a product, which masks
/// nothing; masks here are added.
///
/// Source: Rahman, Yang & Sigal 2021, *TriBERT*; the released `BertBiAttention` of `vision_net.py`.
///
/// # Errors
/// [`Error::ShapeMismatch`] for different numbers of rows or other widths than half; [`Error::HeadDivisibility`] if
/// twice the number of heads does not divide `d`; those of [`Heads::forward`].
pub fn paired_attention<R: Real>(
    q: &ArrayRef2<R>,
    (k_p, k_a): Two<R>,
    (v_p, v_a): Two<R>,
    heads: &Heads,
    rows: &Ragged,
    mask: &Mask,
) -> Result<(Array2<R>, HeadsTape<R>)> {
    let (n, d) = q.dim();
    if heads.count == 0 || !d.is_multiple_of(2 * heads.count) {
        return Err(Error::HeadDivisibility { width: d, heads: 2 * heads.count });
    }
    for (at, x) in [
        ("paired_attention: k_p", k_p),
        ("paired_attention: k_a", k_a),
        ("paired_attention: v_p", v_p),
        ("paired_attention: v_a", v_a),
    ] {
        check_shape(at, x.shape(), &[n, d / 2])?;
    }
    let (k, v) = (interleaved(k_p, k_a, heads.count), interleaved(v_p, v_a, heads.count));
    heads.forward_owned((q.to_owned(), k, v), rows, rows, mask)
}

/// `q̄`, `(k̄_p, k̄_a)`, `(v̄_p, v̄_a)`
pub type PairedGradients<R> = (Array2<R>, (Array2<R>, Array2<R>), (Array2<R>, Array2<R>));

/// Gradients of [`paired_attention`].
///
/// **eq-3-tri-code, backward**
/// ```math
/// \bar V_p = P^\top \bar O_{[:, :d_k]}, \quad \bar V_a = P^\top \bar O_{[:, d_k:]}, \qquad
/// \bar P = \bar O\, [V_p \,|\, V_a]^\top, \qquad
/// \bar Q = \frac{\bar S\, [K_p \,|\, K_a]}{\sqrt{d_q}}, \qquad
/// \bar K_p = \frac{\bar S^\top Q^{(1)}}{\sqrt{d_q}}, \quad \bar K_a = \frac{\bar S^\top Q^{(2)}}{\sqrt{d_q}}
/// ```
///
/// Derivation: with `K = [K_p | K_a]` and `V = [V_p | V_a]` this is eq-3-attn, so `K̄ = S̄' Q / √d_q` and `V̄ = P' Ō`. The
/// columns of a product belong to the columns of its right factor: the halves of `K̄` are made of the halves of `Q`, and the
/// halves of `V̄` of the halves of `Ō`.
pub fn paired_attention_backward<R: Real>(
    tape: &HeadsTape<R>,
    d_o: &ArrayRef2<R>,
    heads: &Heads,
    rows: &Ragged,
    mask: &Mask,
) -> PairedGradients<R> {
    let (dq, dk, dv) = heads.backward(tape, d_o, rows, rows, mask);
    (dq, halves(&dk, heads.count), halves(&dv, heads.count))
}

/// The blocks of both, head by head: `[x_1 | y_1 | x_2 | y_2 ..]`
fn interleaved<R: Real>(x: &ArrayRef2<R>, y: &ArrayRef2<R>, heads: usize) -> Array2<R> {
    let width = x.ncols() / heads;
    Array2::from_shape_fn((x.nrows(), 2 * x.ncols()), |(i, c)| {
        let (block, column) = (c / width, c % width);
        let from = if block.is_multiple_of(2) { x } else { y };
        from[(i, block / 2 * width + column)]
    })
}

/// The inverse of [`interleaved`].
fn halves<R: Real>(z: &Array2<R>, heads: usize) -> (Array2<R>, Array2<R>) {
    let (n, half) = (z.nrows(), z.ncols() / 2);
    let width = half / heads;
    let part = |which| {
        Array2::from_shape_fn((n, half), |(i, c)| z[(i, (2 * (c / width) + which) * width + c % width)])
    };
    (part(0), part(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(q: (usize, usize), k_p: (usize, usize), v_a: (usize, usize), heads: usize) -> String {
        let half = Array2::<f64>::ones((q.0, q.1 / 2));
        let (k_p, v_a, q) = (Array2::ones(k_p), Array2::ones(v_a), Array2::ones(q));
        let rows = Ragged::one(q.nrows());
        let heads = Heads::new(heads);
        paired_attention(&q, (&k_p, &half), (&half, &v_a), &heads, &rows, &Mask::None)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn modalities_of_different_lengths_are_refused() {
        let text = "paired_attention: k_p: expected shape [3, 4], got [2, 4]";
        assert_eq!(refused((3, 8), (2, 4), (3, 4), 2), text);
        let text = "paired_attention: v_a: expected shape [3, 4], got [4, 4]";
        assert_eq!(refused((3, 8), (3, 4), (4, 4), 2), text);
        let text = "paired_attention: k_p: expected shape [3, 4], got [3, 8]";
        assert_eq!(refused((3, 8), (3, 8), (3, 4), 2), text);
    }

    #[test]
    fn twice_the_heads_that_do_not_divide_the_width_are_refused() {
        assert_eq!(refused((3, 6), (3, 3), (3, 3), 2), "4 heads do not divide a width of 6");
        assert_eq!(refused((3, 6), (3, 3), (3, 3), 0), "0 heads do not divide a width of 6");
    }

    #[test]
    fn halves_undo_interleaving() {
        let (x, y) = (ndarray::array![[1.0, 2.0, 3.0, 4.0]], ndarray::array![[5.0, 6.0, 7.0, 8.0]]);
        let z = interleaved(&x, &y, 2);
        assert_eq!(z, ndarray::array![[1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]]);
        assert_eq!(halves(&z, 2), (x, y));
    }
}
