//! Tokens of the regions that a detector found.

use mmt_blocks::{LayerNorm, LayerNormTape, Linear, LinearTape};
use mmt_tensor::{Error, Random, Real, Result, check_finite, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use super::region_geometry::SLACK;

/// What maps the feature and the geometry of a region to a token.
#[derive(Clone, Debug)]
pub struct RegionEmbedding<R> {
    /// `W_v: [d_v, d]`, `b_v`
    pub feature: Linear<R>,
    /// `W_g: [5, d]`, `b_g`
    pub geometry: Linear<R>,
    /// The norm after the sum.
    pub norm: LayerNorm<R>,
}

tree!(RegionEmbedding { feature, geometry, norm });

/// What [`RegionEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct RegionEmbeddingTape<R> {
    /// The features.
    pub feature: LinearTape<R>,
    /// The geometry.
    pub geometry: LinearTape<R>,
    /// The sum.
    pub norm: LayerNormTape<R>,
}

tree!(RegionEmbeddingTape { feature, geometry, norm });

impl<R: Real> RegionEmbedding<R> {
    /// For features of `d_v` numbers (2048 in ViLBERT) and tokens of width `d` (1024).
    pub fn new(d_v: usize, d: usize, eps: f64, random: &mut Random) -> Self {
        let feature = Linear::new(d_v, d, random);
        RegionEmbedding { feature, geometry: Linear::new(5, d, random), norm: LayerNorm::new(d, eps) }
    }

    /// What a region looks like and where it lies, as one token.
    ///
    /// **eq-2.3-region-embedding**
    /// ```math
    /// x = \operatorname{LN}\bigl( v W_v + b_v + g W_g + b_g \bigr)
    /// ```
    ///
    /// `v: [n, d_v]`, `g: [n, 5]` → `x: [n, d]`
    ///
    /// `v` are features of a frozen detector, `g` is eq-2.3-geometry. There is no position embedding: the order of
    /// regions says nothing.
    ///
    /// Source: Lu et al. 2019, *ViLBERT*, section 3.1 and released code, `BertImageEmbeddings`.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no region; [`Error::ShapeMismatch`] if `v` and `g` disagree about the number of regions
    /// or do not fit the weights; [`Error::InvalidBox`] for geometry outside `[0, 1]` by more than 1e-6;
    /// [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(&self, v: &ArrayRef2<R>, g: &ArrayRef2<R>) -> Result<(Array2<R>, RegionEmbeddingTape<R>)> {
        if v.is_empty() {
            return Err(Error::EmptyInput { at: "region embedding: v" });
        }
        check_shape("region embedding: g", g.shape(), &[v.nrows(), 5])?;
        check_finite("region embedding: g", g)?;
        for (index, g) in g.rows().into_iter().enumerate() {
            if g.iter().any(|g| !(-SLACK..=1.0 + SLACK).contains(&g.to_f64())) {
                let why = "has geometry outside [0, 1]";
                return Err(Error::InvalidBox { at: "region embedding: g", index, why });
            }
        }
        let (mut sum, feature) = self.feature.forward(v)?;
        let (place, geometry) = self.geometry.forward(g)?;
        sum += &place;
        let (x, norm) = self.norm.forward(&sum)?;
        Ok((x, RegionEmbeddingTape { feature, geometry, norm }))
    }

    /// Gradients of [`forward`](Self::forward): returns `v̄` and `ḡ`, adds to those of the parameters.
    ///
    /// **eq-2.3-region-embedding, backward**
    /// ```math
    /// \bar s = \operatorname{LN}^\top(\bar x), \qquad
    /// \bar v = \bar s\, W_v^\top, \qquad \bar g = \bar s\, W_g^\top, \qquad
    /// \bar W_v = v^\top \bar s, \qquad \bar W_g = g^\top \bar s, \qquad
    /// \bar b_v = \bar b_g = \bar s^\top \mathbf 1
    /// ```
    ///
    /// Derivation: the two linear maps are added to `s` in front of the norm, so that both see its gradient whole:
    /// ```math
    /// \dot s = \dot v W_v + v \dot W_v + \mathbf 1 \dot b_v^\top + \dot g W_g + g \dot W_g + \mathbf 1 \dot b_g^\top
    /// ```
    /// In training with frozen features both returned gradients are thrown away; adversarial training reads `v̄`.
    pub fn backward(
        &self,
        tape: &RegionEmbeddingTape<R>,
        dx: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let ds = self.norm.backward(&tape.norm, dx, &mut grad.norm);
        let dg = self.geometry.backward(&tape.geometry, &ds, &mut grad.geometry);
        (self.feature.backward(&tape.feature, &ds, &mut grad.feature), dg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v: [usize; 2], g: &Array2<f64>) -> String {
        let module = RegionEmbedding::new(3, 4, 1e-12, &mut Random::seed(0));
        module.forward(&Array2::zeros(v), g).unwrap_err().to_string()
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let five = Array2::zeros((2, 5));
        assert_eq!(text([0, 3], &Array2::zeros((0, 5))), "region embedding: v: empty");
        let rows = "region embedding: g: expected shape [3, 5], got [2, 5]";
        assert_eq!(text([3, 3], &five), rows);
        let columns = "region embedding: g: expected shape [2, 5], got [2, 4]";
        assert_eq!(text([2, 3], &Array2::zeros((2, 4))), columns);
        assert_eq!(text([2, 4], &five), "linear: w: expected shape [4, 4], got [3, 4]");
    }

    #[test]
    fn geometry_outside_the_image_and_nan_are_refused() {
        let with = |value: f64| {
            let mut g = Array2::zeros((2, 5));
            g[(1, 3)] = value;
            g
        };
        let outside = "region embedding: g: box 1 has geometry outside [0, 1]";
        assert_eq!(text([2, 3], &with(1.1)), outside);
        assert_eq!(text([2, 3], &with(-1e-5)), outside);
        assert_eq!(text([2, 3], &with(f64::NAN)), "region embedding: g: not a finite number");
        let module = RegionEmbedding::new(3, 4, 1e-12, &mut Random::seed(0));
        assert!(module.forward(&Array2::zeros((2, 3)), &with(1.0 + 1e-7)).is_ok());
        let nan = Array2::from_elem((2, 3), f64::NAN);
        let error = module.forward(&nan, &with(0.5)).unwrap_err();
        assert_eq!(error.to_string(), "linear: x: not a finite number");
    }
}
