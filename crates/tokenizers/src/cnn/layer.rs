//! One layer of a network for clips.

use mmt_tensor::ops::{Conv, Pool, max_pool, max_pool_backward};
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::{Array5, ArrayRef5, ArrayViewD, ArrayViewMutD, Dim, Ix5};

use super::conv_unit::{ConvUnit, ConvUnitTape};
use super::inception::{Inception, InceptionTape, InceptionWidths};
use super::separable::{Separable, SeparableTape};

/// A layer without its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipLayerConfig {
    /// [`Separable`]: channels behind it, windows and stride.
    Separable {
        /// Channels behind it.
        out: usize,
        /// Windows.
        k: usize,
        /// Steps of the windows.
        stride: usize,
    },
    /// A convolution of one pixel, with norm and ReLU, and the channels behind it.
    Point(usize),
    /// The maximum of windows.
    Pool(Pool<3>),
    /// [`Inception`].
    Inception(InceptionWidths),
}

/// A layer.
#[derive(Clone, Debug)]
pub enum ClipLayer<R> {
    /// Windows in space, then in time.
    Separable(Box<Separable<R>>),
    /// Every pixel by itself.
    Point(Box<ConvUnit<R, Ix5, 3>>),
    /// The maximum of windows.
    Pool(Pool<3>),
    /// Four views.
    Inception(Box<Inception<R>>),
}

/// What [`ClipLayer::backward`] reads.
#[derive(Clone, Debug)]
pub enum ClipLayerTape<R> {
    /// Of a separable convolution.
    Separable(Box<SeparableTape<R>>),
    /// Of a convolution of one pixel.
    Point(Box<ConvUnitTape<R, Ix5>>),
    /// The input of a pool.
    Pool(Array5<R>),
    /// Of four views.
    Inception(Box<InceptionTape<R>>),
}

impl ClipLayerConfig {
    /// The channels behind the layer, of `c` in front of it.
    pub fn out(self, c: usize) -> usize {
        match self {
            ClipLayerConfig::Separable { out, .. } | ClipLayerConfig::Point(out) => out,
            ClipLayerConfig::Pool(_) => c,
            ClipLayerConfig::Inception(widths) => widths.total(),
        }
    }

    /// The layer with drawn weights, for `c` channels.
    pub fn draw<R: Real>(self, c: usize, eps: f64, random: &mut Random) -> ClipLayer<R> {
        match self {
            ClipLayerConfig::Separable { out, k, stride } => {
                ClipLayer::Separable(Box::new(Separable::new(c, out, k, stride, eps, random)))
            }
            ClipLayerConfig::Point(out) => {
                let unit = ConvUnit::new(Dim([out, c, 1, 1, 1]), Conv::default(), random);
                ClipLayer::Point(Box::new(unit.with_norm(eps)))
            }
            ClipLayerConfig::Pool(pool) => ClipLayer::Pool(pool),
            ClipLayerConfig::Inception(widths) => {
                ClipLayer::Inception(Box::new(Inception::new(c, widths, eps, random)))
            }
        }
    }
}

impl<R: Real> ClipLayer<R> {
    /// `x: [batch, c, T, H, W]` → `[batch, out, T', H', W']`
    ///
    /// # Errors
    /// Those of the layer.
    pub fn forward(&self, x: &ArrayRef5<R>) -> Result<(Array5<R>, ClipLayerTape<R>)> {
        Ok(match self {
            ClipLayer::Separable(layer) => {
                let (y, tape) = layer.forward(x)?;
                (y, ClipLayerTape::Separable(Box::new(tape)))
            }
            ClipLayer::Point(layer) => {
                let (y, tape) = layer.forward(x)?;
                (y, ClipLayerTape::Point(Box::new(tape)))
            }
            ClipLayer::Pool(pool) => (max_pool(x, pool)?, ClipLayerTape::Pool(x.to_owned())),
            ClipLayer::Inception(layer) => {
                let (y, tape) = layer.forward(x)?;
                (y, ClipLayerTape::Inception(Box::new(tape)))
            }
        })
    }

    /// The gradient of `x`; adds to those of the parameters.
    pub fn backward(&self, tape: &ClipLayerTape<R>, dy: &ArrayRef5<R>, grad: &mut Self) -> Array5<R> {
        match (self, tape, grad) {
            (ClipLayer::Separable(layer), ClipLayerTape::Separable(tape), ClipLayer::Separable(grad)) => {
                layer.backward(tape, dy, grad)
            }
            (ClipLayer::Point(layer), ClipLayerTape::Point(tape), ClipLayer::Point(grad)) => {
                layer.backward(tape, dy, grad)
            }
            (ClipLayer::Pool(pool), ClipLayerTape::Pool(x), _) => max_pool_backward(x, dy, pool),
            (ClipLayer::Inception(layer), ClipLayerTape::Inception(tape), ClipLayer::Inception(grad)) => {
                layer.backward(tape, dy, grad)
            }
            _ => panic!("a tape and a gradient of this layer"),
        }
    }
}

impl<R: Real> Tree<R> for ClipLayer<R> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        match self {
            ClipLayer::Separable(layer) => layer.collect(name, list),
            ClipLayer::Point(layer) => layer.collect(name, list),
            ClipLayer::Pool(_) => {}
            ClipLayer::Inception(layer) => layer.collect(name, list),
        }
    }

    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        match self {
            ClipLayer::Separable(layer) => layer.collect_mut(name, list),
            ClipLayer::Point(layer) => layer.collect_mut(name, list),
            ClipLayer::Pool(_) => {}
            ClipLayer::Inception(layer) => layer.collect_mut(name, list),
        }
    }
}

impl<R: Real> Tree<R> for ClipLayerTape<R> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        match self {
            ClipLayerTape::Separable(tape) => tape.collect(name, list),
            ClipLayerTape::Point(tape) => tape.collect(name, list),
            ClipLayerTape::Pool(x) => x.collect(name, list),
            ClipLayerTape::Inception(tape) => tape.collect(name, list),
        }
    }

    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        match self {
            ClipLayerTape::Separable(tape) => tape.collect_mut(name, list),
            ClipLayerTape::Point(tape) => tape.collect_mut(name, list),
            ClipLayerTape::Pool(x) => x.collect_mut(name, list),
            ClipLayerTape::Inception(tape) => tape.collect_mut(name, list),
        }
    }
}
