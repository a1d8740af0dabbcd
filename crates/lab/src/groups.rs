//! A batch in groups of samples, each of them on one thread if there are as many groups as threads.
//!
//! What a small model computes for a few samples stays in the cache of a core, and the threads meet once a step instead
//! of twice an operation. The groups are fixed and their gradients are added in order, so the number of threads never
//! changes a bit.

use mmt_tensor::{Real, Result, Tree, parallel};

/// Far more operations than a fork costs.
const COST: usize = 1 << 24;

/// `f(g)` for every group `g < count`; the error of the first group that has one.
///
/// # Errors
/// Those of `f`.
pub fn forward<T: Send>(count: usize, f: impl Fn(usize) -> Result<T> + Send + Sync) -> Result<Vec<T>> {
    parallel::try_map(count, COST, f)
}

/// Adds the gradient of the mean of `count` losses: `f(g, grad)` adds that of the loss of group `g`, and returns the loss.
///
/// ```math
/// L = \frac1G \sum_{g=1}^G L_g \quad\Rightarrow\quad \bar\theta = \frac1G \sum_{g=1}^G \nabla_\theta L_g
/// ```
///
/// For losses that are means over groups of one size `L` is the mean over the batch. A group that `f` takes forward and at
/// once backward has left its memory before the next one begins, which finds it in the cache.
///
/// # Errors
/// Those of `f`; the error of the first group that has one, and then nothing is added.
pub fn gradients<R: Real, M: Tree<R> + Send + Sync, T: Send>(
    count: usize,
    grad: &mut M,
    f: impl Fn(usize, &mut M) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    let zeros = grad.zeros_like();
    let of_groups = parallel::try_map(count, COST, |g| {
        let mut grad = zeros.clone();
        Ok((f(g, &mut grad)?, grad))
    })?;
    let share = R::of(1.0) / R::of(count as f64);
    let add = |(loss, of_group)| {
        grad.add_scaled(share, &of_group);
        loss
    };
    Ok(of_groups.into_iter().map(add).collect())
}

#[cfg(test)]
mod tests {
    use mmt_blocks::Linear;
    use mmt_tensor::{Error, Random};
    use ndarray::{Array2, s};

    use super::*;
    use crate::answers::mean_cross_entropy;

    /// The losses of groups of samples, and the gradient of their mean.
    fn step(model: &Linear<f64>, x: &Array2<f64>, answers: &[usize], size: usize) -> (Vec<f64>, Linear<f64>) {
        let count = answers.len() / size;
        let mut grad = model.zeros_like();
        let losses = gradients(count, &mut grad, |g, grad| {
            let (scores, tape) = model.forward(&x.slice(s![g * size..(g + 1) * size, ..]))?;
            let (loss, dscores) = mean_cross_entropy(&scores, &answers[g * size..(g + 1) * size])?;
            model.backward(&tape, &dscores, grad);
            Ok(loss)
        });
        (losses.unwrap(), grad)
    }

    #[test]
    fn the_mean_over_groups_is_that_over_the_batch() {
        let mut random = Random::seed(1);
        let (model, x) = (Linear::new(3, 4, &mut random), random.normal((6, 3), 1.0));
        let answers = [0, 3, 1, 2, 2, 0];
        let (loss, want) = step(&model, &x, &answers, 6);
        for size in [1, 2, 3] {
            let (losses, grad) = step(&model, &x, &answers, size);
            let mean = losses.iter().sum::<f64>() / losses.len() as f64;
            assert!((mean - loss[0]).abs() < 1e-14, "groups of {size}");
            for ((name, got), (_, want)) in grad.arrays().iter().zip(want.arrays()) {
                let same = got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-14);
                assert!(same, "{name}, groups of {size}");
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let mut random = Random::seed(2);
        let (model, x) = (Linear::new(3, 4, &mut random), random.normal((6, 3), 1.0));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (losses, grad) = pool.install(|| step(&model, &x, &[0, 3, 1, 2, 2, 0], 2));
            let bits: Vec<u64> = grad
                .arrays()
                .iter()
                .flat_map(|(_, g)| g.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
                .collect();
            (losses, bits)
        };
        let one = run(1);
        assert!([2, 3, 7].into_iter().all(|threads| run(threads) == one));
    }

    #[test]
    fn the_first_group_with_an_error_is_named() {
        let fails = |g| if g < 2 { Ok(g) } else { Err(Error::FullyMaskedRow { row: g }) };
        assert_eq!(forward(4, fails).unwrap_err().to_string(), "query 2 may see no key");
        assert_eq!(forward(2, fails).unwrap(), [0, 1]);
        let mut grad = Linear::new(3, 4, &mut Random::seed(3)).without_bias();
        let before: Linear<f64> = grad.clone();
        let error = gradients(4, &mut grad, |g, grad: &mut Linear<f64>| {
            grad.weight.fill(1.0);
            fails(g)
        });
        assert_eq!(error.unwrap_err().to_string(), "query 2 may see no key");
        assert_eq!(grad.weight, before.weight);
    }
}
