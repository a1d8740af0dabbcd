//! A vector for a clip of a few frames.

use mmt_tensor::ops::{Pool, global_avg_pool, global_avg_pool_backward};
use mmt_tensor::{Random, Real, Result, check_not_empty, check_shape, tree};
use ndarray::{Array2, Array5, ArrayRef2, ArrayRef5};

use crate::cnn::{ClipLayer, ClipLayerConfig, ClipLayerTape, InceptionWidths};

/// A convolutional network over space and time.
#[derive(Clone, Debug)]
pub struct ClipFeatures<R> {
    /// One after the other.
    pub layers: Vec<ClipLayer<R>>,
    /// Channels of a clip: 3, or 1 for grey.
    pub channels: usize,
}

tree!(ClipFeatures { layers; channels });

/// What [`ClipFeatures::backward`] reads.
#[derive(Clone, Debug)]
pub struct ClipFeaturesTape<R> {
    /// Of every layer.
    pub layers: Vec<ClipLayerTape<R>>,
    /// `[batch, c, T', H', W']`, what the last layer gives.
    pub map: Array5<R>,
}

tree!(ClipFeaturesTape { layers, map });

/// A network without its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipFeaturesConfig {
    /// Channels of a clip.
    pub channels: usize,
    /// One after the other.
    pub layers: Vec<ClipLayerConfig>,
    /// `ε` of the norms.
    pub eps: f64,
}

impl ClipFeaturesConfig {
    /// S3D, with all widths divided by `divide` (1 for the published network, which ends in 1024 numbers).
    ///
    /// A clip of 30 x 224 x 224 has the temporal sizes 15, 15, 8, 4 and the spatial ones 112, 56, 28, 14, 7.
    ///
    /// Source: Xie et al. 2018, figure 5 and 7; released code, kylemin/S3D, `model.py`.
    pub fn s3d(divide: usize) -> Self {
        let wide = |width: usize| (width / divide.max(1)).max(1);
        let pool = |time: usize, size: usize, padding: [usize; 3]| {
            let stride = [time.min(2), 2, 2];
            ClipLayerConfig::Pool(Pool { kernel: [time, size, size], stride, padding })
        };
        let mixed = |[point, a, b, c, d, pooled]: [usize; 6]| {
            let (window, second) = ([wide(a), wide(b)], [wide(c), wide(d)]);
            let (point, pooled) = (wide(point), wide(pooled));
            ClipLayerConfig::Inception(InceptionWidths { point, window, second, pooled })
        };
        let layers = vec![
            ClipLayerConfig::Separable { out: wide(64), k: 7, stride: 2 },
            pool(1, 3, [0, 1, 1]),
            ClipLayerConfig::Point(wide(64)),
            ClipLayerConfig::Separable { out: wide(192), k: 3, stride: 1 },
            pool(1, 3, [0, 1, 1]),
            mixed([64, 96, 128, 16, 32, 32]),
            mixed([128, 128, 192, 32, 96, 64]),
            pool(3, 3, [1, 1, 1]),
            mixed([192, 96, 208, 16, 48, 64]),
            mixed([160, 112, 224, 24, 64, 64]),
            mixed([128, 128, 256, 24, 64, 64]),
            mixed([112, 144, 288, 32, 64, 64]),
            mixed([256, 160, 320, 32, 128, 128]),
            pool(2, 2, [0, 0, 0]),
            mixed([256, 160, 320, 32, 128, 128]),
            mixed([384, 192, 384, 48, 128, 128]),
        ];
        ClipFeaturesConfig { channels: 3, layers, eps: 1e-3 }
    }

    /// A network for grey clips of 6 x 16 x 16 that ends in 8 numbers.
    pub fn tiny() -> Self {
        let widths = InceptionWidths { point: 2, window: [2, 2], second: [2, 2], pooled: 2 };
        let first = ClipLayerConfig::Separable { out: 4, k: 3, stride: 2 };
        ClipFeaturesConfig { channels: 1, layers: vec![first, ClipLayerConfig::Inception(widths)], eps: 1e-3 }
    }
}

