//! Loops over arrays that are there, in chunks.

use ndarray::{Array, ArrayRef, Dimension};

use super::elements::chunk;
use super::fork::{each_part, worth_a_fork};
use crate::Real;
use crate::simd::vectorize;

/// `a + b`, in the memory of `a`: `[..]` → `[..]`
///
/// # Panics
/// If the shapes differ.
pub fn add<R: Real, D: Dimension>(mut a: Array<R, D>, b: &ArrayRef<R, D>) -> Array<R, D> {
    zip_in_place(
        &mut a,
        b,
        #[inline(always)]
        |a, b| a + b,
    );
    a
}

/// `a = f(a, b)` element by element.
///
/// # Panics
/// If the shapes differ.
pub(crate) fn zip_in_place<R: Real, D: Dimension>(
    a: &mut ArrayRef<R, D>,
    b: &ArrayRef<R, D>,
    f: impl Fn(R, R) -> R + Send + Sync,
) {
    assert_eq!(a.shape(), b.shape(), "arrays of one shape");
    match (a.as_slice_mut(), b.as_slice()) {
        (Some(a), Some(b)) => for_chunks_of(
            [a],
            b,
            2,
            #[inline(always)]
            |[a], b| {
                for (a, &b) in a.iter_mut().zip(b) {
                    *a = f(*a, b);
                }
            },
        ),
        _ => a.zip_mut_with(b, |a, &b| *a = f(*a, b)),
    }
}

/// `f(first, chunk)` for consecutive chunks of `out`, where `first` is the index of the first element of a chunk.
pub fn for_chunks<R: Real>(out: &mut [R], cost: usize, f: impl Fn(usize, &mut [R]) + Send + Sync) {
    let chunk = chunk(out.len(), cost);
    let run = |c: usize, part: &mut [R]| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(c * chunk, part),
        );
    };
    let forked = worth_a_fork(out.len(), cost);
    each_part(out.chunks_mut(chunk).collect(), forked, &run);
}

/// `f(parts, x)` for consecutive chunks of several arrays of one length, written to, and of `x`, read.
pub fn for_chunks_of<R: Real, const N: usize>(
    out: [&mut [R]; N],
    x: &[R],
    cost: usize,
    f: impl Fn([&mut [R]; N], &[R]) + Send + Sync,
) {
    let run = |_: usize, (parts, x): ([&mut [R]; N], &[R])| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(parts, x),
        );
    };
    each_part(chunks_of(out, x, chunk(x.len(), cost)), worth_a_fork(x.len(), cost), &run);
}

/// Chunks of several arrays of one length at the same places.
fn chunks_of<'a, R, const N: usize>(
    out: [&'a mut [R]; N],
    x: &'a [R],
    chunk: usize,
) -> Vec<([&'a mut [R]; N], &'a [R])> {
    let mut rest = out.map(|out| {
        assert_eq!(out.len(), x.len(), "arrays of one length");
        out.chunks_mut(chunk)
    });
    x.chunks(chunk).map(|x| (rest.each_mut().map(|rest| rest.next().expect("as many chunks")), x)).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::{Random, Tree, parallel};

    /// `f` on pools of one and of three threads.
    fn on_threads(f: impl Fn() + Sync) {
        for threads in [1, 3] {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&f);
        }
    }

    #[test]
    fn sums_zeros_and_multiples_are_those_of_ndarray_for_any_size() {
        let mut random = Random::seed(1);
        for (n, d) in [(0, 3), (1, 1), (5, 7), (700, 900)] {
            let (a, b): (Array2<f64>, Array2<f64>) =
                (random.uniform((n, d), 1.0), random.uniform((n, d), 1.0));
            on_threads(|| {
                assert_eq!(add(a.clone(), &b), &a + &b);
                assert_eq!(add(a.clone().reversed_axes(), &b.t()), (&a + &b).reversed_axes());
                assert_eq!(parallel::zeros::<f64, _>((n, d)), Array2::zeros((n, d)));
                let mut sum = a.clone();
                sum.add_scaled(0.5, &b);
                assert_eq!(sum, &a + 0.5 * &b);
                assert_eq!(sum.zeros_like(), Array2::zeros((n, d)));
            });
        }
    }

    #[test]
    #[should_panic(expected = "arrays of one shape")]
    fn terms_of_other_shapes_are_refused() {
        add(Array2::<f64>::zeros((2, 3)), &Array2::zeros((3, 2)));
    }

    #[test]
    #[should_panic(expected = "arrays of one shape")]
    fn trees_of_other_shapes_are_refused() {
        Array2::<f64>::zeros((2, 3)).add_scaled(1.0, &Array2::zeros((3, 2)));
    }

    #[test]
    fn chunks_make_up_the_whole_and_know_where_they_begin() {
        for size in [0, 1, 5000, 1 << 19] {
            let mut list = vec![0.0; size];
            for_chunks(&mut list, 3, |first, part| {
                part.iter_mut().enumerate().for_each(|(i, x)| *x += (first + i) as f64);
            });
            let want: Vec<f64> = (0..size).map(|i| i as f64).collect();
            assert_eq!(list, want);
        }
    }
}
