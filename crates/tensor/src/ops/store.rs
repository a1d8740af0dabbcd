//! The border between two operations.

use ndarray::{Array, Dimension};

use crate::Real;

/// What an operation hands on, rounded as memory does: the one place where [`Real::store`] is called. Nothing happens in
/// types that are stored as they are computed.
///
/// Called on what other operations read: outputs, sums of residual branches, gradients of inputs. Scores and the
/// statistics of a softmax or a norm never reach memory in a program of mixed precision.
#[inline]
pub fn stored<R: Real, D: Dimension>(mut x: Array<R, D>) -> Array<R, D> {
    if R::STORES {
        x.map_inplace(|x| *x = x.store());
    }
    x
}
