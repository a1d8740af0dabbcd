//! Who guesses whom in a text.

use mmt_tensor::{Error, Random, Result, check_setting};

/// Whose input vector guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// That of the word in the middle: the paper.
    Center,
    /// That of the word near it, and the word in the middle is guessed: the released code. Over a whole text both see
    /// the same pairs, each the other way around and with windows drawn for the other end.
    Neighbor,
}

/// A word that guesses and the word that it should guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// `w`, whose input vector guesses.
    pub word: usize,
    /// `o`
    pub target: usize,
}

/// The neighbors of position `i` in a text of `n` words.
fn window(i: usize, radius: usize, n: usize) -> impl Iterator<Item = usize> {
    (i.saturating_sub(radius)..(i + radius + 1).min(n)).filter(move |&j| j != i)
}

fn check_radius(radius: usize) -> Result<()> {
    check_setting("pairs: radius", radius > 0, || "must be positive, got 0".to_string())
}

/// The pairs of a text, in order; the radius of every window is drawn.
///
/// **eq-2.4-window**
/// ```math
/// r_i \sim U\{1, \dots, R\}, \qquad
/// \{ (i, j) : 0 < |i - j| \le r_i,\; 0 \le j < n \}
/// ```
///
/// So a word at distance `δ` is a neighbor with probability `(R - δ + 1) / R`: nearer words count more. A text of one word
/// has no pair.
///
/// Source: Mikolov, Chen, Corrado & Dean 2013, *Efficient Estimation of Word Representations in Vector Space*, section
/// 3.2.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for `R = 0`; [`Error::EmptyInput`] for no word.
pub fn sample_pairs(
    text: &[usize],
    radius: usize,
    speaker: Speaker,
    random: &mut Random,
) -> Result<Vec<Pair>> {
    let pairs = |(center, neighbors): (usize, Vec<usize>)| {
        neighbors.into_iter().map(move |neighbor| match speaker {
            Speaker::Center => Pair { word: center, target: neighbor },
            Speaker::Neighbor => Pair { word: neighbor, target: center },
        })
    };
    Ok(sample_contexts(text, radius, random)?.into_iter().flat_map(pairs).collect())
}

/// Every word of a text that has neighbors, with them: what CBOW sees. The radius of every window is drawn as in
/// [`sample_pairs`].
///
/// # Errors
/// Those of [`sample_pairs`].
pub fn sample_contexts(
    text: &[usize],
    radius: usize,
    random: &mut Random,
) -> Result<Vec<(usize, Vec<usize>)>> {
    check_radius(radius)?;
    if text.is_empty() {
        return Err(Error::EmptyInput { at: "pairs: text" });
    }
    let mut context = |i| {
        let drawn = 1 + random.below(radius);
        (text[i], window(i, drawn, text.len()).map(|j| text[j]).collect::<Vec<_>>())
    };
    let all: Vec<_> = (0..text.len()).map(&mut context).collect();
    Ok(all.into_iter().filter(|(_, context)| !context.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_of_zero_and_no_text_are_refused() {
        let random = &mut Random::seed(0);
        let error = sample_pairs(&[1, 2], 0, Speaker::Center, random).unwrap_err();
        assert_eq!(error.to_string(), "pairs: radius: must be positive, got 0");
        let error = sample_contexts(&[], 2, random).unwrap_err();
        assert_eq!(error.to_string(), "pairs: text: empty");
    }

    #[test]
    fn a_word_alone_has_no_pair() {
        assert_eq!(sample_pairs(&[7], 3, Speaker::Center, &mut Random::seed(0)).unwrap(), []);
    }

    #[test]
    fn a_radius_of_one_joins_what_stands_side_by_side() {
        let random = &mut Random::seed(0);
        let pairs = |speaker, random: &mut Random| -> Vec<(usize, usize)> {
            let pairs = sample_pairs(&[5, 6, 7], 1, speaker, random).unwrap();
            pairs.into_iter().map(|pair| (pair.word, pair.target)).collect()
        };
        assert_eq!(pairs(Speaker::Center, random), [(5, 6), (6, 5), (6, 7), (7, 6)]);
        assert_eq!(pairs(Speaker::Neighbor, random), [(6, 5), (5, 6), (7, 6), (6, 7)]);
    }
}
