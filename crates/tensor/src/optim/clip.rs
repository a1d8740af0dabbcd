//! A bound on the norm of a gradient.

use crate::error::check_setting;
use crate::ops::sum::{max, sum, sum_of};
use crate::{Error, Real, Result, Tree, parallel};

/// Which norm of all numbers of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// `Σ |g_i|`
    One,
    /// `√(Σ g_i²)`
    Two,
    /// `max_i |g_i|`
    Max,
}

/// The norm of all numbers of a tree together.
///
/// ```math
/// \lVert g \rVert = \sqrt{\sum_a \sum_i g_{a,i}^2}
/// ```
///
/// for [`Norm::Two`]. Blocks of 4096 numbers are summed by themselves and their sums in order, so the result does not
/// depend on the number of threads.
///
/// # Errors
/// [`Error::NonFinite`] if it is not finite: for NaN and infinities, and where a sum overflows.
pub fn global_norm<R: Real, T: Tree<R>>(tree: &T, norm: Norm) -> Result<R> {
    const BLOCK: usize = 1 << 12;
    let mut parts = vec![];
    for (_, g) in tree.arrays() {
        let g = parallel::contiguous(&g);
        let g = parallel::elements(&g);
        parts.extend(parallel::map_blocks(
            g,
            BLOCK,
            4,
            #[inline(always)]
            |g| match norm {
                Norm::One => sum_of(g, R::abs),
                Norm::Two => sum_of(
                    g,
                    #[inline(always)]
                    |g| g * g,
                ),
                Norm::Max => {
                    g.iter().fold(R::of(0.0), |m, g| if g.abs() > m || !g.is_finite() { g.abs() } else { m })
                }
            },
        ));
    }
    let total = match norm {
        Norm::One => sum(&parts),
        Norm::Two => sum(&parts).sqrt(),
        Norm::Max if parts.iter().all(|p| p.is_finite()) => max(&parts).max(R::of(0.0)),
        Norm::Max => R::of(f64::NAN),
    };
    if total.is_finite() { Ok(total) } else { Err(Error::NonFinite { at: "global_norm: gradient" }) }
}

/// Shortens a gradient whose norm is above `max_norm`, keeping its direction; returns the norm that it had.
///
/// ```math
/// g \leftarrow g \cdot \min\Bigl(1, \frac{c}{\lVert g \rVert + 10^{-6}}\Bigr)
/// ```
///
/// `g`: a tree, `c > 0` → the norm before
///
/// Source: Pascanu, Mikolov & Bengio 2013, *On the difficulty of training recurrent neural networks*, algorithm 1; the
/// `1e-6` is that of PyTorch's `clip_grad_norm_`.
///
/// # Errors
/// [`Error::NonFinite`] as [`global_norm`], with the gradient left as it is;
/// [`Error::InvalidHyperparameter`] if the bound is not positive.
pub fn clip_norm<R: Real, T: Tree<R>>(grad: &mut T, max_norm: f64, norm: Norm) -> Result<R> {
    check_setting("clip_norm: max_norm", max_norm > 0.0, || format!("must be positive, got {max_norm}"))?;
    let before = global_norm(grad, norm)?;
    let scale = R::of(max_norm) / (before + R::of(1e-6));
    if scale < R::of(1.0) {
        for (_, mut g) in grad.arrays_mut() {
            g.mapv_inplace(|g| g * scale);
        }
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn the_three_norms_of_several_arrays() {
        let tree = (array![3.0, -4.0], array![[12.0]]);
        assert_eq!(global_norm(&tree, Norm::One).unwrap(), 19.0);
        assert_eq!(global_norm(&tree, Norm::Two).unwrap(), 13.0);
        assert_eq!(global_norm(&tree, Norm::Max).unwrap(), 12.0);
        assert_eq!(global_norm(&Array1::<f64>::zeros(0), Norm::Max).unwrap(), 0.0);
    }

    #[test]
    fn what_has_no_norm_is_refused_and_kept() {
        for norm in [Norm::One, Norm::Two, Norm::Max] {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for mut grad in [array![1.0, bad, 2.0], array![bad, 1.0, 2.0], array![1.0, 2.0, bad]] {
                    let before = grad.clone();
                    let error = clip_norm(&mut grad, 1.0, norm).unwrap_err().to_string();
                    assert_eq!(error, "global_norm: gradient: not a finite number");
                    assert!(grad.iter().zip(&before).all(|(a, b): (&f64, &f64)| a.to_bits() == b.to_bits()));
                }
            }
        }
        let error = global_norm(&array![1e200, 1e200], Norm::Two).unwrap_err().to_string();
        assert_eq!(error, "global_norm: gradient: not a finite number");
        let error = clip_norm(&mut array![1.0], 0.0, Norm::Two).unwrap_err().to_string();
        assert_eq!(error, "clip_norm: max_norm: must be positive, got 0");
    }
}
