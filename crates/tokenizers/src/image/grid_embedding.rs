//! The cells of a convolutional map as tokens.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::{Random, Real, Result, tree};
use ndarray::{Array2, Array4, ArrayRef2, ArrayRef4};

use super::region_features::{Stage, StageTape, draw_stages, run_stages, run_stages_backward};

/// A convolutional network and a linear map of every cell of what it gives.
#[derive(Clone, Debug)]
pub struct GridEmbedding<R> {
    /// Each halves rows and columns, and works on what is left.
    pub stages: Vec<Stage<R>>,
    /// `W, b`: `[c, d]`, `[d]`
    pub project: Linear<R>,
}

tree!(GridEmbedding { stages, project });

/// What [`GridEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct GridEmbeddingTape<R> {
    /// Of every stage.
    pub stages: Vec<StageTape<R>>,
    /// Of the linear map.
    pub project: LinearTape<R>,
    /// `batch, c, rows, columns` of the map.
    pub map: [usize; 4],
}

tree!(GridEmbeddingTape { stages, project; map });

impl<R: Real> GridEmbedding<R> {
    /// Three channels to `widths[0]`, to `widths[1]`, and so on, each time with half the rows and columns; tokens of width
    /// `d`.
    pub fn new(widths: &[usize], d: usize, random: &mut Random) -> Self {
        let stages = draw_stages(widths, random);
        GridEmbedding { stages, project: Linear::new(widths.last().copied().unwrap_or(3), d, random) }
    }

    /// A token for every cell of the map, row by row.
    ///
    /// **eq-5-grid-embed**
    /// ```math
    /// x_{rw + s} = F_{:,r,s}\, W + b, \qquad F = (r_k \circ c_k) \circ \dots \circ (r_1 \circ c_1)(I)
    /// ```
    ///
    /// `images: [batch, 3, H, W]`, map `F: [batch, c, h, w]` → `x: [batch · h w, d]`
    ///
    /// The stages are those of eq-2.3-region-features, without its boxes: no detector, but still a convolutional network. Between
    /// regions and patches (eq-5-vilt-embed) in cost.
    ///
    /// Source: Huang et al. 2020, *Pixel-BERT*, section 3.2; as a kind of visual embedding Kim, Son & Kim 2021, *ViLT*, section 2.2.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for a network without stages; otherwise those of its convolutions and of the linear map.
    pub fn forward(&self, images: &ArrayRef4<R>) -> Result<(Array2<R>, GridEmbeddingTape<R>)> {
        let (map, stages) = run_stages("grid embedding: stages", &self.stages, images)?;
        let (batch, c, h, w) = map.dim();
        let cells = map.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        let cells = cells.into_shape_with_order((batch * h * w, c)).expect("a row per cell");
        let (x, project) = self.project.forward_owned(cells)?;
        Ok((x, GridEmbeddingTape { stages, project, map: [batch, c, h, w] }))
    }

    /// Gradient of [`forward`](Self::forward): returns that of the images, adds to those of the parameters.
    ///
    /// **eq-5-grid-embed, backward**
    /// ```math
    /// \bar F_{:,r,s} = W \bar x_{rw + s}, \qquad \bar W = \sum_{r,s} F_{:,r,s}\, \bar x_{rw + s}^\top, \qquad
    /// \bar b = \sum_{r,s} \bar x_{rw + s}, \qquad
    /// \bar I = c_1^\top r_1^\top \cdots c_k^\top r_k^\top\, \bar F
    /// ```
    ///
    /// Derivation: the map is cut into cells without loss, so the gradient of the linear map is put back into its place, and
    /// the stages follow from the last to the first:
    /// ```math
    /// \dot x_{rw + s} = \dot F_{:,r,s} W + F_{:,r,s} \dot W + \dot b
    /// ```
    /// The rows of one image follow those of another, and the sums run over all images.
    pub fn backward(&self, tape: &GridEmbeddingTape<R>, dx: &ArrayRef2<R>, grad: &mut Self) -> Array4<R> {
        let dcells = self.project.backward(&tape.project, dx, &mut grad.project);
        let [batch, c, h, w] = tape.map;
        let dmap = dcells.into_shape_with_order((batch, h, w, c)).expect("a row per cell");
        let dmap = dmap.permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned();
        run_stages_backward(&self.stages, &tape.stages, dmap, &mut grad.stages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_refused() {
        let text = |widths: &[usize], x: Array4<f64>| {
            GridEmbedding::new(widths, 3, &mut Random::seed(0)).forward(&x).unwrap_err().to_string()
        };
        let image = Array4::zeros((1, 3, 4, 4));
        assert_eq!(text(&[], image), "grid embedding: stages: none");
        let channels = "conv: w: expected shape [2, 4, 3, 3], got [2, 3, 3, 3]";
        assert_eq!(text(&[2], Array4::zeros((1, 4, 4, 4))), channels);
        assert_eq!(text(&[2], Array4::from_elem((1, 3, 4, 4), f64::NAN)), "conv: x: not a finite number");
        assert_eq!(text(&[2], Array4::zeros((0, 3, 4, 4))), "conv: x: empty");
    }
}