impl<R: Real> ClipFeatures<R> {
    /// With drawn weights.
    pub fn new(config: &ClipFeaturesConfig, random: &mut Random) -> Self {
        let mut c = config.channels;
        let mut draw = |layer: &ClipLayerConfig| {
            let drawn = layer.draw(c, config.eps, random);
            c = layer.out(c);
            drawn
        };
        ClipFeatures { layers: config.layers.iter().map(&mut draw).collect(), channels: config.channels }
    }

    /// What a network sees in every clip, averaged over its frames and pixels.
    ///
    /// **eq-2.8-clip-features**
    /// ```math
    /// f = \frac{1}{T'H'W'} \sum_{t,i,j} F_{:,t,i,j}, \qquad F = (l_k \circ \dots \circ l_1)(V)
    /// ```
    ///
    /// `clips: [batch, c, T, H, W]` → `f: [batch, out]`
    ///
    /// `l` are the layers of S3D: eq-2.8-separable, eq-2.8-inception, convolutions of one pixel and maxima of windows.
    /// VideoBERT averages what stands in front of the classifier, 1024 numbers, and keeps the nearest visual word of it.
    ///
    /// Source: Sun et al. 2019, *VideoBERT*, section 4.2.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for other channels; `EmptyInput` for no clip;
    /// otherwise those of the layers.
    pub fn forward(&self, clips: &ArrayRef5<R>) -> Result<(Array2<R>, ClipFeaturesTape<R>)> {
        let (batch, c, t, h, w) = clips.dim();
        check_shape("clip features: clips", &[batch, c, t, h, w], &[batch, self.channels, t, h, w])?;
        check_not_empty("clip features: clips", clips)?;
        let (mut map, mut layers) = (clips.to_owned(), Vec::with_capacity(self.layers.len()));
        for layer in &self.layers {
            let (next, tape) = layer.forward(&map)?;
            layers.push(tape);
            map = next;
        }
        Ok((global_avg_pool(&map)?, ClipFeaturesTape { layers, map }))
    }

    /// Gradient of [`forward`](Self::forward): returns that of the clips, adds to those of the parameters.
    ///
    /// **eq-2.8-clip-features, backward**
    /// ```math
    /// \bar F_{:,t,i,j} = \frac{\bar f}{T'H'W'}, \qquad \bar V = l_1^\top \cdots l_k^\top\, \bar F
    /// ```
    ///
    /// Derivation: the mean hands an equal share of its gradient to every place,
    /// ```math
    /// \frac{\partial f_c}{\partial F_{c,t,i,j}} = \frac{1}{T'H'W'},
    /// ```
    /// and the chain rule takes it through the layers from the last to the first. What follows `f`, the choice of a
    /// word, has no gradient: in VideoBERT the network is frozen.
    pub fn backward(&self, tape: &ClipFeaturesTape<R>, df: &ArrayRef2<R>, grad: &mut Self) -> Array5<R> {
        let mut dx = global_avg_pool_backward(&tape.map, df);
        for ((layer, tape), grad) in self.layers.iter().zip(&tape.layers).zip(&mut grad.layers).rev() {
            dx = layer.backward(tape, &dx, grad);
        }
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_clips_are_refused() {
        let tiny = ClipFeatures::<f64>::new(&ClipFeaturesConfig::tiny(), &mut Random::seed(0));
        let text = |x: &Array5<f64>| tiny.forward(x).unwrap_err().to_string();
        let channels = "clip features: clips: expected shape [1, 1, 6, 4, 4], got [1, 3, 6, 4, 4]";
        assert_eq!(text(&Array5::zeros((1, 3, 6, 4, 4))), channels);
        assert_eq!(text(&Array5::zeros((0, 1, 6, 4, 4))), "clip features: clips: empty");
        let nan = Array5::from_elem((1, 1, 6, 4, 4), f64::NAN);
        assert_eq!(text(&nan), "conv: x: not a finite number");
    }
}
