//! What all optimizers share: the walk over trees, and the checks before it.

use ndarray::{ArrayViewD, ArrayViewMutD};

use crate::error::{check_setting, check_shape};
use crate::optim::AdamConfig;
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
/// Returns its first number, or zero.
///
/// The numbers are read from the last to the first, so that the update that follows finds the first in the cache.
pub(super) fn check_gradient<R: Real, T: Tree<R>>(at: &'static str, model: &T, grad: &T) -> Result<R> {
    check_arrays(at, &model.arrays(), &grad.arrays())
}

fn check_arrays<R: Real>(
    at: &'static str,
    model: &[(String, ArrayViewD<R>)],
    grad: &[(String, ArrayViewD<R>)],
) -> Result<R> {
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
    let first = grad.iter().find_map(|(_, g)| g.first().copied());
    if fine { Ok(first.unwrap_or(R::of(0.0))) } else { Err(Error::NonFinite { at }) }
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

/// `α / (1 - β_1^t)` and `1 / √(1 - β_2^t)`, the factors of step `t` that take out that both means start at zero. `like` says
/// how the numbers of the step round.
pub(super) fn corrections<R: Real>(config: &AdamConfig, steps: u64, rate: f64, like: R) -> [R; 2] {
    let [c_1, c_2] = [config.beta_1, config.beta_2].map(|beta| rest(beta, steps, like));
    [(Dd::of(rate) / c_1).rounded(), (Dd::of(1.0) / c_2.sqrt()).rounded()]
}

/// `1 - β^t`, exact but for samples of simpler ways ([`Real::reversed`]).
///
/// There the power is rounded as by a program that multiplies one by one. `β^t (1 + δ)` puts the rest off by
/// `δ β^t / (1 - β^t)` of itself, by `499 δ` for `t = 2` and `β = 0.999`, and a step of Adam by half of that: most of
/// what a correct program is off by where the step is as large as the parameter.
fn rest<R: Real>(beta: f64, steps: u64, like: R) -> Dd {
    let mut power = power(beta, steps);
    if like.reversed() && steps > 1 {
        // One, rounded `t - 1` times. The zero says whose roundings: those of the sample, and of `β`. In a type that is only
        // reversed it is exactly one.
        let (zero, one) = (R::of(0.0) * (like * R::of(beta)), R::of(1.0));
        let rounded = (2..steps).fold(zero + one, |y, _| y * one);
        power *= Dd::of(rounded.to_f64());
    }
    Dd::of(1.0) - power
}

/// `x^n`
fn power(x: f64, n: u64) -> Dd {
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
    use crate::{DdReversed, Mca, Profile};

    #[test]
    fn a_power_is_a_repeated_product() {
        let product = (0..1000).fold(Dd::of(1.0), |y, _| y * Dd::of(0.999));
        let difference = power(0.999, 1000) - product;
        assert!(difference.to_f64().abs() < 1e-28);
        assert_eq!(power(0.5, 3), Dd::of(0.125));
        assert_eq!(power(0.0, 0), Dd::of(1.0));
    }

    #[test]
    fn the_rest_of_a_power_is_exact_but_for_samples_of_simpler_ways() {
        let exact = Dd::of(1.0) - power(0.999, 3);
        assert_eq!(rest(0.999, 3, 0.3_f32), exact);
        assert_eq!(rest(0.999, 3, DdReversed::of(0.3)), exact);
        let sample = |key| Mca::input(0.3, Profile::F32, key);
        assert_eq!(rest(0.999, 3, sample(1)), exact);
        assert_eq!(rest(0.999, 1, sample(1).in_order()), Dd::of(1.0) - Dd::of(0.999));
        assert_ne!(rest(0.999, 3, sample(1).in_order()), rest(0.999, 3, sample(2).in_order()));
        // Two roundings of 2^-24 with a mean square of 1/3, and one, times `β^t / (1 - β^t)`.
        for (steps, want) in [(3, 332.7 * (2.0_f64 / 3.0).sqrt()), (2, 499.2 * (1.0_f64 / 3.0).sqrt())] {
            let exact = (Dd::of(1.0) - power(0.999, steps)).to_f64();
            let squares = (0..2000).map(|key| {
                let off = rest(0.999, steps, sample(key).in_order()).to_f64() / exact - 1.0;
                (off * f64::from(1 << 24)).powi(2)
            });
            let spread = (squares.fold(0.0, |a, b| a + b) / 2000.0).sqrt();
            assert!((0.95..1.05).contains(&(spread / want)), "{steps} {spread} {want}");
        }
    }

    #[test]
    fn one_minus_beta_is_rounded_once() {
        assert_eq!((Dd::of(1.0) - Dd::of(0.999)).rounded::<f32>(), 0.001);
    }
}
