//! Words and patches as one sequence, with a single linear map for the picture.

mod parts;

use mmt_blocks::{Linear, LinearTape, interpolate_positions, interpolate_positions_backward};
use mmt_tensor::{Error, Ragged, Random, Real, Result, check_finite, check_index, check_shape, tree};
use ndarray::{Array1, Array2, Array3, ArrayRef2, Axis};

use crate::image::{Order, patchify, unpatchify};
use crate::text::{TextEmbedding, TextEmbeddingTape, TextInput};
pub use parts::{MinimalConfig, sample_patches};
use parts::{Sample, below};

/// The whole of what ViLT does before its first layer.
#[derive(Clone, Debug)]
pub struct MinimalEmbedding<R> {
    /// `E, P_txt, seg` and their norm.
    pub text: TextEmbedding<R>,
    /// `W, b`: `[P²C, d]`, `[d]`
    pub project: Linear<R>,
    /// `x_cls: [d]`, in front of the patches.
    pub class: Array1<R>,
    /// `P_img: [1 + g², d]`, a row for the class token and a square grid.
    pub position: Array2<R>,
    /// `τ: [2, d]`, one row for words and one for patches.
    pub modality: Array2<R>,
    /// `P`, rows and columns of a patch.
    pub patch: usize,
    /// The order of the numbers of a patch.
    pub order: Order,
}

tree!(MinimalEmbedding { text, project, class, position, modality; patch, order });

/// What [`MinimalEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct MinimalEmbeddingTape<R> {
    /// Of the words.
    pub text: TextEmbeddingTape<R>,
    /// Of the patches that were kept.
    pub project: LinearTape<R>,
    /// Rows of words, class token and patches of every sample.
    pub rows: Ragged,
    /// How many of them are words.
    pub words: Vec<usize>,
    /// Rows, columns and channels of every picture.
    pub pictures: Vec<[usize; 3]>,
    /// Patches that were kept, in their order.
    pub kept: Vec<Vec<usize>>,
}

tree!(MinimalEmbeddingTape { text, project; rows, words, pictures, kept });

impl<R: Real> MinimalEmbedding<R> {
    /// Tables normal with standard deviation 0.02, the class token zero, the norm of the words with `ε = 1e-12`.
    pub fn new(config: &MinimalConfig, random: &mut Random) -> Self {
        let MinimalConfig { words, longest, patch, channels, grid, width: d } = *config;
        MinimalEmbedding {
            text: TextEmbedding::new(words, longest, d, 1e-12, random),
            project: Linear::new(patch * patch * channels, d, random),
            class: Array1::zeros(d),
            position: random.normal((1 + grid * grid, d), 0.02),
            modality: random.normal((2, d), 0.02),
            patch,
            order: Order::Chw,
        }
    }

