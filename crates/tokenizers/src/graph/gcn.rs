//! Embeddings of words from a network on their graph.

use mmt_tensor::ops::{add_matmul, matmul, relu, relu_backward};
use mmt_tensor::{Error, Random, Real, Result, check_finite, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use super::Adjacency;

/// A graph convolutional network of two layers.
///
/// A word has two candidates for its embedding: `P`, the first layer before its rectifier, which is what TextGCN saves, and
/// the output `Z`.
#[derive(Clone, Debug)]
pub struct Gcn<R> {
    /// `W_0: [d_in, hidden]`, where `d_in` is the number of nodes if their features are one-hot.
    pub w_0: Array2<R>,
    /// `W_1: [hidden, d_out]`
    pub w_1: Array2<R>,
}

tree!(Gcn { w_0, w_1 });

/// What [`Gcn::backward`] reads.
#[derive(Clone, Debug)]
pub struct GcnTape<R> {
    /// `Ã X: [n, d_in]`; `None` for one-hot features, for which it is `Ã`.
    pub ax: Option<Array2<R>>,
    /// `P = Ã X W_0: [n, hidden]`
    pub p: Array2<R>,
    /// `Ã H: [n, hidden]`
    pub ah: Array2<R>,
}

tree!(GcnTape { ax, p, ah });

impl<R: Real> Gcn<R> {
    /// Weights uniform in `±√(6 / (rows + columns))`. TextGCN has a hidden width of 200.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for a width of zero.
    pub fn new(d_in: usize, hidden: usize, d_out: usize, random: &mut Random) -> Result<Self> {
        if d_in == 0 || hidden == 0 || d_out == 0 {
            return Err(Error::EmptyInput { at: "gcn: w" });
        }
        let mut weight = |rows: usize, columns: usize| {
            random.uniform((rows, columns), (6.0 / (rows + columns) as f64).sqrt())
        };
        Ok(Gcn { w_0: weight(d_in, hidden), w_1: weight(hidden, d_out) })
    }

    /// Two rounds in which every node takes a weighted mean over its neighbors.
    ///
    /// **eq-2.7-gcn**
    /// ```math
    /// P = \tilde A X W_0, \qquad H = \mathrm{ReLU}(P), \qquad Z = \tilde A H W_1
    /// ```
    ///
    /// `x: [n, d_in]` or `None`, `Ã` of `n` nodes → `z: [n, d_out]`
    ///
    /// `None` stands for one-hot features, `X = I`, as in TextGCN: then `P = Ã W_0`, and row `i` of `W_0` belongs to node `i`.
    /// `Ã` comes from [`Adjacency::normalized`]; its product costs as much as the graph has edges. Dropout, where it is
    /// wanted, is a mask on `X` and `H`.
    ///
    /// Source: Kipf & Welling 2017, *Semi-Supervised Classification with Graph Convolutional Networks*, eq. 9; Yao, Mao &
    /// Luo 2019, *Graph Convolutional Networks for Text Classification*, eq. 7.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of rows than nodes, or other widths; [`Error::NonFinite`] for NaN and
    /// infinities. That `Ã` is square and symmetric, [`Adjacency`] has seen to.
    pub fn forward(&self, x: Option<&ArrayRef2<R>>, graph: &Adjacency<R>) -> Result<(Array2<R>, GcnTape<R>)> {
        let (n, d_in) = (graph.nodes(), self.w_0.nrows());
        check_shape("gcn: w_1", self.w_1.shape(), &[self.w_0.ncols(), self.w_1.ncols()])?;
        let (ax, p) = match x {
            Some(x) => {
                check_shape("gcn: x", x.shape(), &[n, d_in])?;
                let ax = graph.times(x);
                let p = matmul(&ax, &self.w_0);
                (Some(ax), p)
            }
            None => {
                check_shape("gcn: w_0", self.w_0.shape(), &[n, self.w_0.ncols()])?;
                (None, graph.times(&self.w_0))
            }
        };
        self.check_first(x, &p)?;
        let ah = graph.times(&relu(&p)?);
        let z = matmul(&ah, &self.w_1);
        check_finite("gcn: w_1", &self.w_1)?;
        check_finite("gcn: z", &z)?;
        Ok((z, GcnTape { ax, p, ah }))
    }

    /// The rectifier would erase a NaN, and a node without edges would not see one elsewhere.
    fn check_first(&self, x: Option<&ArrayRef2<R>>, p: &Array2<R>) -> Result<()> {
        x.map_or(Ok(()), |x| check_finite("gcn: x", x))?;
        check_finite("gcn: w_0", &self.w_0)?;
        check_finite("gcn: p", p)
    }

    /// Gradients: returns `X̄`, `None` for one-hot features, and adds to those of the weights.
    ///
    /// **eq-2.7-gcn, backward**
    /// ```math
    /// \bar W_1 = (\tilde A H)^\top \bar Z, \qquad
    /// \bar H = \tilde A^\top \bar Z W_1^\top, \qquad
    /// \bar P = \bar H \odot [P > 0], \qquad
    /// \bar W_0 = (\tilde A X)^\top \bar P, \qquad
    /// \bar X = \tilde A^\top \bar P W_0^\top
    /// ```
    ///
    /// Derivation: each layer is a product of three matrices. For `Z = Ã H W_1`,
    /// ```math
    /// \langle \bar Z,\; \tilde A\, dH\, W_1 \rangle = \langle \tilde A^\top \bar Z W_1^\top,\; dH \rangle, \qquad
    /// \langle \bar Z,\; \tilde A H\, dW_1 \rangle = \langle (\tilde A H)^\top \bar Z,\; dW_1 \rangle,
    /// ```
    /// the same for the first layer, and the rectifier between them has slope 1 or 0. `Ã' = Ã`. The graph is a constant.
    pub fn backward(
        &self,
        tape: &GcnTape<R>,
        dz: &ArrayRef2<R>,
        graph: &Adjacency<R>,
        grad: &mut Self,
    ) -> Option<Array2<R>> {
        add_matmul(&mut grad.w_1, &tape.ah.t(), dz);
        let dh = graph.times(&matmul(dz, &self.w_1.t()));
        let dp = relu_backward(&tape.p, &dh);
        match &tape.ax {
            Some(ax) => {
                add_matmul(&mut grad.w_0, &ax.t(), &dp);
                Some(graph.times(&matmul(&dp, &self.w_0.t())))
            }
            None => {
                grad.w_0 += &graph.times(&dp);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (Gcn<f64>, Adjacency<f64>) {
        let gcn = Gcn::new(3, 4, 2, &mut Random::seed(0)).unwrap();
        (gcn, Adjacency::new(3, &[(0, 1, 1.0)]).unwrap().normalized().unwrap())
    }

    fn text(gcn: &Gcn<f64>, x: Option<&Array2<f64>>) -> String {
        gcn.forward(x.map(|x| &**x), &parts().1).unwrap_err().to_string()
    }

    #[test]
    fn widths_of_zero_are_refused() {
        for (d_in, hidden, d_out) in [(0, 1, 1), (1, 0, 1), (1, 1, 0)] {
            let error = Gcn::<f64>::new(d_in, hidden, d_out, &mut Random::seed(0)).unwrap_err();
            assert_eq!(error.to_string(), "gcn: w: empty");
        }
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let (gcn, _) = parts();
        let x = Array2::ones((2, 3));
        assert_eq!(text(&gcn, Some(&x)), "gcn: x: expected shape [3, 3], got [2, 3]");
        let other = Gcn { w_0: Array2::ones((2, 4)), ..gcn.clone() };
        assert_eq!(text(&other, None), "gcn: w_0: expected shape [3, 4], got [2, 4]");
        let other = Gcn { w_1: Array2::ones((3, 2)), ..gcn };
        assert_eq!(text(&other, None), "gcn: w_1: expected shape [4, 2], got [3, 2]");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_even_behind_a_rectifier() {
        for bad in [f64::NAN, f64::NEG_INFINITY] {
            let (mut gcn, _) = parts();
            let mut x = Array2::ones((3, 3));
            x[(2, 1)] = bad;
            assert_eq!(text(&gcn, Some(&x)), "gcn: x: not a finite number");
            gcn.w_0[(2, 0)] = bad;
            assert_eq!(text(&gcn, None), "gcn: w_0: not a finite number");
            let (mut gcn, _) = parts();
            gcn.w_1[(0, 0)] = bad;
            assert_eq!(text(&gcn, None), "gcn: w_1: not a finite number");
        }
    }
}
