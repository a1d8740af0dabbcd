//! A token of its own in front of every sample, and positions for all of them.

use mmt_tensor::{Error, Ragged, Random, Real, Result, check_finite, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2, s};

use crate::{add_positions, add_positions_backward};

/// A learned token in front of `N` tokens, and a learned position for each of the `N + 1`.
///
/// The input of eq-1.26-vit. The class token has a position like any other: it comes first, and the table is added
/// afterwards.
#[derive(Clone, Debug)]
pub struct ClassToken<R> {
    /// `x_cls: [d]`
    pub class: Array1<R>,
    /// `E_pos: [N + 1, d]`
    pub position: Array2<R>,
}

tree!(ClassToken { class, position });

impl<R: Real> ClassToken<R> {
    /// For `n` tokens of width `d`: the class token zero, positions normal with standard deviation 0.02.
    ///
    /// Source: google-research/vision_transformer, `vit_jax/models_vit.py`.
    pub fn new(n: usize, d: usize, random: &mut Random) -> Self {
        ClassToken { class: Array1::zeros(d), position: random.normal((n + 1, d), 0.02) }
    }

    /// Where the samples begin once each of them has a class token.
    pub fn rows(rows: &Ragged) -> Ragged {
        Ragged::of_lengths(rows.lengths().map(|n| n + 1))
    }

    /// `x: [B N, d]` → `[B (N + 1), d]`
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the table has not one row more than each sample has tokens, or another width than the
    /// tokens; [`Error::EmptyInput`] for no sample; [`Error::NonFinite`] for NaN, infinities and sums that overflow.
    pub fn forward(&self, x: &ArrayRef2<R>, rows: &Ragged) -> Result<Array2<R>> {
        rows.check("class_token: x", x)?;
        check_shape("class_token: class", self.class.shape(), &[x.ncols()])?;
        if rows.samples() == 0 {
            return Err(Error::EmptyInput { at: "class_token: x" });
        }
        for n in rows.lengths() {
            check_shape("class_token: position", self.position.shape(), &[n + 1, x.ncols()])?;
        }
        let all = Self::rows(rows);
        let mut z = Array2::zeros((all.tokens(), x.ncols()));
        for (from, to) in rows.ranges().zip(all.ranges()) {
            z.row_mut(to.start).assign(&self.class);
            z.slice_mut(s![to.start + 1..to.end, ..]).assign(&x.slice(s![from, ..]));
        }
        add_positions(&z, &self.position, &all).or_else(|error| {
            check_finite("class_token: x", x)?;
            check_finite("class_token: class", &self.class)?;
            check_finite("class_token: position", &self.position)?;
            Err(error)
        })
    }

    /// `dz: [B (N + 1), d]` → `[B N, d]`, with the `rows` of the forward pass.
    ///
    /// ```math
    /// \bar x_{cls} = \sum_b \bar z_{b,0}, \qquad \bar E_{pos} = \sum_b \bar z_b, \qquad \bar x_{b,i} = \bar z_{b,i+1}
    /// ```
    ///
    /// Derivation: every sample uses the same class token and the same table, and gradients of all uses add up; a token
    /// is copied to the row below.
    pub fn backward(&self, dz: &ArrayRef2<R>, rows: &Ragged, grad: &mut Self) -> Array2<R> {
        let all = Self::rows(rows);
        add_positions_backward(dz, &all, &mut grad.position);
        let mut dx = Array2::zeros((rows.tokens(), dz.ncols()));
        for (to, from) in rows.ranges().zip(all.ranges()) {
            grad.class += &dz.row(from.start);
            dx.slice_mut(s![to, ..]).assign(&dz.slice(s![from.start + 1..from.end, ..]));
        }
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(x: (usize, usize), rows: Ragged) -> String {
        let token = ClassToken::<f64>::new(4, 3, &mut Random::seed(0));
        token.forward(&Array2::zeros(x), &rows).unwrap_err().to_string()
    }

    #[test]
    fn a_table_for_another_number_of_tokens_is_refused() {
        let text = refused((5, 3), Ragged::one(5));
        assert_eq!(text, "class_token: position: expected shape [6, 3], got [5, 3]");
        let text = refused((7, 3), Ragged::of_lengths([4, 3]));
        assert_eq!(text, "class_token: position: expected shape [4, 3], got [5, 3]");
    }

    #[test]
    fn tokens_that_do_not_fit_are_refused() {
        let text = refused((4, 2), Ragged::one(4));
        assert_eq!(text, "class_token: class: expected shape [2], got [3]");
        let text = refused((3, 3), Ragged::one(4));
        assert_eq!(text, "class_token: x: expected shape [4, 3], got [3, 3]");
        assert_eq!(refused((0, 3), Ragged::of_lengths([])), "class_token: x: empty");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_by_name() {
        let text = |x: f64, class: f64, position: f64| {
            let class = ndarray::array![0.0, class];
            let token = ClassToken { class, position: ndarray::array![[0.0, 1.0], [position, 1.0]] };
            token.forward(&ndarray::array![[x, 1.0]], &Ragged::one(1)).unwrap_err().to_string()
        };
        for bad in [f64::NAN, f64::INFINITY] {
            assert_eq!(text(bad, 1.0, 1.0), "class_token: x: not a finite number");
            assert_eq!(text(1.0, bad, 1.0), "class_token: class: not a finite number");
            assert_eq!(text(1.0, 1.0, bad), "class_token: position: not a finite number");
        }
        assert_eq!(text(1.5e308, 1.0, 1.5e308), "positions: y: not a finite number");
    }
}
