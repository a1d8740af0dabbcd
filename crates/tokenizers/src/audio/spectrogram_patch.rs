//! A spectrogram as a sequence of patches that may overlap.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::{Random, Real, Result, check_finite, check_not_empty, check_setting, tree};
use ndarray::{Array2, Array3, ArrayRef2, ArrayRef3};

/// The matrix and the bias that map a patch of a spectrogram to a token.
#[derive(Clone, Debug)]
pub struct SpectrogramPatches<R> {
    /// `E` and `b`: `[p_f p_t, d]`, `[d]`
    pub project: Linear<R>,
    /// `p_f, p_t`, bands and frames of a patch: 16 and 16 in AST.
    pub patch: [usize; 2],
    /// `s_f, s_t`, bands and frames from a patch to the next: 10 and 10 in AST, so that patches overlap by 6.
    pub stride: [usize; 2],
}

tree!(SpectrogramPatches { project; patch, stride });

/// What [`SpectrogramPatches::backward`] reads.
#[derive(Clone, Debug)]
pub struct SpectrogramPatchesTape<R> {
    /// The patches as rows.
    pub project: LinearTape<R>,
    /// `[B, T, F]`
    pub shape: [usize; 3],
}

tree!(SpectrogramPatchesTape { project; shape });

impl<R: Real> SpectrogramPatches<R> {
    /// For tokens of width `d`.
    pub fn new(patch: [usize; 2], stride: [usize; 2], d: usize, random: &mut Random) -> Self {
        SpectrogramPatches { project: Linear::new(patch[0] * patch[1], d, random), patch, stride }
    }

    /// A token for every patch of every spectrogram.
    ///
    /// **eq-2.17-spectrogram-patch**
    /// ```math
    /// y_i = x_i E + b, \qquad x_{i,\, a p_t + c} = L_{v s_t + c,\; u s_f + a}, \qquad i = u\, n_t + v, \qquad
    /// n_t = \Bigl\lfloor \frac{T - p_t}{s_t} \Bigr\rfloor + 1
    /// ```
    ///
    /// `spectrograms: [B, T, F]` → `y: [B · n_f n_t, d]`
    ///
    /// Time runs along the rows of a spectrogram, and tokens run through time first: all patches of the lowest bands come
    /// before those of the next. Frames and bands at the end that do not fill a patch are left out. It is a convolution of
    /// the transposed spectrogram, and with strides as large as patches it is eq-2.1-patch of it.
    ///
    /// Source: Gong, Chung & Glass 2021, *AST: Audio Spectrogram Transformer*, section 2.1.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for patches and strides of zero, and for
    /// a patch larger than the spectrogram; `ShapeMismatch` for weights of another patch; `EmptyInput` for no number;
    /// `NonFinite` for NaN and infinities.
    pub fn forward(&self, spectrograms: &ArrayRef3<R>) -> Result<(Array2<R>, SpectrogramPatchesTape<R>)> {
        let (n, t, f) = spectrograms.dim();
        check_not_empty("spectrogram patches: spectrograms", spectrograms)?;
        check_finite("spectrogram patches: spectrograms", spectrograms)?;
        for (at, sizes) in
            [("spectrogram patches: patch", self.patch), ("spectrogram patches: stride", self.stride)]
        {
            check_setting(at, sizes.iter().all(|&size| size > 0), || {
                format!("must be positive, got {} x {}", sizes[0], sizes[1])
            })?;
        }
        let [p_f, p_t] = self.patch;
        check_setting("spectrogram patches: patch", p_f <= f && p_t <= t, || {
            format!("{p_f} bands x {p_t} frames do not fit into {f} x {t}")
        })?;
        let [n_f, n_t] = self.grid([n, t, f]);
        let mut rows = Array2::zeros((n * n_f * n_t, p_f * p_t));
        self.each([n, t, f], |row, column, at| rows[(row, column)] = spectrograms[at]);
        let (y, project) = self.project.forward_owned(rows)?;
        Ok((y, SpectrogramPatchesTape { project, shape: [n, t, f] }))
    }

