//! What all optimizers share: the walk over trees, and the checks before it.

use ndarray::{ArrayViewD, ArrayViewMutD};

use crate::error::{check_setting, check_shape};
use crate::{Dd, Error, Real, Result, Tree, parallel};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 8;

/// `f(name, parts, g)` for chunks of all arrays of several trees: `parts` are chunks of one array of each tree at the
/// same place, `g` is that of the gradient.
pub(super) fn update<R: Real, T: Tree<R>, const N: usize>(
    trees: [&mut T; N],
    grad: &T,
    f: impl Fn(&str, [&mut [R]; N], &[R]) + Send + Sync,
) {
    update_arrays(trees.map(Tree::arrays_mut), grad.arrays(), f);
}

/// [`update`] without the type of the tree, so that it is compiled once for every rule and not for every model.
fn update_arrays<R: Real, const N: usize>(
    trees: [Vec<(String, ArrayViewMutD<R>)>; N],
    grad: Vec<(String, ArrayViewD<R>)>,
    f: impl Fn(&str, [&mut [R]; N], &[R]) + Send + Sync,
) {
    let mut lists = trees.map(Vec::into_iter);
    for (name, g) in grad {
        let arrays = lists.each_mut().map(|list| list.next().expect("trees of one shape").1);
        let g = parallel::contiguous(&g);
        with_slices(arrays, |parts| {
            parallel::for_chunks_of(
                parts,
                parallel::elements(&g),
                COST,
                #[inline(always)]
                |parts, g| f(&name, parts, g),
            );
        });
    }
}

/// The numbers of every array in row-major order; an array stored otherwise is copied and put back.
fn with_slices<R: Real, const N: usize>(mut arrays: [ArrayViewMutD<R>; N], f: impl FnOnce([&mut [R]; N])) {
    if arrays.iter().all(|a| a.is_standard_layout()) {
        return f(arrays.each_mut().map(|a| a.as_slice_mut().expect("standard layout")));
    }
    let mut copies = arrays.each_ref().map(|a| a.as_standard_layout().into_owned());
    f(copies.each_mut().map(|a| a.as_slice_mut().expect("standard layout")));
    arrays.iter_mut().zip(&copies).for_each(|(a, copy)| a.assign(copy));
}

/// Refuses a gradient that has not the shapes of the model, or whose squares are not finite: nothing was changed yet.
///
/// The numbers are read from the last to the first, so that the update that follows finds the first in the cache.
pub(super) fn check_gradient<R: Real, T: Tree<R>>(at: &'static str, model: &T, grad: &T) -> Result<()> {
    check_arrays(at, &model.arrays(), &grad.arrays())
}

fn check_arrays<R: Real>(
    at: &'static str,
    model: &[(String, ArrayViewD<R>)],
    grad: &[(String, ArrayViewD<R>)],
) -> Result<()> {
    check_shape(at, &[grad.len()], &[model.len()])?;
    for ((_, p), (_, g)) in model.iter().zip(grad) {
        check_shape(at, g.shape(), p.shape())?;
    }
    let fine = grad.iter().rev().all(|(_, g)| {
        let g = parallel::contiguous(g);
        parallel::all_backwards(
            parallel::elements(&g),
            #[inline(always)]
            |g| (g * g).is_finite(),
        )
    });
    if fine { Ok(()) } else { Err(Error::NonFinite { at }) }
}

/// `m / root`, and no step where the root is zero: there every gradient was so small that its square is zero.
#[inline(always)]
pub(super) fn ratio<R: Real>(m: R, root: R) -> R {
    let step = m / root;
    if root > R::of(0.0) { step } else { R::of(0.0) }
}

/// Refuses a rate that is negative or not a number.
pub(super) fn check_rate(at: &'static str, rate: f64) -> Result<()> {
    check_setting(at, rate.is_finite() && rate >= 0.0, || format!("must not be negative, got {rate}"))
}

/// Refuses a decay rate of a moment outside `[0, 1)`.
pub(super) fn check_beta(at: &'static str, beta: f64) -> Result<()> {
    check_setting(at, (0.0..1.0).contains(&beta), || format!("must be in [0, 1), got {beta}"))
}

/// `x^n`
pub(super) fn power(x: f64, n: u64) -> Dd {
    let (mut square, mut n, mut y) = (Dd::of(x), n, Dd::of(1.0));
    while n > 0 {
        if n & 1 == 1 {
            y *= square;
        }
        square = square * square;
        n >>= 1;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_a_repeated_product() {
        let product = (0..1000).fold(Dd::of(1.0), |y, _| y * Dd::of(0.999));
        let difference = power(0.999, 1000) - product;
        assert!(difference.to_f64().abs() < 1e-28);
        assert_eq!(power(0.5, 3), Dd::of(0.125));
        assert_eq!(power(0.0, 0), Dd::of(1.0));
    }

    #[test]
    fn one_minus_beta_is_rounded_once() {
        assert_eq!((Dd::of(1.0) - Dd::of(0.999)).rounded::<f32>(), 0.001);
    }
}
