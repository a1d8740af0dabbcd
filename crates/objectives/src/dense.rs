//! A linear map with a rectifier.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::ops::{relu, relu_backward};
use mmt_tensor::{Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

/// What the backward of a linear map with a rectifier reads.
#[derive(Clone, Debug)]
pub struct DenseTape<R> {
    /// Of the map.
    pub linear: LinearTape<R>,
    /// Its output.
    pub z: Array2<R>,
}

tree!(DenseTape { linear, z });

/// `ReLU(x W + b)`
pub(crate) fn dense<R: Real>(layer: &Linear<R>, x: &ArrayRef2<R>) -> Result<(Array2<R>, DenseTape<R>)> {
    let (z, linear) = layer.forward(x)?;
    Ok((relu(&z)?, DenseTape { linear, z }))
}

/// Gradients of [`dense`]: returns `x̄`, adds to those of the map.
pub(crate) fn dense_backward<R: Real>(
    layer: &Linear<R>,
    tape: &DenseTape<R>,
    dy: &ArrayRef2<R>,
    grad: &mut Linear<R>,
) -> Array2<R> {
    layer.backward(&tape.linear, &relu_backward(&tape.z, dy), grad)
}
