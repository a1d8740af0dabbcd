//! A symmetric matrix of few numbers, and products with it.

use mmt_tensor::parallel::{contiguous, new_rows};
use mmt_tensor::{Error, Ragged, Real, Result, check_finite, check_index, check_not_empty, check_shape};
use ndarray::{Array2, ArrayRef2};

/// The weights of the edges of an undirected graph: a symmetric matrix, of which only the entries that are not zero are
/// stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjacency<R> {
    /// Where the entries of each row begin.
    rows: Ragged,
    /// The columns of a row, in order.
    columns: Vec<usize>,
    /// The weights.
    weights: Vec<R>,
}

impl<R: Real> Adjacency<R> {
    /// `n` nodes and edges `(i, j, weight)`, each once: that from `j` to `i` follows. An edge `(i, i, ..)` is a loop.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no node; [`Error::IndexOutOfRange`] for a node that does not exist;
    /// [`Error::NonFinite`] for NaN and infinities; [`Error::InvalidHyperparameter`] for an edge that is given twice.
    pub fn new(n: usize, edges: &[(usize, usize, R)]) -> Result<Self> {
        if n == 0 {
            return Err(Error::EmptyInput { at: "adjacency: nodes" });
        }
        let mut lists: Vec<Vec<(usize, R)>> = vec![vec![]; n];
        for &(i, j, weight) in edges {
            check_index("adjacency: edge", i.max(j), n)?;
            if !weight.is_finite() {
                return Err(Error::NonFinite { at: "adjacency: weight" });
            }
            lists[i].push((j, weight));
            if i != j {
                lists[j].push((i, weight));
            }
        }
        for (i, list) in lists.iter_mut().enumerate() {
            list.sort_by_key(|&(j, _)| j);
            if let Some(pair) = list.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                let why = format!("between {i} and {} is given twice", pair[0].0);
                return Err(Error::InvalidHyperparameter { at: "adjacency: edge", why });
            }
        }
        Ok(Self::of_lists(lists))
    }

    /// The entries of a matrix that are not zero: `[n, n]`
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for a matrix that is not square; [`Error::InvalidHyperparameter`] for one that is not
    /// symmetric; [`Error::EmptyInput`] for none; [`Error::NonFinite`] for NaN and infinities.
    pub fn of_matrix(a: &ArrayRef2<R>) -> Result<Self> {
        check_not_empty("adjacency: matrix", a)?;
        check_shape("adjacency: matrix", a.shape(), &[a.nrows(), a.nrows()])?;
        check_finite("adjacency: matrix", a)?;
        if let Some(((i, j), _)) = a.indexed_iter().find(|&((i, j), &x)| x != a[(j, i)]) {
            let why = format!("is not symmetric at ({i}, {j})");
            return Err(Error::InvalidHyperparameter { at: "adjacency: matrix", why });
        }
        let entries = |i: usize| a.row(i).iter().copied().enumerate().collect::<Vec<_>>();
        let nonzero = |list: Vec<(usize, R)>| list.into_iter().filter(|(_, x)| *x != R::of(0.0)).collect();
        Ok(Self::of_lists((0..a.nrows()).map(entries).map(nonzero).collect()))
    }

    fn of_lists(lists: Vec<Vec<(usize, R)>>) -> Self {
        let rows = Ragged::of_lengths(lists.iter().map(Vec::len));
        let (columns, weights) = lists.into_iter().flatten().unzip();
        Adjacency { rows, columns, weights }
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.rows.samples()
    }

    /// How many entries are stored.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// The nodes that share an edge with node `i`, in order, with the weights of the edges.
    pub fn neighbors(&self, i: usize) -> impl Iterator<Item = (usize, R)> + '_ {
        self.rows.range(i).map(|at| (self.columns[at], self.weights[at]))
    }

    /// As a matrix with its zeros: `[n, n]`
    pub fn to_matrix(&self) -> Array2<R> {
        let mut a = Array2::zeros((self.nodes(), self.nodes()));
        for i in 0..self.nodes() {
            self.neighbors(i).for_each(|(j, weight)| a[(i, j)] = weight);
        }
        a
    }

    /// Weights between 0 and 1 that a signal may be passed along any number of times: a loop is added to every node, and
    /// every edge divided by the roots of both degrees.
    ///
    /// ```math
    /// \tilde A = D^{-1/2} (A + I) D^{-1/2}, \qquad D_{ii} = \sum_j (A + I)_{ij}
    /// ```
    ///
    /// The largest eigenvalue of `Ã` is 1, with the eigenvector `D^{1/2} 1`; no other is larger in size.
    ///
    /// Source: Kipf & Welling 2017, *Semi-Supervised Classification with Graph Convolutional Networks*, eq. 2.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`] for a negative weight; [`Error::NonFinite`] for a degree that overflows.
    pub fn normalized(&self) -> Result<Self> {
        if let Some(&weight) = self.weights.iter().find(|&&weight| weight < R::of(0.0)) {
            let why = format!("must not be negative, got {}", weight.to_f64());
            return Err(Error::InvalidHyperparameter { at: "adjacency: weight", why });
        }
        let looped: Vec<Vec<(usize, R)>> = (0..self.nodes()).map(|i| self.with_loop(i)).collect();
        let degree = |list: &Vec<(usize, R)>| list.iter().fold(R::of(0.0), |sum, (_, weight)| sum + *weight);
        let degrees: Vec<R> = looped.iter().map(degree).collect();
        if degrees.iter().any(|d| !d.is_finite()) {
            return Err(Error::NonFinite { at: "adjacency: degree" });
        }
        let scaled = |(i, list): (usize, Vec<(usize, R)>)| {
            list.into_iter().map(|(j, a)| (j, a / (degrees[i].sqrt() * degrees[j].sqrt()))).collect()
        };
        Ok(Self::of_lists(looped.into_iter().enumerate().map(scaled).collect()))
    }

    /// The entries of row `i` of `A + I`.
    fn with_loop(&self, i: usize) -> Vec<(usize, R)> {
        let mut list: Vec<(usize, R)> = self.neighbors(i).collect();
        match list.binary_search_by_key(&i, |&(j, _)| j) {
            Ok(at) => list[at].1 += R::of(1.0),
            Err(at) => list.insert(at, (i, R::of(1.0))),
        }
        list
    }

    /// `A X`: every node's sum over its neighbors, in their order. As `A` is symmetric, the gradient of `X` is `A` times
    /// that of the result.
    ///
    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Panics
    /// If `x` has not one row per node.
    pub fn times(&self, x: &ArrayRef2<R>) -> Array2<R> {
        assert_eq!(x.nrows(), self.nodes(), "one row per node");
        let (x, width) = (contiguous(x), x.ncols());
        let row = |j: usize| x.row(j).to_slice().expect("standard layout");
        let cost = 1 + self.entries() / self.nodes();
        new_rows(
            (self.nodes(), width),
            width,
            cost,
            #[inline(always)]
            |i, y| {
                let y = y.zeros();
                for (j, weight) in self.neighbors(i) {
                    for (y, &x) in y.iter_mut().zip(row(j)) {
                        *y += weight * x;
                    }
                }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn of_edges(n: usize, edges: &[(usize, usize, f64)]) -> String {
        Adjacency::new(n, edges).unwrap_err().to_string()
    }

    #[test]
    fn edges_that_are_none_are_refused() {
        assert_eq!(of_edges(0, &[]), "adjacency: nodes: empty");
        assert_eq!(of_edges(2, &[(0, 2, 1.0)]), "adjacency: edge: index 2 is outside a table of 2");
        assert_eq!(of_edges(2, &[(0, 1, f64::NAN)]), "adjacency: weight: not a finite number");
        let error = of_edges(2, &[(0, 1, 1.0), (1, 0, 1.0)]);
        assert_eq!(error, "adjacency: edge: between 0 and 1 is given twice");
    }

    #[test]
    fn a_matrix_that_is_not_square_or_not_symmetric_is_refused() {
        let text = |a: Array2<f64>| Adjacency::of_matrix(&a).unwrap_err().to_string();
        assert_eq!(text(Array2::zeros((2, 3))), "adjacency: matrix: expected shape [2, 2], got [2, 3]");
        let lopsided = array![[0.0, 1.0], [2.0, 0.0]];
        assert_eq!(text(lopsided), "adjacency: matrix: is not symmetric at (0, 1)");
        assert_eq!(text(array![[f64::NAN]]), "adjacency: matrix: not a finite number");
        assert_eq!(text(Array2::zeros((0, 0))), "adjacency: matrix: empty");
    }

    #[test]
    fn a_negative_weight_is_refused() {
        let graph = Adjacency::new(2, &[(0, 1, -0.5)]).unwrap();
        let error = graph.normalized().unwrap_err().to_string();
        assert_eq!(error, "adjacency: weight: must not be negative, got -0.5");
        let graph = Adjacency::new(3, &[(0, 1, f64::MAX), (0, 2, f64::MAX)]).unwrap();
        assert_eq!(graph.normalized().unwrap_err().to_string(), "adjacency: degree: not a finite number");
    }

    #[test]
    fn a_node_without_edges_keeps_its_own_signal() {
        let graph = Adjacency::<f64>::new(2, &[]).unwrap().normalized().unwrap();
        assert_eq!(graph.to_matrix(), Array2::eye(2));
    }

    #[test]
    fn a_product_is_that_of_the_matrix() {
        let graph = Adjacency::new(3, &[(0, 1, 2.0), (2, 2, 5.0)]).unwrap();
        assert_eq!(graph.to_matrix(), array![[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 5.0]]);
        let x = array![[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]];
        assert_eq!(graph.times(&x), array![[4.0, 40.0], [2.0, 20.0], [15.0, 150.0]]);
    }
}
