//! The whole bottleneck Transformer: layers alone, then fused layers.

use mmt_blocks::Mask;
use mmt_tensor::{Error, Real, Result, check_finite, check_setting, check_shape, tree};
use ndarray::{Array2, ArrayRef2, s};

use crate::{BottleneckLayer, BottleneckLayerTape, Layout, Stream, StreamTape};

/// Streams of their own for every modality, then layers in which they meet at the bottleneck.
#[derive(Clone, Debug)]
pub struct Bottleneck<R> {
    /// The layers before the fusion, one stack for each modality: `L_f` layers.
    pub alone: Vec<Stream<R>>,
    /// The fused layers, `L - L_f` of them.
    pub fused: Vec<BottleneckLayer<R>>,
    /// `F: [B, d]`, learned, the same at the start for every sample.
    pub tokens: Array2<R>,
}

tree!(Bottleneck { alone, fused, tokens });

/// What [`Bottleneck::backward`] reads.
#[derive(Clone, Debug)]
pub struct BottleneckTape<R> {
    /// Of the layers before the fusion.
    pub alone: Vec<StreamTape<R>>,
    /// Of the fused layers.
    pub fused: Vec<BottleneckLayerTape<R>>,
    /// How many samples there are.
    pub samples: usize,
}

tree!(BottleneckTape { alone, fused; samples });

impl<R: Real> Bottleneck<R> {
    /// How often information crosses from one modality to another.
    ///
    /// **eq-3-mbt-delay**
    /// ```math
    /// \frac{\partial X_m^{L_f + 1}}{\partial X_{m'}} = 0 \quad (m \ne m'), \qquad
    /// \text{exchanges} = \max(0,\; L - L_f - 1)
    /// ```
    ///
    /// `L`: all layers, `L_f`: those before the fusion → the number of exchanges
    ///
    /// In the first fused layer the bottleneck still holds what was learned, and nothing of the input. A modality writes there
    /// first and is read one layer later. So a single fused layer is no fusion at all, and in the last layer the queries of
    /// the bottleneck get no gradient. Without bottleneck tokens, or with one modality, nothing crosses either.
    ///
    /// Source: follows from eq-3-mbt-layer; Nagrani et al. 2021, *Attention Bottlenecks for Multimodal Fusion*, count the
    /// fused layers.
    pub fn exchanges(&self) -> usize {
        let crosses = self.tokens.nrows() > 0 && self.alone.len() > 1;
        if crosses { self.fused.len().saturating_sub(1) } else { 0 }
    }

