//! Attention over a concatenation as a gated sum of attentions over its parts.

use mmt_tensor::ops::sum::dot;
use mmt_tensor::ops::{softmax, softmax_backward};
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_shape, tree};
use ndarray::{Array2, ArrayRef2, s};

/// An attention over some of the keys: its output `[n, d]`, and the logarithms of its sums `[n, h]`.
pub type Part<'a, R> = (&'a ArrayRef2<R>, &'a ArrayRef2<R>);

/// What [`gate_backward`] reads.
#[derive(Clone, Debug)]
pub struct GateTape<R> {
    /// `O^m`, one for each part: `[n, d]`
    pub parts: Vec<Array2<R>>,
    /// `g`, with a row for each query and head and a column for each part: `[n h, k]`
    pub g: Array2<R>,
}

tree!(GateTape { parts, g });

/// What attention over all keys would have given, from attentions over parts of them.
///
/// **eq-3-gate**
/// ```math
/// O_i = \sum_m g_{im}\, O^m_i, \qquad g_i = \operatorname{softmax}_m(\ell^m_i), \qquad
/// \text{two parts: } g_i = \sigma(\ell^A_i - \ell^B_i)
/// ```
///
/// `k` parts of `o: [n, d]` and `l: [n, h]` → `[n, d]`, a gate for each query and head
///
/// So attention over a concatenation is self-attention and cross-attention, mixed for every query and head by how much
/// weight each side has. A long modality weighs more: `ℓ` grows with the logarithm of its length. Tiled attention joins its
/// tiles by the same rule.
///
/// Derivation: let `s^m_i = Σ_{j in m} e^{S_ij}` be the sum of a part, so that `ℓ^m_i = log s^m_i`. Then
/// ```math
/// O_i = \frac{\sum_m \sum_{j \in m} e^{S_{ij}} V_j}{\sum_m s^m_i}
///   = \sum_m \frac{s^m_i}{\sum_k s^k_i} \cdot \frac{\sum_{j \in m} e^{S_{ij}} V_j}{s^m_i} .
/// ```
///
/// Source: follows from the definition; as a rule for joining tiles in Dao et al. 2022, *FlashAttention*, section 3.1.
///
/// # Errors
/// [`Error::EmptyInput`] for no part; [`Error::ShapeMismatch`] for parts of different shapes;
/// [`Error::HeadDivisibility`] if the number of sums does not divide the width; [`Error::FullyMaskedRow`] for a query
/// that sees no key in any part; [`Error::NonFinite`] for NaN and infinities in an output and for NaN and `+∞` in a
/// sum.
pub fn gate<R: Real>(parts: &[Part<R>]) -> Result<(Array2<R>, GateTape<R>)> {
    let Some((first, sums)) = parts.first() else { return Err(Error::EmptyInput { at: "gate: parts" }) };
    let ((n, d), heads) = (first.dim(), sums.ncols());
    if heads == 0 || !d.is_multiple_of(heads) {
        return Err(Error::HeadDivisibility { width: d, heads });
    }
    for (o, l) in parts {
        check_shape("gate: o", o.shape(), &[n, d])?;
        check_shape("gate: l", l.shape(), &[n, heads])?;
        check_not_empty("gate: o", o)?;
        check_finite("gate: o", o)?;
    }
    let l = Array2::from_shape_fn((n * heads, parts.len()), |(i, m)| parts[m].1[(i / heads, i % heads)]);
    let g = softmax(&l).map_err(|error| match error {
        Error::FullyMaskedRow { row } => Error::FullyMaskedRow { row: row / heads },
        _ => Error::NonFinite { at: "gate: l" },
    })?;
    let mut o = Array2::zeros((n, d));
    for (m, (part, _)) in parts.iter().enumerate() {
        o += &gated(part, &g, m);
    }
    Ok((o, GateTape { parts: parts.iter().map(|(o, _)| (*o).to_owned()).collect(), g }))
}

