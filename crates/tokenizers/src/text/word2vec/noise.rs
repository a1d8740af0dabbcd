//! Words drawn as wrong answers.

use mmt_tensor::ops::sum;
use mmt_tensor::{Error, Random, Real, Result, check_setting};
use ndarray::Array1;

use super::Guess;

/// The probabilities of words as wrong answers: between those of their counts and equal ones.
///
/// **eq-2.4-noise**
/// ```math
/// q_w = \frac{c_w^{3/4}}{\sum_{w'} c_{w'}^{3/4}}
/// ```
///
/// `c: [words]` → `q: [words]`
///
/// Computed as `√c √√c`. A word that was never counted is never drawn.
///
/// Source: Mikolov, Sutskever et al. 2013, *Distributed Representations of Words and Phrases and their Compositionality*,
/// section 2.2.
///
/// # Errors
/// [`Error::EmptyInput`] if all counts are zero.
pub fn noise_distribution<R: Real>(counts: &[u64]) -> Result<Array1<R>> {
    let weight = |&count: &u64| {
        let root = R::of(count as f64).sqrt();
        root * root.sqrt()
    };
    let weights: Vec<R> = counts.iter().map(weight).collect();
    let total = sum::sum(&weights);
    if total == R::of(0.0) {
        return Err(Error::EmptyInput { at: "noise: counts" });
    }
    Ok(weights.into_iter().map(|weight| weight / total).collect())
}

/// What happens to a drawn word that is the right answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnHit {
    /// It is drawn again, so every guess has as many negatives. Not possible where only one word was ever counted.
    Redraw,
    /// It is left out: the released code.
    Skip,
}

/// Draws wrong answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// `q_0 + .. + q_w` for every word. The last one may miss 1 by rounding.
    cumulative: Vec<f64>,
    /// How many words have a probability above zero.
    possible: usize,
    /// What happens to the right answer.
    pub on_hit: OnHit,
}

impl Noise {
    /// Noise of [`noise_distribution`].
    ///
    /// # Errors
    /// Those of [`noise_distribution`].
    pub fn new(counts: &[u64], on_hit: OnHit) -> Result<Self> {
        let mut so_far = 0.0;
        let step = |q: &f64| {
            so_far += q;
            so_far
        };
        let cumulative = noise_distribution::<f64>(counts)?.iter().map(step).collect();
        Ok(Noise { cumulative, possible: counts.iter().filter(|&&count| count > 0).count(), on_hit })
    }

    /// One word.
    pub fn draw(&self, random: &mut Random) -> usize {
        let last = self.cumulative.last().expect("at least one word");
        let u = random.unit() * last;
        self.cumulative.partition_point(|&upper| upper <= u)
    }

    /// A guess at `target` with `k` wrong answers, or fewer where the right one is skipped.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`] for `k = 0`, and if there is nothing else to draw.
    pub fn guess(&self, target: usize, k: usize, random: &mut Random) -> Result<Guess> {
        check_setting("noise: k", k > 0, || "must be positive, got 0".to_string())?;
        let others = self.on_hit == OnHit::Skip || self.possible > 1;
        check_setting("noise: counts", others, || "one word alone has no wrong answers".to_string())?;
        let mut negatives = Vec::with_capacity(k);
        for _ in 0..k {
            let mut word = self.draw(random);
            while word == target && self.on_hit == OnHit::Redraw {
                word = self.draw(random);
            }
            if word != target {
                negatives.push(word);
            }
        }
        Ok(Guess { target, negatives })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_zero_are_refused() {
        for counts in [&[][..], &[0, 0]] {
            assert_eq!(noise_distribution::<f64>(counts).unwrap_err().to_string(), "noise: counts: empty");
            assert_eq!(Noise::new(counts, OnHit::Skip).unwrap_err().to_string(), "noise: counts: empty");
        }
    }

    #[test]
    fn no_negatives_are_refused() {
        let noise = Noise::new(&[1, 1], OnHit::Redraw).unwrap();
        let error = noise.guess(0, 0, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "noise: k: must be positive, got 0");
    }

    #[test]
    fn a_single_word_cannot_be_drawn_again() {
        let random = &mut Random::seed(0);
        let error = Noise::new(&[3, 0], OnHit::Redraw).unwrap().guess(0, 2, random).unwrap_err();
        assert_eq!(error.to_string(), "noise: counts: one word alone has no wrong answers");
        let guess = Noise::new(&[3, 0], OnHit::Skip).unwrap().guess(0, 2, random).unwrap();
        assert_eq!(guess, Guess { target: 0, negatives: vec![] });
    }
}
