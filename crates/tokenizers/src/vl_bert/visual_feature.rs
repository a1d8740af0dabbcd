//! What a region looks like and where it lies, as one feature.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::ops::{relu, relu_backward};
use mmt_tensor::{Error, Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2, Axis, concatenate, s};

/// A linear map of appearance and place, rectified.
#[derive(Clone, Debug)]
pub struct VisualFeature<R> {
    /// `W: [d_v + d_g, d]`, `b`
    pub project: Linear<R>,
}

tree!(VisualFeature { project });

/// What [`VisualFeature::backward`] reads.
#[derive(Clone, Debug)]
pub struct VisualFeatureTape<R> {
    /// `[v ‖ g]`
    pub project: LinearTape<R>,
    /// The numbers before they are rectified.
    pub z: Array2<R>,
    /// `d_v`, where the appearance ends.
    pub d_v: usize,
}

tree!(VisualFeatureTape { project, z; d_v });

impl<R: Real> VisualFeature<R> {
    /// For an appearance of `d_v` numbers and a place of `d_g` (both 2048 in VL-BERT), and tokens of width `d` (768).
    pub fn new(d_v: usize, d_g: usize, d: usize, random: &mut Random) -> Self {
        VisualFeature { project: Linear::new(d_v + d_g, d, random) }
    }

    /// The visual feature of every region.
    ///
    /// **eq-2.15-visual-feature**
    /// ```math
    /// h = \operatorname{ReLU}\bigl( [v \,\|\, g]\, W + b \bigr)
    /// ```
    ///
    /// `v: [n, d_v]`, `g: [n, d_g]` → `h: [n, d]`
    ///
    /// `v` is what the detector's network says of a region, `g` is eq-2.15-box-waves. In training a tenth of the numbers of
    /// `[v ‖ g]` is dropped: that is eq-0.8-dropout of `v` and of `g`, each with its own mask.
    ///
    /// Source: Su et al. 2020, *VL-BERT*, section 3.2, and released code, `common/fast_rcnn.py`, `obj_downsample`.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no region; [`Error::ShapeMismatch`] if `v` and `g` disagree about the number of regions or
    /// do not fit the weights; [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(&self, v: &ArrayRef2<R>, g: &ArrayRef2<R>) -> Result<(Array2<R>, VisualFeatureTape<R>)> {
        if v.nrows() == 0 {
            return Err(Error::EmptyInput { at: "visual feature: v" });
        }
        let width = self.project.weight.nrows();
        check_shape("visual feature: g", g.shape(), &[v.nrows(), width.saturating_sub(v.ncols())])?;
        let x = concatenate(Axis(1), &[v.view(), g.view()]).expect("as many rows");
        let (z, project) = self.project.forward_owned(x)?;
        Ok((relu(&z)?, VisualFeatureTape { project, z, d_v: v.ncols() }))
    }

    /// Gradients of [`forward`](Self::forward): returns `v̄` and `ḡ`, adds to those of the parameters.
    ///
    /// **eq-2.15-visual-feature, backward**
    /// ```math
    /// \bar z = \bar h \odot [z > 0], \qquad
    /// [\bar v \,\|\, \bar g] = \bar z\, W^\top, \qquad
    /// \bar W = [v \,\|\, g]^\top \bar z, \qquad
    /// \bar b = \bar z^\top \mathbf 1
    /// ```
    ///
    /// Derivation: with `W` cut into the rows `W_v` of the appearance and `W_g` of the place,
    /// ```math
    /// \dot h = [z > 0] \odot \bigl( \dot v W_v + \dot g W_g + v \dot W_v + g \dot W_g + \mathbf 1 \dot b^\top \bigr)
    /// \quad\Rightarrow\quad
    /// \bar v = \bar z\, W_v^\top, \quad \bar g = \bar z\, W_g^\top
    /// ```
    pub fn backward(
        &self,
        tape: &VisualFeatureTape<R>,
        dh: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let dz = relu_backward(&tape.z, dh);
        let dx = self.project.backward(&tape.project, &dz, &mut grad.project);
        (dx.slice(s![.., ..tape.d_v]).to_owned(), dx.slice(s![.., tape.d_v..]).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v: &Array2<f64>, g: &Array2<f64>) -> String {
        VisualFeature::new(3, 8, 4, &mut Random::seed(0)).forward(v, g).unwrap_err().to_string()
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let zeros = |n, d| Array2::zeros((n, d));
        assert_eq!(text(&zeros(0, 3), &zeros(0, 8)), "visual feature: v: empty");
        let rows = "visual feature: g: expected shape [2, 8], got [3, 8]";
        assert_eq!(text(&zeros(2, 3), &zeros(3, 8)), rows);
        let widths = "visual feature: g: expected shape [2, 7], got [2, 8]";
        assert_eq!(text(&zeros(2, 4), &zeros(2, 8)), widths);
        let wide = "visual feature: g: expected shape [2, 0], got [2, 8]";
        assert_eq!(text(&zeros(2, 20), &zeros(2, 8)), wide);
    }

    #[test]
    fn a_nan_is_refused_although_a_maximum_would_erase_it() {
        let (v, g) = (Array2::from_elem((2, 3), f64::NAN), Array2::zeros((2, 8)));
        assert_eq!(text(&v, &g), "linear: x: not a finite number");
        let (v, g) = (Array2::zeros((2, 3)), Array2::from_elem((2, 8), f64::INFINITY));
        assert_eq!(text(&v, &g), "linear: x: not a finite number");
    }
}
