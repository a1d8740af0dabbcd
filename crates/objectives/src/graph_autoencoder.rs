//! Embeddings of nodes that have to say where the edges are.

use mmt_tensor::ops::{matmul, sum};
use mmt_tensor::parallel::zip_elements;
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape, tree};
use ndarray::{Array2, ArrayRef2, Zip};

/// Rough operations per pair, for the decision to use threads.
const COST: usize = 20;

/// What [`graph_autoencoder_backward`] reads.
#[derive(Clone, Debug)]
pub struct GraphAutoencoderTape<R> {
    /// `z: [n, d]`
    pub z: Array2<R>,
    /// `Z Z': [n, n]`
    pub scores: Array2<R>,
}

tree!(GraphAutoencoderTape { z, scores });

/// Cross entropy of guessing from products of embeddings which nodes share an edge.
///
/// **eq-2.7-graph-autoencoder**
/// ```math
/// s_{ij} = z_i^\top z_j, \qquad
/// \ell = \frac{1}{n^2} \sum_{i,j} \bigl( -w\, T_{ij} \log \sigma(s_{ij}) - (1 - T_{ij}) \log \sigma(-s_{ij}) \bigr)
/// ```
///
/// `z: [n, d]`, `edges: [n, n]` → a number; `T_{ij}` is 1 for an edge and 0 for none
///
/// `w` is the weight of an edge; with [`edge_weight`] the edges weigh as much as all other pairs together. An objective
/// without labels for eq-2.7-gcn; it couples all nodes of a graph.
///
/// Source: Kipf & Welling 2016, *Variational Graph Auto-Encoders*, section 3, and the weight in the released code.
///
/// # Errors
/// [`Error::EmptyInput`] for no node; [`Error::ShapeMismatch`] for edges of another number of nodes;
/// [`Error::InvalidHyperparameter`] for a weight that is not positive; [`Error::NonFinite`] for NaN and infinities.
pub fn graph_autoencoder<R: Real>(
    z: &ArrayRef2<R>,
    edges: &ArrayRef2<bool>,
    weight: f64,
) -> Result<(R, GraphAutoencoderTape<R>)> {
    check_not_empty("graph_autoencoder: z", z)?;
    check_shape("graph_autoencoder: edges", edges.shape(), &[z.nrows(), z.nrows()])?;
    check_setting("graph_autoencoder: weight", weight > 0.0 && weight.is_finite(), || {
        format!("must be positive, got {weight}")
    })?;
    check_finite("graph_autoencoder: z", z)?;
    let scores = matmul(z, &z.t());
    check_finite("graph_autoencoder: score", &scores)?;
    let target = edges.mapv(|edge| R::of(f64::from(u8::from(edge))));
    let sum = sum::total_of_2(
        &scores,
        &target,
        COST,
        #[inline(always)]
        |s, t| {
            let rest = (-s.abs()).exp().ln_1p();
            let (no_edge, edge) = (s.max(R::of(0.0)) + rest, (-s).max(R::of(0.0)) + rest);
            R::of(weight) * t * edge + (R::of(1.0) - t) * no_edge
        },
    );
    let loss = sum / R::of(edges.len() as f64);
    if !loss.is_finite() {
        return Err(Error::NonFinite { at: "graph_autoencoder: loss" });
    }
    Ok((loss, GraphAutoencoderTape { z: z.to_owned(), scores }))
}

/// Gradient of [`graph_autoencoder`]: `z̄`.
///
/// **eq-2.7-graph-autoencoder, backward**
/// ```math
/// G_{ij} = \frac{\bar\ell}{n^2} \bigl( (1 - T_{ij})\, \sigma(s_{ij}) - w\, T_{ij}\, (1 - \sigma(s_{ij})) \bigr), \qquad
/// \bar Z = (G + G^\top) Z
/// ```
///
/// Derivation: `G` holds the slopes of the two logarithms, `σ - 1` of `-log σ(s)` and `σ` of `-log σ(-s)`. A score is a product
/// of two embeddings, and each of them occurs on both sides:
/// ```math
/// d\ell = \sum_{ij} G_{ij}\, ( dz_i^\top z_j + z_i^\top dz_j ) = \sum_i dz_i^\top \sum_j (G_{ij} + G_{ji})\, z_j
/// ```
pub fn graph_autoencoder_backward<R: Real>(
    tape: &GraphAutoencoderTape<R>,
    edges: &ArrayRef2<bool>,
    weight: f64,
    dl: R,
) -> Array2<R> {
    let scale = dl / R::of(edges.len() as f64);
    let target = edges.mapv(|edge| R::of(f64::from(u8::from(edge))));
    let g = zip_elements(
        &tape.scores,
        &target,
        COST,
        #[inline(always)]
        |s, t| {
            let p = s.sigmoid();
            scale * ((R::of(1.0) - t) * p - R::of(weight) * t * (-s).sigmoid())
        },
    );
    matmul(&(&g + &g.t()), &tape.z)
}

/// `(n² - E) / E`, with which edges weigh as much as all other pairs.
///
/// # Errors
/// [`Error::EmptyInput`] for no edge, or no pair without one.
pub fn edge_weight(edges: &ArrayRef2<bool>) -> Result<f64> {
    let mut count = 0;
    Zip::from(edges).for_each(|&edge| count += usize::from(edge));
    if count == 0 || count == edges.len() {
        return Err(Error::EmptyInput { at: "edge_weight: edges" });
    }
    Ok((edges.len() - count) as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(z: Array2<f64>, edges: Array2<bool>, weight: f64) -> String {
        graph_autoencoder(&z, &edges, weight).unwrap_err().to_string()
    }

    #[test]
    fn edges_of_other_nodes_are_refused() {
        let error = text(array![[1.0], [2.0]], array![[true]], 1.0);
        assert_eq!(error, "graph_autoencoder: edges: expected shape [2, 2], got [1, 1]");
        let error = text(Array2::zeros((0, 2)), Array2::from_elem((0, 0), true), 1.0);
        assert_eq!(error, "graph_autoencoder: z: empty");
    }

    #[test]
    fn a_weight_that_is_not_positive_is_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = text(array![[1.0]], array![[true]], bad);
            assert_eq!(error, format!("graph_autoencoder: weight: must be positive, got {bad}"));
        }
    }

    #[test]
    fn embeddings_that_are_not_finite_are_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let error = text(array![[bad]], array![[true]], 1.0);
            assert_eq!(error, "graph_autoencoder: z: not a finite number");
        }
        let error = text(array![[1e200]], array![[true]], 1.0);
        assert_eq!(error, "graph_autoencoder: score: not a finite number");
        let far = array![[1e154], [1e154]];
        let error = text(far, Array2::from_elem((2, 2), false), 1.0);
        assert_eq!(error, "graph_autoencoder: loss: not a finite number");
    }

    #[test]
    fn a_weight_needs_pairs_of_both_kinds() {
        assert_eq!(edge_weight(&array![[false, true], [true, false]]).unwrap(), 1.0);
        for all in [true, false] {
            let error = edge_weight(&Array2::from_elem((2, 2), all)).unwrap_err();
            assert_eq!(error.to_string(), "edge_weight: edges: empty");
        }
    }
}
