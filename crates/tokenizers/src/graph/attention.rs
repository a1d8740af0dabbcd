//! Nodes that weigh their neighbors by learned scores.

use mmt_tensor::ops::{add_matmul, matmul, softmax, softmax_backward, sum};
use mmt_tensor::parallel::contiguous;
use mmt_tensor::{Error, Random, Real, Result, check_finite, check_not_empty, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2, ArrayViewMut2, s};

use super::Neighbors;

/// The slope of the rectifier of the scores below zero, and at zero, where it has none: as in PyTorch.
const LEAK: f64 = 0.2;

/// Attention of every node over its neighbors and itself, in several heads.
///
/// **eq-2.12-graph-attention**
/// ```math
/// H = X W, \qquad
/// e_{ij}^k = \operatorname{LeakyReLU}_{0.2}\bigl( a_k^\top [ H_i^k \,\|\, H_j^k ] \bigr), \qquad
/// \alpha_{ij}^k = \operatorname{softmax}_{j \in N(i) \cup \{i\}} (e_{ij}^k), \qquad
/// y_i = \Bigl\Vert_{k=1}^h \sum_j \alpha_{ij}^k H_j^k + b
/// ```
///
/// `x: [n, d_in]`, `w: [d_in, d]`, `a: [h, 2 d / h]`, `b: [d]` → `y: [n, d]`; head `k` of `H_i` is its `k`-th block of columns
///
/// The first half of `a_k` meets the node that receives, the second half the one that is read, so a score is a sum of two
/// numbers that belong to nodes: the pairs are never laid side by side. A node without neighbors gets `H_i + b`.
///
/// Source: Veličković et al. 2018, *Graph Attention Networks*, eqs. 1 to 5, with the sum of G-BERT's released code,
/// `graph_models.py`: no nonlinearity after it.
#[derive(Clone, Debug)]
pub struct GraphAttention<R> {
    /// `W: [d_in, d]`
    pub weight: Array2<R>,
    /// `a: [h, 2 d / h]`
    pub a: Array2<R>,
    /// `b: [d]`
    pub bias: Array1<R>,
}

tree!(GraphAttention { weight, a, bias });

/// What [`GraphAttention::backward`] reads.
#[derive(Clone, Debug)]
pub struct GraphAttentionTape<R> {
    /// `x: [n, d_in]`
    pub x: Array2<R>,
    /// `H: [n, d]`
    pub h: Array2<R>,
    /// The scores before the rectifier, of every edge: `[h, edges]`
    pub scores: Array2<R>,
    /// `α: [h, edges]`
    pub alpha: Array2<R>,
    /// The edges.
    pub neighbors: Neighbors,
}

tree!(GraphAttentionTape { x, h, scores, alpha; neighbors });

impl<R: Real> GraphAttention<R> {
    /// `W` and `a` uniform in `±√(6 / (rows + columns))`, the bias zero.
    ///
    /// # Errors
    /// [`Error::HeadDivisibility`] if `heads` is zero or does not divide `d`.
    pub fn new(d_in: usize, d: usize, heads: usize, random: &mut Random) -> Result<Self> {
        check_heads(d, heads)?;
        let mut uniform = |rows: usize, columns: usize| {
            random.uniform((rows, columns), (6.0 / (rows + columns).max(1) as f64).sqrt())
        };
        let (weight, a) = (uniform(d_in, d), uniform(heads, 2 * (d / heads)));
        Ok(GraphAttention { weight, a, bias: Array1::zeros(d) })
    }