    /// What is odd about these settings: fused layers in which nothing crosses.
    pub fn warning(&self) -> Option<&'static str> {
        match (self.fused.len(), self.alone.len(), self.tokens.nrows()) {
            (0, ..) => None,
            (_, 0 | 1, _) => Some("a fused layer of one modality exchanges nothing"),
            (_, _, 0) => Some("fused layers without bottleneck tokens exchange nothing"),
            (1, ..) => Some(
                "one fused layer exchanges nothing: the bottleneck is read one layer after it is written",
            ),
            _ => None,
        }
    }

    /// `M` inputs `[n_m, d]` → `M` outputs `[n_m, d]`; the bottleneck is dropped at the end, as in the released code.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no modality; [`Error::ShapeMismatch`] for another number of inputs than of streams;
    /// [`Error::NonFinite`] for bottleneck tokens that are not numbers; those of [`BottleneckLayer::forward`].
    pub fn forward(
        &self,
        inputs: &[(&ArrayRef2<R>, &Layout)],
    ) -> Result<(Vec<Array2<R>>, BottleneckTape<R>)> {
        check_shape("bottleneck: inputs", &[inputs.len()], &[self.alone.len()])?;
        let Some((_, first)) = inputs.first() else {
            return Err(Error::EmptyInput { at: "bottleneck: inputs" });
        };
        check_finite("bottleneck: tokens", &self.tokens)?;
        let (mut x, mut alone) = (vec![], vec![]);
        for (stream, (input, layout)) in self.alone.iter().zip(inputs) {
            let (y, tape) = stream.forward(input, &layout.rows(), &Mask::None)?;
            x.push(y);
            alone.push(tape);
        }
        let samples = first.samples();
        let (mut f, mut fused) = (tiled(&self.tokens, samples), vec![]);
        for layer in &self.fused {
            let pairs: Vec<_> = x.iter().zip(inputs).map(|(x, (_, layout))| (&**x, *layout)).collect();
            let ((y, next), tape) = layer.forward(&pairs, &f)?;
            fused.push(tape);
            (x, f) = (y, next);
        }
        Ok((x, BottleneckTape { alone, fused, samples }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the modalities, adds to those of the parameters.
    ///
    /// ```math
    /// \bar F^L = 0, \qquad \bar F = \sum_{\text{samples}} \bar F^{L_f}
    /// ```
    ///
    /// Derivation: nothing reads the bottleneck after the last layer, and all samples start from the same tokens.
    pub fn backward(&self, tape: &BottleneckTape<R>, dz: &[Array2<R>], grad: &mut Self) -> Vec<Array2<R>> {
        let (b, d) = self.tokens.dim();
        let (mut dx, mut df) = (dz.to_vec(), Array2::zeros((tape.samples * b, d)));
        for (i, layer) in self.fused.iter().enumerate().rev() {
            (dx, df) = layer.backward(&tape.fused[i], (&dx, &df), &mut grad.fused[i]);
        }
        for sample in 0..tape.samples {
            grad.tokens += &df.slice(s![sample * b..(sample + 1) * b, ..]);
        }
        let streams = self.alone.iter().zip(&tape.alone).zip(&mut grad.alone).zip(&dx);
        streams.map(|(((stream, tape), grad), dx)| stream.backward(tape, dx, grad)).collect()
    }
}

/// How many of `layers` layers are fused, if the first `alone` of them are not.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if there are fewer layers than that.
pub fn fused_layers(layers: usize, alone: usize) -> Result<usize> {
    check_setting("bottleneck: fusion layer", alone <= layers, || {
        format!("must be at most the {layers} layers there are, got {alone}")
    })?;
    Ok(layers - alone)
}

/// The same tokens for every sample.
fn tiled<R: Real>(tokens: &Array2<R>, samples: usize) -> Array2<R> {
    let b = tokens.nrows();
    Array2::from_shape_fn((samples * b, tokens.ncols()), |(i, c)| tokens[(i % b, c)])
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Ragged;

    use super::*;

    fn model(modalities: usize, fused: usize, tokens: usize) -> Bottleneck<f64> {
        let streams = vec![Stream::identity(); modalities];
        let layer = BottleneckLayer { streams: streams.clone() };
        Bottleneck { alone: streams, fused: vec![layer; fused], tokens: Array2::zeros((tokens, 4)) }
    }

    #[test]
    fn a_fusion_layer_beyond_the_last_is_refused() {
        assert_eq!(fused_layers(12, 8).unwrap(), 4);
        assert_eq!(fused_layers(12, 12).unwrap(), 0);
        let text = "bottleneck: fusion layer: must be at most the 12 layers there are, got 13";
        assert_eq!(fused_layers(12, 13).unwrap_err().to_string(), text);
    }

    #[test]
    fn wrong_inputs_are_refused() {
        let layout = Layout::of("a", Ragged::one(3)).unwrap();
        let x = Array2::ones((3, 4));
        let text = |model: &Bottleneck<f64>, inputs: &[(&ArrayRef2<f64>, &Layout)]| {
            model.forward(inputs).unwrap_err().to_string()
        };
        assert_eq!(text(&model(0, 1, 1), &[]), "bottleneck: inputs: empty");
        let short = "bottleneck: inputs: expected shape [2], got [1]";
        assert_eq!(text(&model(2, 1, 1), &[(&x, &layout)]), short);
        let bad = Bottleneck { tokens: Array2::from_elem((1, 4), f64::NAN), ..model(1, 1, 1) };
        assert_eq!(text(&bad, &[(&x, &layout)]), "bottleneck: tokens: not a finite number");
        let wide = Bottleneck { tokens: Array2::zeros((1, 5)), ..model(1, 1, 1) };
        assert_eq!(text(&wide, &[(&x, &layout)]), "concat: b: expected shape [1, 4], got [1, 5]");
    }

    #[test]
    fn fused_layers_in_which_nothing_crosses_are_pointed_out() {
        assert_eq!(model(2, 2, 1).warning(), None);
        assert_eq!(model(2, 0, 1).warning(), None);
        assert_eq!(model(1, 2, 1).warning(), Some("a fused layer of one modality exchanges nothing"));
        assert_eq!(model(2, 2, 0).warning(), Some("fused layers without bottleneck tokens exchange nothing"));
        assert!(model(2, 1, 1).warning().unwrap().starts_with("one fused layer exchanges nothing"));
    }
}
