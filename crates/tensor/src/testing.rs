//! What the tests of every crate share.

use std::cell::Cell;

use ndarray::{Array, ArrayViewD, ArrayViewMutD, Dimension, IntoDimension};

use crate::{Dual, Random, Real, Result, Tree};

/// The same tree with random numbers from `[-1, 1)`: gradients are never tested at zeros and ones.
pub fn shake<R: Real, T: Tree<R>>(tree: &T, seed: u64) -> T {
    let mut tree = tree.clone();
    shake_arrays(tree.arrays_mut(), seed);
    tree
}

// The helpers without the type of the tree, here and below, are compiled once for all formulas.
fn shake_arrays<R: Real>(arrays: Vec<(String, ArrayViewMutD<R>)>, seed: u64) {
    let mut random = Random::seed(seed);
    for (_, mut a) in arrays {
        let new = random.uniform(a.raw_dim(), 1.0);
        a.assign(&new);
    }
}

/// The ramp of the specification, section 0.4: the same test inputs in every language.
///
/// ```math
/// G_s(k) = \frac{((7k + 3s) \bmod 11) - 5}{4}, \qquad k = 0, 1, 2, \dots \text{ in row-major order}
/// ```
pub fn ramp<R: Real, S: IntoDimension>(s: usize, shape: S) -> Array<R, S::Dim> {
    let shape = shape.into_dimension();
    let values = (0..shape.size()).map(|k| R::of((((7 * k + 3 * s) % 11) as f64 - 5.0) / 4.0)).collect();
    Array::from_shape_vec(shape, values).expect("as many values as the shape holds")
}

/// The full-rank generator of the specification of fusion topologies, section 3.0: the same test inputs in every
/// language.
///
/// ```math
/// g_s(k) = c \left( \frac{2r}{1009} - 1 \right), \qquad r = \bigl(31(k+1)^2 + 17(k+1) + 101 s\bigr) \bmod 1009
/// ```
pub fn qres<R: Real, S: IntoDimension>(s: usize, shape: S, c: f64) -> Array<R, S::Dim> {
    let shape = shape.into_dimension();
    let remainder = |k: usize| (31 * (k + 1) * (k + 1) + 17 * (k + 1) + 101 * s) % 1009;
    let value = |k| R::of(c) * (R::of((2 * remainder(k)) as f64) / R::of(1009.0) - R::of(1.0));
    let values = (0..shape.size()).map(value).collect();
    Array::from_shape_vec(shape, values).expect("as many values as the shape holds")
}

/// The checksum that goes with [`qres`]: `Σ_k T_k ω(k)` with pseudo-random weights `ω`.
pub fn checksum<D: Dimension>(a: &Array<f64, D>) -> f64 {
    let weight = |k: usize| ((13 * (k + 1) * (k + 1) + 7 * (k + 1)) % 97) as f64 / 97.0 - 0.5;
    a.iter().enumerate().map(|(k, &t)| t * weight(k)).sum()
}

/// What the gradient checks of this thread have seen since the last [`take_tally`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Numbers of hand-derived gradients that were compared with exact derivatives.
    pub gradients: usize,
    /// The largest difference, `|got - expected| / (1 + |expected|)`.
    pub worst: f64,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { gradients: 0, worst: 0.0 }) };
}

/// The [`Tally`] of this thread, which starts again from zero: for reports that say how much was checked.
pub fn take_tally() -> Tally {
    TALLY.take()
}

/// Checks a hand-derived backward at `point`, to rounding error.
///
/// `point` bundles everything the gradient is taken with respect to: inputs, parameters, or both.
/// For every direction `v` and every `ȳ` the chain rule demands
///
/// ```math
/// \langle \bar y,\; J v \rangle = \langle J^\top \bar y,\; v \rangle .
/// ```
///
/// The left side comes from running `forward` on dual numbers, the right side from `backward`. Both
/// are exact, so they agree to rounding and no step size has to be chosen. Each array of `point` is
/// moved by itself, so a failure names the input or parameter whose gradient is wrong.
pub fn check_backward<P: Tree<Dual>, Y: Tree<Dual>>(
    point: &P,
    forward: impl Fn(&P) -> Result<Y>,
    backward: impl Fn(&P, &Y) -> P,
) {
    let forward = |p: &P| forward(p).expect("a valid point");
    let dy = shake(&forward(point), 1);
    let gradient = values(&backward(point, &dy).arrays());
    TALLY.set(Tally { gradients: TALLY.get().gradients + gradient.len(), ..TALLY.get() });
    for (i, (name, _)) in point.arrays().iter().enumerate() {
        let mut moved = point.clone();
        set_moving(&mut moved.arrays_mut()[i].1, i as u64);
        let expected = dot(&values(&dy.arrays()), &tangents(&forward(&moved).arrays()));
        let got = dot(&gradient, &tangents(&moved.arrays()));
        compare(name, got, expected);
    }
}