    /// `x: [n, d_in]` → `[n, d]`
    ///
    /// # Errors
    /// [`Error::HeadDivisibility`] if the number of heads does not divide the width; [`Error::ShapeMismatch`] for arrays
    /// that do not fit; [`Error::EmptyInput`] for no node; [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        neighbors: &Neighbors,
    ) -> Result<(Array2<R>, GraphAttentionTape<R>)> {
        self.check(x, neighbors)?;
        let h = matmul(x, &self.weight);
        check_finite("graph_attention: h", &h)?;
        let scores = self.scores(&h, neighbors);
        check_finite("graph_attention: scores", &scores)?;
        let (width, mut alpha) = (self.a.ncols() / 2, Array2::zeros(scores.dim()));
        let mut y = Array2::zeros(h.dim());
        y += &self.bias;
        for (i, edges) in neighbors.rows().ranges().enumerate() {
            for k in 0..self.a.nrows() {
                let leaked = scores.slice(s![k, edges.clone()]).mapv(leak);
                alpha.slice_mut(s![k, edges.clone()]).assign(&softmax(&leaked)?);
                let head = k * width..(k + 1) * width;
                let mut y = y.slice_mut(s![i, head.clone()]);
                for edge in edges.clone() {
                    y.scaled_add(alpha[(k, edge)], &h.slice(s![neighbors.source(edge), head.clone()]));
                }
            }
        }
        check_finite("graph_attention: y", &y)?;
        Ok((y, GraphAttentionTape { x: x.to_owned(), h, scores, alpha, neighbors: neighbors.clone() }))
    }

    fn check(&self, x: &ArrayRef2<R>, neighbors: &Neighbors) -> Result<()> {
        let d = self.weight.ncols();
        check_not_empty("graph_attention: x", x)?;
        check_shape("graph_attention: x", x.shape(), &[neighbors.nodes(), self.weight.nrows()])?;
        check_heads(d, self.a.nrows())?;
        check_shape("graph_attention: a", self.a.shape(), &[self.a.nrows(), 2 * (d / self.a.nrows())])?;
        check_shape("graph_attention: b", self.bias.shape(), &[d])?;
        check_finite("graph_attention: x", x)?;
        check_finite("graph_attention: w", &self.weight)?;
        check_finite("graph_attention: a", &self.a)?;
        check_finite("graph_attention: b", &self.bias)
    }

    /// `a_k' [H_i ‖ H_j]` of every head and edge, from one number per node and side.
    fn scores(&self, h: &Array2<R>, neighbors: &Neighbors) -> Array2<R> {
        let (heads, width) = (self.a.nrows(), self.a.ncols() / 2);
        let (h, a) = (contiguous(h), contiguous(&self.a));
        let side = |k: usize, i: usize, first: usize| {
            let a = &a.row(k).to_slice().expect("standard layout")[first..first + width];
            sum::dot(a, &h.row(i).to_slice().expect("standard layout")[k * width..(k + 1) * width])
        };
        let table = |first| Array2::from_shape_fn((heads, h.nrows()), |(k, i)| side(k, i, first));
        let (receives, is_read) = (table(0), table(width));
        let mut scores = Array2::zeros((heads, neighbors.edges()));
        for (i, edges) in neighbors.rows().ranges().enumerate() {
            for edge in edges {
                for k in 0..heads {
                    scores[(k, edge)] = receives[(k, i)] + is_read[(k, neighbors.source(edge))];
                }
            }
        }
        scores
    }

    /// Gradients: returns `X̄`, adds to those of the parameters.
    ///
    /// **eq-2.12-graph-attention, backward**
    /// ```math
    /// \bar\alpha_{ij} = \bar y_i^\top H_j, \qquad
    /// \bar e_{ij} = \alpha_{ij} \Bigl( \bar\alpha_{ij} - \sum_{j'} \alpha_{ij'} \bar\alpha_{ij'} \Bigr), \qquad
    /// \bar s_{ij} = \bar e_{ij} \cdot \begin{cases} 1 & s_{ij} \ge 0 \\ 0.2 & s_{ij} < 0 \end{cases}
    /// ```
    /// ```math
    /// \bar H_j = \sum_i \bigl( \alpha_{ij} \bar y_i + \bar s_{ij}\, a^{(2)} \bigr) + \sum_{j'} \bar s_{jj'}\, a^{(1)}, \qquad
    /// \bar a^{(1)} = \sum_{ij} \bar s_{ij} H_i, \quad \bar a^{(2)} = \sum_{ij} \bar s_{ij} H_j, \qquad
    /// \bar W = X^\top \bar H, \quad \bar X = \bar H W^\top, \quad \bar b = \sum_i \bar y_i
    /// ```
    ///
    /// Derivation, for each head by itself: `y_i = Σ_j α_ij H_j + b` hands `ȳ_i` to `b`, `ȳ_i' H_j` to `α_ij` and `α_ij ȳ_i` to
    /// `H_j`. The softmax over the neighbors of `i` and the slope of the rectifier follow. A score
    /// `s_ij = a^{(1)}' H_i + a^{(2)}' H_j` has the gradient `a^{(1)}` for the node that receives and `a^{(2)}` for the node that is
    /// read; a node is both, once for each of its edges.
    pub fn backward(&self, tape: &GraphAttentionTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let (heads, width) = (self.a.nrows(), self.a.ncols() / 2);
        let mut dh = Array2::zeros(tape.h.dim());
        for k in 0..heads {
            let head = k * width..(k + 1) * width;
            let (receives, is_read) = score_gradients(tape, dy, k, &mut dh.slice_mut(s![.., head.clone()]));
            let (h, a) = (tape.h.slice(s![.., head.clone()]), self.a.row(k));
            let mut da = grad.a.row_mut(k);
            for (side, first) in [(receives, 0), (is_read, width)] {
                for (i, &ds) in side.iter().enumerate() {
                    let columns = first..first + width;
                    dh.slice_mut(s![i, head.clone()]).scaled_add(ds, &a.slice(s![columns.clone()]));
                    da.slice_mut(s![columns]).scaled_add(ds, &h.row(i));
                }
            }
        }
        sum::add_column_sums(&mut grad.bias, dy);
        add_matmul(&mut grad.weight, &tape.x.t(), &dh);
        matmul(&dh, &self.weight.t())
    }
}

