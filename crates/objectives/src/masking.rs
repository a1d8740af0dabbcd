//! Words hidden from a model that has to guess them: a fixed number per sequence, as BERT does.

use std::ops::Range;

use mmt_tensor::{Error, Random, Result, check_index, check_setting, check_shape};

/// How many tokens are hidden, and behind what.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskRule {
    /// The share of tokens that is chosen: 0.15 in all sources.
    pub select: f64,
    /// Of the chosen ones, the share that becomes `[MASK]`: 0.8.
    pub mask: f64,
    /// Of the chosen ones, the share that becomes a random word: 0.1. The rest stays as it is.
    pub random: f64,
    /// The id of `[MASK]`.
    pub mask_id: usize,
    /// The ids that a random word is drawn from: all of them in BERT, those of real words in UNITER and HERO.
    pub words: Range<usize>,
    /// How many ids there are.
    pub vocabulary: usize,
}

impl MaskRule {
    /// The shares of BERT: 15 % of the tokens, of which 80 % masked, 10 % random out of all ids, 10 % kept.
    pub fn bert(mask_id: usize, vocabulary: usize) -> Self {
        MaskRule { select: 0.15, mask: 0.8, random: 0.1, mask_id, words: 0..vocabulary, vocabulary }
    }

    /// Refuses shares that are none, and ids outside the vocabulary.
    pub(crate) fn check(&self, ids: &[usize]) -> Result<()> {
        let MaskRule { select, mask, random, .. } = *self;
        check_setting("masking: select", select > 0.0 && select < 1.0, || {
            format!("must lie between 0 and 1, got {select}")
        })?;
        let shares = mask >= 0.0 && random >= 0.0 && mask + random <= 1.0;
        check_setting("masking: mask, random", shares, || {
            format!("must be shares of one whole, got {mask} and {random}")
        })?;
        check_index("masking: mask_id", self.mask_id, self.vocabulary)?;
        let range = !self.words.is_empty() && self.words.end <= self.vocabulary;
        check_setting("masking: words", range, || {
            format!("must be ids below {}, got {:?}", self.vocabulary, self.words)
        })?;
        ids.iter().try_for_each(|&id| check_index("masking: ids", id, self.vocabulary))
    }

    /// What stands in place of `id` when a number `u` from `[0, 1)` was drawn.
    pub(crate) fn replace(&self, id: usize, u: f64, random: &mut Random) -> usize {
        if u < self.mask {
            self.mask_id
        } else if u < self.mask + self.random {
            self.words.start + random.below(self.words.len())
        } else {
            id
        }
    }
}

/// A sequence with hidden words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// What the model reads.
    pub ids: Vec<usize>,
    /// What it has to say: the id that stood there before, at chosen positions only.
    pub labels: Vec<Option<usize>>,
}

impl Masked {
    /// A sequence in which nothing is chosen yet.
    pub(crate) fn untouched(ids: &[usize]) -> Self {
        Masked { ids: ids.to_vec(), labels: vec![None; ids.len()] }
    }

    /// The positions that have a label, in order.
    pub fn chosen(&self) -> Vec<usize> {
        (0..self.labels.len()).filter(|&i| self.labels[i].is_some()).collect()
    }
}

