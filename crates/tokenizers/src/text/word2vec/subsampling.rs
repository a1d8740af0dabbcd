//! Frequent words seen less often.

use mmt_tensor::{Error, Random, Real, Result, check_index, check_setting};

/// Which probability a frequent word is kept with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsampling {
    /// `√(t / f)`: the paper.
    Paper,
    /// `(√(f / t) + 1) t / f`: the released code, `word2vec.c`.
    Code,
}

/// The probability that a word of a text is kept.
///
/// **eq-2.4-subsampling**
/// ```math
/// p_\text{paper} = \min\Bigl( 1, \sqrt{t / f} \Bigr), \qquad
/// p_\text{code} = \min\Bigl( 1, \bigl( \sqrt{f / t} + 1 \bigr)\, \frac t f \Bigr), \qquad
/// f = \frac{\text{count}}{\text{total}}
/// ```
///
/// The two differ by `t / f`: the code keeps more.
///
/// Source: Mikolov, Sutskever et al. 2013, *Distributed Representations of Words and Phrases and their Compositionality*,
/// eq. 5; `word2vec.c` of the released code. Both take `t` between 1e-5 and 1e-3.
///
/// # Errors
/// [`Error::EmptyInput`] for a word that was never counted; [`Error::InvalidHyperparameter`] for a threshold that is
/// not positive, and for more words of one kind than words.
pub fn keep_probability<R: Real>(count: u64, total: u64, threshold: f64, kind: Subsampling) -> Result<R> {
    if count == 0 {
        return Err(Error::EmptyInput { at: "subsampling: count" });
    }
    check_setting("subsampling: count", count <= total, || format!("{count} of {total} words"))?;
    check_setting("subsampling: threshold", threshold > 0.0 && threshold.is_finite(), || {
        format!("must be positive, got {threshold}")
    })?;
    let share = R::of(threshold) * R::of(total as f64) / R::of(count as f64);
    let keep = match kind {
        Subsampling::Paper => share.sqrt(),
        Subsampling::Code => (R::of(1.0) / share.sqrt() + R::of(1.0)) * share,
    };
    Ok(keep.min(R::of(1.0)))
}

/// The words of a text that are kept, each drawn by itself.
///
/// # Errors
/// [`Error::IndexOutOfRange`] for a word without a count; those of [`keep_probability`].
pub fn sample_kept(
    words: &[usize],
    counts: &[u64],
    threshold: f64,
    kind: Subsampling,
    random: &mut Random,
) -> Result<Vec<usize>> {
    let (total, mut kept) = (counts.iter().sum(), vec![]);
    for &word in words {
        check_index("subsampling: word", word, counts.len())?;
        if random.unit() < keep_probability::<f64>(counts[word], total, threshold, kind)? {
            kept.push(word);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(count: u64, total: u64, threshold: f64) -> String {
        keep_probability::<f64>(count, total, threshold, Subsampling::Paper).unwrap_err().to_string()
    }

    #[test]
    fn counts_that_are_none_are_refused() {
        assert_eq!(text(0, 10, 1e-3), "subsampling: count: empty");
        assert_eq!(text(11, 10, 1e-3), "subsampling: count: 11 of 10 words");
    }

    #[test]
    fn a_threshold_that_is_not_positive_is_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(text(1, 10, bad), format!("subsampling: threshold: must be positive, got {bad}"));
        }
    }

    #[test]
    fn a_word_without_a_count_is_refused() {
        let error = sample_kept(&[0, 2], &[5, 5], 1e-3, Subsampling::Code, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "subsampling: word: index 2 is outside a table of 2");
    }
}
