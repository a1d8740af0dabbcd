//! Words hidden from a model that has to guess them: each token by itself.

use mmt_tensor::{Error, Random, Result, check_shape};

use crate::{MaskRule, Masked};

/// What happens to a sequence in which chance chose no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLeastOne {
    /// Nothing, and the loss is a mean over nothing: ViLBERT, VL-BERT, G-BERT.
    No,
    /// The first token that may be hidden becomes `[MASK]`: the words of UNITER and HERO.
    First,
    /// One token, drawn from all that may be hidden, becomes `[MASK]`: the regions of UNITER.
    Random,
}

/// Draws for every token of one sequence whether it is chosen, and what stands in its place.
///
/// **eq-1.29-mlm-corruption-iid**
/// ```math
/// u_i \sim U[0, 1), \qquad
/// M = \{ i : u_i < p \}, \qquad
/// \tilde t_i = \begin{cases}
/// \mathtt{[MASK]} & u_i / p < 0.8 \\ \text{a random word} & 0.8 \le u_i / p < 0.9 \\ t_i & 0.9 \le u_i / p < 1
/// \end{cases} \quad (i \in M)
/// ```
///
/// `ids: [n]`, `maskable: [n]` → `t̃` and the labels `t_i` of the chosen set `M`
///
/// One number `u_i` decides both: given that it is below `p`, `u_i / p` is uniform again. How many tokens are chosen
/// follows a binomial distribution and can be none.
///
/// Source: the released data code of ViLBERT, VL-BERT, HERO, UNITER and G-BERT.
///
/// # Errors
/// [`Error::EmptyInput`] if no token may be chosen; [`Error::ShapeMismatch`] if there is not one mark per token;
/// [`Error::IndexOutOfRange`] for an id or `[MASK]` outside the vocabulary; [`Error::InvalidHyperparameter`] for shares
/// that are none and words outside the vocabulary.
pub fn sample_independent_masking(
    ids: &[usize],
    maskable: &[bool],
    rule: &MaskRule,
    at_least_one: AtLeastOne,
    random: &mut Random,
) -> Result<Masked> {
    rule.check(ids)?;
    check_shape("masking: maskable", &[maskable.len()], &[ids.len()])?;
    let candidates: Vec<usize> = (0..ids.len()).filter(|&i| maskable[i]).collect();
    let Some(&first) = candidates.first() else {
        return Err(Error::EmptyInput { at: "masking: maskable" });
    };
    let mut masked = Masked::untouched(ids);
    for &i in &candidates {
        let u = random.unit();
        if u < rule.select {
            masked.ids[i] = rule.replace(ids[i], u / rule.select, random);
            masked.labels[i] = Some(ids[i]);
        }
    }
    if masked.labels.iter().all(Option::is_none) {
        let forced = match at_least_one {
            AtLeastOne::No => return Ok(masked),
            AtLeastOne::First => first,
            AtLeastOne::Random => candidates[random.below(candidates.len())],
        };
        masked.ids[forced] = rule.mask_id;
        masked.labels[forced] = Some(ids[forced]);
    }
    Ok(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ids: &[usize], maskable: &[bool], rule: &MaskRule) -> String {
        let masked = sample_independent_masking(ids, maskable, rule, AtLeastOne::First, &mut Random::seed(0));
        masked.unwrap_err().to_string()
    }

    #[test]
    fn a_vocabulary_without_a_mask_is_refused() {
        let error = text(&[1, 2], &[true; 2], &MaskRule::bert(10, 10));
        assert_eq!(error, "masking: mask_id: index 10 is outside a table of 10");
    }

    #[test]
    fn a_sequence_without_maskable_tokens_is_refused() {
        assert_eq!(text(&[1, 2], &[false; 2], &MaskRule::bert(3, 10)), "masking: maskable: empty");
        assert_eq!(text(&[], &[], &MaskRule::bert(3, 10)), "masking: maskable: empty");
    }

    #[test]
    fn a_probability_outside_its_range_is_refused() {
        for select in [0.0, 1.0, f64::NAN] {
            let error = text(&[1], &[true], &MaskRule { select, ..MaskRule::bert(3, 10) });
            assert_eq!(error, format!("masking: select: must lie between 0 and 1, got {select}"));
        }
    }

    #[test]
    fn marks_of_another_length_are_refused() {
        let error = text(&[1, 2], &[true], &MaskRule::bert(3, 10));
        assert_eq!(error, "masking: maskable: expected shape [2], got [1]");
    }
}