    /// The sequence of every sample: its words, a class token, and the patches of its picture that are kept.
    ///
    /// **eq-5-vilt-embed**
    /// ```math
    /// Z = \begin{pmatrix} \operatorname{LN}\bigl( E[t] + P_{txt} + S_0 \bigr) + \mathbf 1 \tau_0 \\[2pt]
    ///     x_{cls} + P'_0 + \tau_1 \\[2pt]
    ///     \bigl( X W + \mathbf 1 b^\top + P'_{1..} \bigr)_K + \mathbf 1 \tau_1 \end{pmatrix}, \qquad
    /// X = \operatorname{patchify}(I), \quad P' = R\, P_{img}
    /// ```
    ///
    /// `texts: [B]`, `images: [B]` of `[H, W, C]`, `kept`: patches `K` per image → `z: [tokens, d]`
    ///
    /// Words are eq-1.28-bert-embedding, patches eq-2.1-patch, and `R` resizes the table to the grid of each picture
    /// (eq-1.27-position-interpolation), so pictures may have any size that patches tile. Without `kept` all patches stay;
    /// ViLT draws at most 200 ([`sample_patches`]) in pretraining. A picture says how large it is: nothing is inferred from
    /// pixels that happen to be gray. Only the text has a norm and a table of segments.
    ///
    /// Source: Kim, Son & Kim 2021, *ViLT*, section 3.1, eqs. 1 to 3; released code `vilt_module.py`, `vision_transformer.py`.
    ///
    /// # Errors
    /// Those of [`TextEmbedding::forward`], among them a text longer than its table; [`Error::ShapeMismatch`] if there is not one
    /// picture and one list per text, and for other channels; [`Error::InvalidHyperparameter`] for a picture that patches
    /// do not tile; [`Error::EmptyInput`] for a picture of which no patch is kept; [`Error::IndexOutOfRange`] for a patch that
    /// it has not; [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(
        &self,
        texts: &[TextInput],
        images: &[Array3<R>],
        kept: Option<&[Vec<usize>]>,
    ) -> Result<(Array2<R>, MinimalEmbeddingTape<R>)> {
        check_shape("minimal embedding: images", &[images.len()], &[texts.len()])?;
        check_shape("minimal embedding: kept", &[kept.map_or(texts.len(), <[_]>::len)], &[texts.len()])?;
        check_shape("minimal embedding: modality", self.modality.shape(), &[2, self.class.len()])?;
        let (t, text) = self.text.forward(texts)?;
        let (mut patches, mut lists) = (vec![], vec![]);
        for (i, image) in images.iter().enumerate() {
            let all = patchify(&image.view().insert_axis(Axis(0)), self.patch, self.order)?;
            let list = kept.map_or_else(|| (0..all.nrows()).collect(), |kept| kept[i].clone());
            if list.is_empty() {
                return Err(Error::EmptyInput { at: "minimal embedding: kept" });
            }
            list.iter().try_for_each(|&k| check_index("minimal embedding: kept", k, all.nrows()))?;
            patches.push(all.select(Axis(0), &list));
            lists.push(list);
        }
        let (v, project) = self.project.forward_owned(below(&patches)?)?;
        let words: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        let lengths = words.iter().zip(&lists).map(|(words, list)| words + 1 + list.len());
        let (rows, pictures) = (Ragged::of_lengths(lengths), images.iter().map(|image| image.dim().into()));
        let pictures = pictures.collect();
        let tape = MinimalEmbeddingTape { text, project, rows, words, pictures, kept: lists };
        let z = self.join(&tape, &t, &v)?;
        Ok((z, tape))
    }

    /// The rows of words, class tokens and patches, each with what is added to it.
    fn join(&self, tape: &MinimalEmbeddingTape<R>, t: &Array2<R>, v: &Array2<R>) -> Result<Array2<R>> {
        let mut z = Array2::zeros((tape.rows.tokens(), t.ncols()));
        for sample in tape.samples(self.patch) {
            let place = interpolate_positions(&self.position, sample.grid)?;
            check_shape("minimal embedding: position", &[place.ncols()], &[z.ncols()])?;
            for (row, from) in sample.text.clone().zip(sample.words) {
                z.row_mut(row).assign(&(&self.modality.row(0) + &t.row(from)));
            }
            let class = &self.class + &place.row(0) + self.modality.row(1);
            z.row_mut(sample.class).assign(&class);
            for ((row, from), k) in sample.image.zip(sample.patches).zip(sample.kept) {
                z.row_mut(row).assign(&(&v.row(from) + &place.row(k + 1) + self.modality.row(1)));
            }
        }
        check_finite("minimal embedding: z", &z)?;
        Ok(z)
    }

    /// Gradients of [`forward`](Self::forward): returns those of the pictures, adds to those of the parameters.
    ///
    /// **eq-5-vilt-embed, backward**
    /// ```math
    /// \bar\tau_m = \sum_{i \in m} \bar z_i, \qquad
    /// \bar P_{img} = R^\top \bar P', \quad \bar P'_{1+k} = \bar z_{\text{patch } k}, \quad \bar P'_0 = \bar x_{cls} = \bar z_{cls}, \qquad
    /// \bar W = X_K^\top \bar z_K, \qquad \bar I = \operatorname{unpatchify}(\bar X)
    /// ```
    ///
    /// Derivation: every row of `Z` is a sum, and each summand receives the gradient of the row whole:
    /// ```math
    /// \dot z_{\text{patch } k} = \dot x_k W + x_k \dot W + \dot b + \dot P'_{1+k} + \dot\tau_1
    /// ```
    /// A patch that was not kept stands in no row: its pixels and its position have no gradient. `P' = R P` is linear, so
    /// its gradient applies `R^\top`. The norm of the words is that of eq-1.28-bert-embedding; pictures have none.
    pub fn backward(
        &self,
        tape: &MinimalEmbeddingTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> Vec<Array3<R>> {
        let g = (self.position.nrows() - 1).isqrt();
        let mut dt = Array2::zeros((tape.words.iter().sum(), dz.ncols()));
        let mut dv = Array2::zeros((tape.kept.iter().map(Vec::len).sum(), dz.ncols()));
        for sample in tape.samples(self.patch) {
            let (h, w) = sample.grid;
            let mut dplace = Array2::zeros((1 + h * w, dz.ncols()));
            for (row, to) in sample.text.clone().zip(sample.words) {
                dt.row_mut(to).assign(&dz.row(row));
                grad.modality.row_mut(0).scaled_add(R::of(1.0), &dz.row(row));
            }
            grad.class += &dz.row(sample.class);
            dplace.row_mut(0).assign(&dz.row(sample.class));
            grad.modality.row_mut(1).scaled_add(R::of(1.0), &dz.row(sample.class));
            for ((row, to), k) in sample.image.zip(sample.patches).zip(sample.kept) {
                dv.row_mut(to).assign(&dz.row(row));
                dplace.row_mut(k + 1).scaled_add(R::of(1.0), &dz.row(row));
                grad.modality.row_mut(1).scaled_add(R::of(1.0), &dz.row(row));
            }
            grad.position += &interpolate_positions_backward(g, (h, w), &dplace);
        }
        self.text.backward(&tape.text, &dt, &mut grad.text);
        let dx = self.project.backward(&tape.project, &dv, &mut grad.project);
        tape.samples(self.patch).map(|sample| self.picture(&sample, &dx)).collect()
    }

    /// The gradient of a picture from those of its patches that were kept.
    fn picture(&self, sample: &Sample, dx: &Array2<R>) -> Array3<R> {
        let mut all = Array2::zeros((sample.grid.0 * sample.grid.1, dx.ncols()));
        for (from, &k) in sample.patches.clone().zip(sample.kept) {
            all.row_mut(k).scaled_add(R::of(1.0), &dx.row(from));
        }
        let [rows, columns, channels] = sample.picture;
        let picture = unpatchify(&all, [1, rows, columns, channels], self.patch, self.order);
        picture.expect("the shapes of the forward pass").index_axis_move(Axis(0), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: MinimalConfig =
        MinimalConfig { words: 9, longest: 4, patch: 2, channels: 1, grid: 2, width: 3 };

    fn words(n: usize) -> TextInput {
        TextInput { ids: vec![1; n], segments: vec![0; n], keep: vec![true; n] }
    }

    fn text(n: usize, shape: (usize, usize, usize), kept: Option<&[Vec<usize>]>) -> String {
        let module = MinimalEmbedding::<f64>::new(&CONFIG, &mut Random::seed(0));
        module.forward(&[words(n)], &[Array3::zeros(shape)], kept).unwrap_err().to_string()
    }

    #[test]
    fn pictures_that_patches_do_not_tile_and_texts_that_are_too_long_are_refused() {
        let tile = "patch: size: patches of 2x2 do not tile an image of 4x5";
        assert_eq!(text(2, (4, 5, 1), None), tile);
        assert_eq!(text(5, (4, 4, 1), None), "text_embedding: positions: index 4 is outside a table of 4");
        assert_eq!(text(2, (4, 4, 2), None), "linear: w: expected shape [8, 3], got [4, 3]");
    }

    #[test]
    fn pictures_without_a_patch_are_refused() {
        assert_eq!(text(2, (0, 4, 1), None), "patch: images: empty");
        assert_eq!(text(2, (4, 4, 1), Some(&[vec![]])), "minimal embedding: kept: empty");
        let far = "minimal embedding: kept: index 4 is outside a table of 4";
        assert_eq!(text(2, (4, 4, 1), Some(&[vec![0, 4]])), far);
        let lists = "minimal embedding: kept: expected shape [1], got [2]";
        assert_eq!(text(2, (4, 4, 1), Some(&[vec![0], vec![1]])), lists);
    }

    #[test]
    fn other_numbers_of_pictures_and_nan_are_refused() {
        let module = MinimalEmbedding::<f64>::new(&CONFIG, &mut Random::seed(0));
        let error = module.forward(&[words(2)], &[], None).unwrap_err().to_string();
        assert_eq!(error, "minimal embedding: images: expected shape [1], got [0]");
        assert_eq!(module.forward(&[], &[], None).unwrap_err().to_string(), "lookup: ids: empty");
        let nan = Array3::from_elem((2, 2, 1), f64::NAN);
        let error = module.forward(&[words(2)], &[nan], None).unwrap_err().to_string();
        assert_eq!(error, "patch: images: not a finite number");
        let mixed = [Array3::zeros((2, 2, 1)), Array3::zeros((2, 2, 2))];
        let error = module.forward(&[words(1), words(1)], &mixed, None).unwrap_err().to_string();
        assert_eq!(error, "minimal embedding: patches: expected shape [1, 4], got [1, 8]");
    }
}