/// What one head hands back: adds `α_ij ȳ_i` to `dh`, and returns the sums of `s̄_ij` over the edges in which a node receives
/// and over those in which it is read.
fn score_gradients<R: Real>(
    tape: &GraphAttentionTape<R>,
    dy: &ArrayRef2<R>,
    k: usize,
    dh: &mut ArrayViewMut2<R>,
) -> (Vec<R>, Vec<R>) {
    let width = dh.ncols();
    let head = s![.., k * width..(k + 1) * width];
    let (h, dy) = (tape.h.slice(head).to_owned(), dy.slice(head).to_owned());
    let row = |a: &Array2<R>, i: usize| a.row(i).to_vec();
    let mut sides = (vec![R::of(0.0); h.nrows()], vec![R::of(0.0); h.nrows()]);
    for (i, edges) in tape.neighbors.rows().ranges().enumerate() {
        let dy_i = row(&dy, i);
        let dalpha: Array1<R> =
            (edges.clone()).map(|edge| sum::dot(&dy_i, &row(&h, tape.neighbors.source(edge)))).collect();
        let de = softmax_backward(&tape.alpha.slice(s![k, edges.clone()]), &dalpha);
        for (edge, &de) in edges.zip(&de) {
            let j = tape.neighbors.source(edge);
            dh.row_mut(j).scaled_add(tape.alpha[(k, edge)], &dy.row(i));
            let ds = if tape.scores[(k, edge)] < R::of(0.0) { R::of(LEAK) * de } else { de };
            sides.0[i] += ds;
            sides.1[j] += ds;
        }
    }
    sides
}

fn leak<R: Real>(s: R) -> R {
    if s < R::of(0.0) { R::of(LEAK) * s } else { s }
}

fn check_heads(d: usize, heads: usize) -> Result<()> {
    if d > 0 && d.checked_rem(heads) == Some(0) {
        return Ok(());
    }
    Err(Error::HeadDivisibility { width: d, heads })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> (GraphAttention<f64>, Neighbors) {
        let module = GraphAttention::new(3, 4, 2, &mut Random::seed(0)).unwrap();
        (module, Neighbors::new(2, &[(0, 1)]).unwrap())
    }

    fn text(module: &GraphAttention<f64>, x: &Array2<f64>) -> String {
        module.forward(x, &parts().1).unwrap_err().to_string()
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused() {
        for heads in [0, 3] {
            let error = GraphAttention::<f64>::new(3, 4, heads, &mut Random::seed(0)).unwrap_err();
            assert_eq!(error.to_string(), format!("{heads} heads do not divide a width of 4"));
        }
        let (mut module, _) = parts();
        module.a = Array2::zeros((3, 2));
        assert_eq!(text(&module, &Array2::ones((2, 3))), "3 heads do not divide a width of 4");
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let (mut module, _) = parts();
        let x = Array2::ones((2, 3));
        let error = text(&module, &Array2::ones((3, 3)));
        assert_eq!(error, "graph_attention: x: expected shape [2, 3], got [3, 3]");
        module.a = Array2::zeros((2, 5));
        assert_eq!(text(&module, &x), "graph_attention: a: expected shape [2, 4], got [2, 5]");
        module.a = Array2::zeros((2, 4));
        module.bias = Array1::zeros(3);
        assert_eq!(text(&module, &x), "graph_attention: b: expected shape [4], got [3]");
        assert_eq!(text(&module, &Array2::ones((0, 3))), "graph_attention: x: empty");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (good, _) = parts();
            let mut x = Array2::ones((2, 3));
            x[(1, 1)] = bad;
            assert_eq!(text(&good, &x), "graph_attention: x: not a finite number");
            let mut module = good.clone();
            module.a[(0, 0)] = bad;
            assert_eq!(text(&module, &Array2::ones((2, 3))), "graph_attention: a: not a finite number");
            let mut module = good.clone();
            module.weight[(0, 0)] = bad;
            assert_eq!(text(&module, &Array2::ones((2, 3))), "graph_attention: w: not a finite number");
            let mut module = good;
            module.bias[0] = bad;
            assert_eq!(text(&module, &Array2::ones((2, 3))), "graph_attention: b: not a finite number");
        }
    }
}
