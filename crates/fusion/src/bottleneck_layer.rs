//! Modalities that exchange information through a few shared tokens.

use mmt_blocks::Mask;
use mmt_tensor::{Error, Ragged, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use crate::concat::join_gradients;
use crate::{Layout, Stream, StreamTape, concat, concat_backward};

/// The tag of the bottleneck tokens in the layouts of the tape.
pub const BOTTLENECK: &str = "bottleneck";

/// One fused layer of a bottleneck Transformer.
#[derive(Clone, Debug)]
pub struct BottleneckLayer<R> {
    /// `Tf_m`, one for each modality.
    pub streams: Vec<Stream<R>>,
}

tree!(BottleneckLayer { streams });

/// What [`BottleneckLayer::backward`] reads.
#[derive(Clone, Debug)]
pub struct BottleneckLayerTape<R> {
    /// One for each modality.
    pub streams: Vec<StreamTape<R>>,
    /// The segments of every modality.
    pub layouts: Vec<Layout>,
    /// Those of the bottleneck.
    pub bottleneck: Layout,
}

tree!(BottleneckLayerTape { streams; layouts, bottleneck });

impl<R: Real> BottleneckLayer<R> {
    /// Every modality sees itself and the bottleneck; what it wrote there is averaged over the modalities.
    ///
    /// **eq-3-mbt-layer**
    /// ```math
    /// \mathcal C(X_m',\, \hat F_m) = \operatorname{Tf}_m\bigl( \mathcal C(X_m,\, F) \bigr) \quad \text{for all } m, \qquad
    /// F' = \frac 1 M \sum_m \hat F_m
    /// ```
    ///
    /// `M` inputs `[n_m, d]`, `f: [samples B, d]` → `M` outputs `[n_m, d]`, `f': [samples B, d]`
    ///
    /// All modalities read the same `F`: their order does not matter. The average, not the sum, goes on. Without bottleneck
    /// tokens the modalities are independent.
    ///
    /// Source: Nagrani et al. 2021, *Attention Bottlenecks for Multimodal Fusion*, eqs. 8 and 9; the released `mbt` of
    /// scenic, which updates all modalities from one `F` and averages.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no modality; [`Error::ShapeMismatch`] for another number of inputs than of streams, for
    /// different widths, or for a number of bottleneck tokens that the samples cannot share; those of [`concat()`] and of
    /// the streams.
    pub fn forward(
        &self,
        inputs: &[(&ArrayRef2<R>, &Layout)],
        f: &ArrayRef2<R>,
    ) -> Result<((Vec<Array2<R>>, Array2<R>), BottleneckLayerTape<R>)> {
        check_shape("bottleneck: inputs", &[inputs.len()], &[self.streams.len()])?;
        let Some((_, first)) = inputs.first() else {
            return Err(Error::EmptyInput { at: "bottleneck: inputs" });
        };
        let bottleneck = shared(f, first.samples())?;
        let share = R::of(1.0) / R::of(inputs.len() as f64);
        let (mut z, mut streams, mut mean) = (vec![], vec![], Array2::zeros(f.dim()));
        for (stream, &(x, own)) in self.streams.iter().zip(inputs) {
            let (u, joint) = concat((x, own), (f, &bottleneck))?;
            let (y, tape) = stream.forward(&u, &joint.rows(), &Mask::None)?;
            let (z_m, f_m) = concat_backward(own, &bottleneck, &y);
            mean.zip_mut_with(&f_m, |mean, &f| *mean += share * f);
            z.push(z_m);
            streams.push(tape);
        }
        let layouts = inputs.iter().map(|(_, layout)| (*layout).clone()).collect();
        Ok(((z, mean), BottleneckLayerTape { streams, layouts, bottleneck }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the modalities and of the bottleneck, adds to those of the
    /// streams.
    ///
    /// **eq-3-mbt-layer, backward**
    /// ```math
    /// (\bar X_m, \bar F_m) = \operatorname{Split}\Bigl( \operatorname{Tf}_m\text{-backward}\bigl(
    ///   \mathcal C(\bar X_m', \tfrac 1 M \bar F') \bigr) \Bigr), \qquad \bar F = \sum_m \bar F_m
    /// ```
    ///
    /// Derivation: the mean hands `F̄' / M` to each of its terms; the split and the concatenation are adjoint; `F` is read by
    /// every modality, and the gradients of these uses add up. After the last layer `F̄' = 0`: nothing reads the bottleneck
    /// there, and what its queries learned is lost.
    pub fn backward(
        &self,
        tape: &BottleneckLayerTape<R>,
        (dz, df): (&[Array2<R>], &ArrayRef2<R>),
        grad: &mut Self,
    ) -> (Vec<Array2<R>>, Array2<R>) {
        let share = R::of(1.0) / R::of(dz.len() as f64);
        let df_m = df.mapv(|f| share * f);
        let (mut dx, mut df) = (vec![], Array2::zeros(df.dim()));
        for (m, stream) in self.streams.iter().enumerate() {
            let (own, bottleneck) = (&tape.layouts[m], &tape.bottleneck);
            let dy = join_gradients((&dz[m], own), (&df_m, bottleneck));
            let du = stream.backward(&tape.streams[m], &dy, &mut grad.streams[m]);
            let (dx_m, df_m) = concat_backward(own, bottleneck, &du);
            dx.push(dx_m);
            df += &df_m;
        }
        (dx, df)
    }
}

/// The layout of bottleneck tokens: every sample has as many.
fn shared<R>(f: &ArrayRef2<R>, samples: usize) -> Result<Layout> {
    let each = f.nrows() / samples;
    check_shape("bottleneck: f", f.shape(), &[each * samples, f.ncols()])?;
    Layout::with_missing(BOTTLENECK, Ragged::even(samples, each))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(streams: usize, inputs: &[(usize, usize)], f: (usize, usize)) -> String {
        let layer = BottleneckLayer { streams: vec![Stream::<f64>::identity(); streams] };
        let x: Vec<Array2<f64>> = inputs.iter().map(|&dim| Array2::ones(dim)).collect();
        let layouts: Vec<Layout> = (x.iter().enumerate())
            .map(|(i, x)| Layout::of(&i.to_string(), Ragged::even(2, x.nrows() / 2)).unwrap())
            .collect();
        let inputs: Vec<_> = x.iter().zip(&layouts).map(|(x, layout)| (&**x, layout)).collect();
        layer.forward(&inputs, &Array2::ones(f)).unwrap_err().to_string()
    }

    #[test]
    fn wrong_inputs_are_refused() {
        assert_eq!(refused(0, &[], (2, 4)), "bottleneck: inputs: empty");
        assert_eq!(refused(2, &[(4, 4)], (2, 4)), "bottleneck: inputs: expected shape [2], got [1]");
        assert_eq!(refused(2, &[(4, 4), (2, 4)], (3, 4)), "bottleneck: f: expected shape [2, 4], got [3, 4]");
    }

    #[test]
    fn modalities_of_different_widths_are_refused() {
        let text = "concat: b: expected shape [2, 6], got [2, 4]";
        assert_eq!(refused(2, &[(4, 4), (2, 6)], (2, 4)), text);
    }
}