/// Gradients of [`gate`]: for each part those of its output and of its sums.
///
/// **eq-3-gate, backward**
/// ```math
/// \bar O^m_i = g_{im} \bar O_i, \qquad \bar g_{im} = \langle \bar O_i, O^m_i \rangle, \qquad
/// \bar\ell^m_i = g_{im} \Bigl( \bar g_{im} - \sum_k g_{ik}\, \bar g_{ik} \Bigr), \qquad
/// \text{two parts: } \bar\ell^A_i = -\bar\ell^B_i = g_i (1 - g_i) \langle \bar O_i, O^A_i - O^B_i \rangle
/// ```
///
/// Derivation: `O` is linear in every part and in every gate, so `Ō^m` and `ḡ` are the other factor of the product. The gates
/// are a softmax of the sums: eq-0.2-softmax. With two parts `ḡ_A - g ḡ_A - (1 - g) ḡ_B = (1 - g)(ḡ_A - ḡ_B)`.
pub fn gate_backward<R: Real>(tape: &GateTape<R>, d_o: &ArrayRef2<R>) -> Vec<(Array2<R>, Array2<R>)> {
    let (n, d) = d_o.dim();
    let heads = tape.g.nrows() / n;
    let width = d / heads;
    let block = |x: &ArrayRef2<R>, i: usize| {
        x.slice(s![i / heads, i % heads * width..(i % heads + 1) * width]).to_vec()
    };
    let dg = Array2::from_shape_fn(tape.g.dim(), |(i, m)| dot(&block(d_o, i), &block(&tape.parts[m], i)));
    let dl = softmax_backward(&tape.g, &dg);
    let sums = |m| Array2::from_shape_fn((n, heads), |(i, a)| dl[(i * heads + a, m)]);
    (0..tape.parts.len()).map(|m| (gated(d_o, &tape.g, m), sums(m))).collect()
}

/// `x`, with every head of every row multiplied by its gate for part `m`.
fn gated<R: Real>(x: &ArrayRef2<R>, g: &Array2<R>, m: usize) -> Array2<R> {
    let heads = g.nrows() / x.nrows();
    let width = x.ncols() / heads;
    Array2::from_shape_fn(x.dim(), |(i, c)| g[(i * heads + c / width, m)] * x[(i, c)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_parts_are_refused() {
        let text = |parts: &[(Array2<f64>, Array2<f64>)]| {
            let parts: Vec<Part<f64>> = parts.iter().map(|(o, l)| (&**o, &**l)).collect();
            gate(&parts).unwrap_err().to_string()
        };
        let part = |o: (usize, usize), l: (usize, usize)| (Array2::zeros(o), Array2::zeros(l));
        assert_eq!(text(&[]), "gate: parts: empty");
        assert_eq!(text(&[part((2, 4), (2, 3))]), "3 heads do not divide a width of 4");
        assert_eq!(text(&[part((2, 4), (2, 0))]), "0 heads do not divide a width of 4");
        let good = part((2, 4), (2, 2));
        assert_eq!(text(&[good.clone(), part((3, 4), (3, 2))]), "gate: o: expected shape [2, 4], got [3, 4]");
        assert_eq!(text(&[good.clone(), part((2, 4), (2, 1))]), "gate: l: expected shape [2, 2], got [2, 1]");
        assert_eq!(text(&[part((0, 4), (0, 2))]), "gate: o: empty");
        let nan = (Array2::from_elem((2, 4), f64::NAN), good.1.clone());
        assert_eq!(text(&[good.clone(), nan]), "gate: o: not a finite number");
        let nan = (good.0.clone(), Array2::from_elem((2, 2), f64::NAN));
        assert_eq!(text(&[good.clone(), nan]), "gate: l: not a finite number");
        let mut dead = good.clone();
        dead.1.row_mut(1).fill(f64::NEG_INFINITY);
        assert_eq!(text(&[dead.clone(), dead]), "query 1 may see no key");
    }
}