    /// Gradient of [`forward`](Self::forward): returns `L̄`, adds to `Ē` and `b̄`.
    ///
    /// **eq-2.17-spectrogram-patch, backward**
    /// ```math
    /// \bar x = \bar y E^\top, \qquad
    /// \bar L_{jk} = \sum_{(u,v,a,c) \,:\, v s_t + c = j,\; u s_f + a = k} \bar x_{u n_t + v,\; a p_t + c}, \qquad
    /// \bar E = x^\top \bar y, \qquad \bar b = \bar y^\top \mathbf 1
    /// ```
    ///
    /// Derivation: cutting patches is linear, with one 1 in every row of its matrix; its transpose hands every gradient
    /// back to the number it was copied from, and numbers in several patches collect several:
    /// ```math
    /// \frac{\partial x_{i,\, a p_t + c}}{\partial L_{jk}} = [v s_t + c = j]\,[u s_f + a = k]
    /// ```
    pub fn backward(
        &self,
        tape: &SpectrogramPatchesTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> Array3<R> {
        let drows = self.project.backward(&tape.project, dy, &mut grad.project);
        let mut dspectrograms = Array3::zeros(tape.shape);
        self.each(tape.shape, |row, column, at| dspectrograms[at] += drows[(row, column)]);
        dspectrograms
    }

    /// `n_f, n_t`, patches along bands and frames.
    fn grid(&self, [_, t, f]: [usize; 3]) -> [usize; 2] {
        [(f - self.patch[0]) / self.stride[0] + 1, (t - self.patch[1]) / self.stride[1] + 1]
    }

    /// Calls `visit(row, column, [sample, frame, band])` for every number of every patch.
    fn each(&self, shape: [usize; 3], mut visit: impl FnMut(usize, usize, [usize; 3])) {
        let ([n_f, n_t], [p_f, p_t], [s_f, s_t]) = (self.grid(shape), self.patch, self.stride);
        for (sample, u, v) in ndarray::indices((shape[0], n_f, n_t)) {
            let row = (sample * n_f + u) * n_t + v;
            for (a, c) in ndarray::indices((p_f, p_t)) {
                visit(row, a * p_t + c, [sample, v * s_t + c, u * s_f + a]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shape: [usize; 3], patch: [usize; 2], stride: [usize; 2]) -> String {
        let module = SpectrogramPatches::<f64>::new(patch, stride, 3, &mut Random::seed(0));
        module.forward(&Array3::zeros(shape)).unwrap_err().to_string()
    }

    #[test]
    fn wrong_patches_are_refused() {
        let zero = "spectrogram patches: patch: must be positive, got 0 x 2";
        assert_eq!(text([1, 4, 4], [0, 2], [1, 1]), zero);
        let zero = "spectrogram patches: stride: must be positive, got 1 x 0";
        assert_eq!(text([1, 4, 4], [2, 2], [1, 0]), zero);
        let large = "spectrogram patches: patch: 2 bands x 5 frames do not fit into 8 x 4";
        assert_eq!(text([1, 4, 8], [2, 5], [1, 1]), large);
        let large = "spectrogram patches: patch: 9 bands x 2 frames do not fit into 8 x 4";
        assert_eq!(text([1, 4, 8], [9, 2], [1, 1]), large);
    }

    #[test]
    fn wrong_spectrograms_and_weights_are_refused() {
        assert_eq!(text([0, 4, 4], [2, 2], [1, 1]), "spectrogram patches: spectrograms: empty");
        let mut module = SpectrogramPatches::<f64>::new([2, 2], [1, 1], 3, &mut Random::seed(0));
        let nan = Array3::from_elem((1, 4, 4), f64::NAN);
        let error = module.forward(&nan).unwrap_err();
        assert_eq!(error.to_string(), "spectrogram patches: spectrograms: not a finite number");
        module.patch = [2, 3];
        let error = module.forward(&Array3::zeros((1, 4, 4))).unwrap_err();
        assert_eq!(error.to_string(), "linear: w: expected shape [6, 3], got [4, 3]");
    }
}