/// Gives every number a random tangent.
fn set_moving(a: &mut ArrayViewMutD<Dual>, seed: u64) {
    let v: Array<f64, _> = Random::seed(seed).uniform(a.raw_dim(), 1.0);
    a.zip_mut_with(&v, |x, &tangent| *x = Dual { value: x.value, tangent });
}

fn compare(name: &str, got: f64, expected: f64) {
    let difference = (got - expected).abs() / (1.0 + expected.abs());
    TALLY.set(Tally { worst: TALLY.get().worst.max(difference), ..TALLY.get() });
    assert!(difference <= 1e-12, "gradient of `{name}`: <dy, Jv> is {expected:e}, but <J'dy, v> is {got:e}");
}

/// [`check_backward`] for a module: all its parameters and all its inputs.
///
/// The gradient starts from random numbers, not from zeros: a backward has to add to it.
pub fn check_module<M: Tree<Dual>, X: Tree<Dual>, Y: Tree<Dual>, T>(
    module: &M,
    inputs: X,
    forward: impl Fn(&M, &X) -> Result<(Y, T)>,
    backward: impl Fn(&M, &T, &Y, &mut M) -> X,
) {
    check_backward(
        &(shake(module, 2), inputs),
        |(m, x)| Ok(forward(m, x)?.0),
        |(m, x), dy| {
            let (_, tape) = forward(m, x).expect("a valid point");
            let start = shake(m, 3);
            let mut grad = start.clone();
            let dx = backward(m, &tape, dy, &mut grad);
            grad.add_scaled(Dual::of(-1.0), &start);
            (grad, dx)
        },
    );
}

/// All values, in order.
fn values(arrays: &[(String, ArrayViewD<Dual>)]) -> Vec<f64> {
    arrays.iter().flat_map(|(_, a)| a.iter().map(|x| x.value)).collect()
}

/// All tangents, in order.
fn tangents(arrays: &[(String, ArrayViewD<Dual>)]) -> Vec<f64> {
    arrays.iter().flat_map(|(_, a)| a.iter().map(|x| x.tangent)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "a gradient has the shape of what it is the gradient of");
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The pair of checksums `⟨Σ_k T_k, Σ_k (k+1) T_k⟩` and, blind to neither rows nor columns, `Σ_k T_k²`.
pub fn sums<D: Dimension>(a: &Array<f64, D>) -> [f64; 3] {
    let terms = a.iter().enumerate();
    terms.fold([0.0; 3], |[c1, c2, c3], (k, &t)| [c1 + t, c2 + (k + 1) as f64 * t, c3 + t * t])
}

/// Requires the first two checksums to be what the specification prints.
#[track_caller]
pub fn assert_sums<D: Dimension>(a: &Array<f64, D>, c1: &str, c2: &str) {
    let [got_1, got_2, _] = sums(a);
    assert_printed(got_1, c1);
    assert_printed(got_2, c2);
}

/// Requires a printed number: within half a unit of its last digit, plus 1e-9.
#[track_caller]
pub fn assert_printed(got: f64, printed: &str) {
    let want: f64 = printed.parse().expect("a number");
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let digits = mantissa.split_once('.').map_or(0, |(_, digits)| digits.len()) as i32;
    let exponent: i32 = exponent.parse().expect("an exponent");
    let whole = digits == 0 && exponent == 0;
    let half = if whole { 0.0 } else { 0.5 * 10f64.powi(exponent - digits) };
    assert!((got - want).abs() <= half + 1e-9, "expected {printed}, got {got}");
}

/// Requires every number to be within `limit · (1 + |want|)` of what is wanted.
#[track_caller]
pub fn assert_close<T: Tree<f64>>(got: &T, want: &T, limit: f64) {
    assert_close_arrays(&got.arrays(), &want.arrays(), limit);
}

#[track_caller]
fn assert_close_arrays(got: &[(String, ArrayViewD<f64>)], want: &[(String, ArrayViewD<f64>)], limit: f64) {
    let names = |arrays: &[(String, ArrayViewD<f64>)]| -> Vec<String> {
        arrays.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(got), names(want), "the same arrays");
    for ((name, got), (_, want)) in got.iter().zip(want) {
        assert_eq!(got.shape(), want.shape(), "shape of `{name}`");
        for ((index, &g), &w) in got.indexed_iter().zip(want) {
            let close = (g - w).abs() <= limit * (1.0 + w.abs());
            assert!(close, "`{name}`{:?}: expected {w:e}, got {g:e}", index.slice());
        }
    }
}