/// The positions that are chosen together: each alone, or the parts of a word as one group.
///
/// `maskable[i]` is false for `[CLS]`, `[SEP]` and padding. With `continues`, a position where it is true joins the
/// group before it (WordPiece writes such parts with `##`): whole-word masking.
///
/// # Errors
/// [`Error::ShapeMismatch`] if the two lists differ in length.
pub fn groups(maskable: &[bool], continues: Option<&[bool]>) -> Result<Vec<Vec<usize>>> {
    if let Some(continues) = continues {
        check_shape("masking: continues", &[continues.len()], &[maskable.len()])?;
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for i in (0..maskable.len()).filter(|&i| maskable[i]) {
        match groups.last_mut() {
            Some(group) if continues.is_some_and(|continues| continues[i]) => group.push(i),
            _ => groups.push(vec![i]),
        }
    }
    Ok(groups)
}

/// Draws a fixed number of tokens of one sequence, and what stands in their place.
///
/// **eq-1.29-mlm-corruption**
/// ```math
/// K = \min\bigl( K_{max},\, \max(1, \operatorname{round}(0.15\, n)) \bigr), \qquad
/// \tilde t_i = \begin{cases}
/// \mathtt{[MASK]} & 80\,\% \\ \text{a random word} & 10\,\% \\ t_i & 10\,\%
/// \end{cases} \quad (i \in M), \qquad
/// \tilde t_i = t_i \quad (i \notin M)
/// ```
///
/// `ids: [n]`, groups of positions, `most` is `K_max` → `t̃` and the labels `t_i` of the chosen set `M`
///
/// The groups are taken in random order until `K` tokens are chosen; a group that would exceed `K` is left out, and so is
/// one with a token that is chosen already. `n` counts all tokens of the sequence, `[CLS]` and `[SEP]` too. Halves are
/// rounded to the even number: 10 tokens give 2, and 30 tokens give 4. What becomes of a chosen token is drawn for each
/// token by itself; a random word can be any id, the old one too. BERT's data hold ten such drawings of every text, with
/// `K_max = 20` for sequences of 128.
///
/// Source: Devlin et al. 2019, *BERT*, section 3.1 and appendix A.1; numbers and order from the released code,
/// `create_pretraining_data.py`.
///
/// # Errors
/// [`Error::EmptyInput`] if no token may be chosen; [`Error::IndexOutOfRange`] for an id or `[MASK]` outside the
/// vocabulary and for a position outside the sequence; [`Error::InvalidHyperparameter`] for shares that are none,
/// words outside the vocabulary and `most = 0`.
pub fn sample_masking(
    ids: &[usize],
    groups: &[Vec<usize>],
    most: usize,
    rule: &MaskRule,
    random: &mut Random,
) -> Result<Masked> {
    rule.check(ids)?;
    check_setting("masking: most", most > 0, || "must be positive, got 0".to_string())?;
    groups.iter().flatten().try_for_each(|&i| check_index("masking: groups", i, ids.len()))?;
    if groups.iter().all(Vec::is_empty) {
        return Err(Error::EmptyInput { at: "masking: groups" });
    }
    let wanted = most.min(((rule.select * ids.len() as f64).round_ties_even() as usize).max(1));
    let (mut masked, mut count) = (Masked::untouched(ids), 0);
    for g in random.permutation(groups.len()) {
        let group = &groups[g];
        if count + group.len() > wanted || group.iter().any(|&i| masked.labels[i].is_some()) {
            continue;
        }
        for &i in group {
            let u = random.unit();
            masked.ids[i] = rule.replace(ids[i], u, random);
            masked.labels[i] = Some(ids[i]);
        }
        count += group.len();
    }
    Ok(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ids: &[usize], groups: &[Vec<usize>], most: usize, rule: &MaskRule) -> String {
        sample_masking(ids, groups, most, rule, &mut Random::seed(0)).unwrap_err().to_string()
    }

    fn each(n: usize) -> Vec<Vec<usize>> {
        (0..n).map(|i| vec![i]).collect()
    }

    #[test]
    fn a_vocabulary_without_a_mask_is_refused() {
        let error = text(&[1, 2], &each(2), 20, &MaskRule::bert(10, 10));
        assert_eq!(error, "masking: mask_id: index 10 is outside a table of 10");
    }

    #[test]
    fn a_sequence_without_maskable_tokens_is_refused() {
        let rule = MaskRule::bert(3, 10);
        assert_eq!(text(&[1, 2], &[], 20, &rule), "masking: groups: empty");
        assert_eq!(text(&[1, 2], &[vec![]], 20, &rule), "masking: groups: empty");
        assert_eq!(text(&[], &[], 20, &rule), "masking: groups: empty");
    }

    #[test]
    fn shares_that_are_none_are_refused() {
        for select in [0.0, 1.0, -0.1, 1.5, f64::NAN] {
            let error = text(&[1], &each(1), 20, &MaskRule { select, ..MaskRule::bert(3, 10) });
            assert_eq!(error, format!("masking: select: must lie between 0 and 1, got {select}"));
        }
        for (mask, random) in [(0.8, 0.3), (-0.1, 0.5), (f64::NAN, 0.1), (0.1, f64::NAN)] {
            let error = text(&[1], &each(1), 20, &MaskRule { mask, random, ..MaskRule::bert(3, 10) });
            let why = format!("must be shares of one whole, got {mask} and {random}");
            assert_eq!(error, format!("masking: mask, random: {why}"));
        }
    }

    #[test]
    fn ids_and_positions_outside_are_refused() {
        let rule = MaskRule::bert(3, 10);
        assert_eq!(text(&[1, 10], &each(2), 20, &rule), "masking: ids: index 10 is outside a table of 10");
        assert_eq!(text(&[1, 2], &each(3), 20, &rule), "masking: groups: index 2 is outside a table of 2");
        for words in [4..4, 4..11] {
            let error = text(&[1], &each(1), 20, &MaskRule { words: words.clone(), ..rule.clone() });
            assert_eq!(error, format!("masking: words: must be ids below 10, got {words:?}"));
        }
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        assert_eq!(text(&[1], &each(1), 0, &MaskRule::bert(3, 10)), "masking: most: must be positive, got 0");
    }

    #[test]
    fn marks_of_another_length_are_refused() {
        let error = groups(&[true, true], Some(&[false])).unwrap_err();
        assert_eq!(error.to_string(), "masking: continues: expected shape [2], got [1]");
    }

    #[test]
    fn parts_of_a_word_form_one_group() {
        let maskable = [false, true, true, true, false, true];
        let continues = [false, false, true, true, false, false];
        assert_eq!(groups(&maskable, Some(&continues)).unwrap(), [vec![1, 2, 3], vec![5]]);
        assert_eq!(groups(&maskable, None).unwrap(), [vec![1], vec![2], vec![3], vec![5]]);
    }

    #[test]
    fn a_group_that_would_exceed_the_count_is_left_out() {
        // Ten tokens: two are wanted. The word of three parts never fits.
        let groups = [vec![0, 1, 2], vec![3], vec![4]];
        for seed in 0..20 {
            let rule = MaskRule::bert(3, 10);
            let masked = sample_masking(&[5; 10], &groups, 20, &rule, &mut Random::seed(seed)).unwrap();
            assert_eq!(masked.chosen(), [3, 4]);
        }
    }

    #[test]
    fn a_token_of_two_groups_is_chosen_once() {
        let groups = [vec![0, 1], vec![1, 2], vec![1], vec![3]];
        for seed in 0..20 {
            let rule = MaskRule { select: 0.9, ..MaskRule::bert(3, 10) };
            let masked = sample_masking(&[5; 4], &groups, 20, &rule, &mut Random::seed(seed)).unwrap();
            assert!(masked.chosen().len() <= 4 && masked.labels.iter().flatten().all(|&id| id == 5));
        }
    }
}
