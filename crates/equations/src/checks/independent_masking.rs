//! Evidence for `eq-1.29-mlm-corruption-iid`.

use mmt_golden::Cases;
use mmt_objectives::{AtLeastOne, MaskRule, Masked, sample_independent_masking};
use mmt_tensor::{Random, Real, Result};

use super::masking::{MASK, Shares, assert_sound, record, rule, sequence};
use crate::{Property, properties};

/// The shares among more than 10⁵ tokens, to the limits of the specification.
pub fn forward() {
    let (mut shares, mut random) = (Shares::default(), Random::seed(1));
    let mut counts = Vec::new();
    for _ in 0..4000 {
        let (ids, maskable) = sequence(42, &mut random);
        let masked = draw_of(&ids, &maskable, AtLeastOne::No, &mut random);
        shares.add(&ids, &maskable, &masked);
        counts.push(masked.chosen().len() as f64);
    }
    assert!(shares.candidates >= 1e5);
    let share = shares.chosen / shares.candidates;
    assert!((share - 0.15).abs() < 0.005, "{share}");
    shares.assert_split();
    // The count of 40 tokens is binomial: its variance is 40 · 0.15 · 0.85 = 5.1, where a fixed count has none.
    let mean = counts.iter().sum::<f64>() / 4000.0;
    let variance = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / 4000.0;
    assert!((variance - 5.1).abs() < 0.4, "{variance}");
}

/// Drawing is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    only_chosen_tokens_change_and_labels_are_what_stood_there,
    a_seed_decides_everything,
    one_token_is_chosen_where_it_is_forced,
    random_words_come_from_their_range,
];

fn draw_of(ids: &[usize], maskable: &[bool], force: AtLeastOne, random: &mut Random) -> Masked {
    sample_independent_masking(ids, maskable, &rule(), force, random).unwrap()
}

fn draw(random: &mut Random) -> (Vec<usize>, Vec<bool>) {
    let n = 3 + random.below(60);
    sequence(n, random)
}

fn only_chosen_tokens_change_and_labels_are_what_stood_there(random: &mut Random) {
    let (ids, maskable) = draw(random);
    for force in [AtLeastOne::No, AtLeastOne::First, AtLeastOne::Random] {
        assert_sound(&ids, &maskable, &draw_of(&ids, &maskable, force, random));
    }
}

fn a_seed_decides_everything(random: &mut Random) {
    let (ids, maskable) = draw(random);
    let (mut one, mut two) = (random.clone(), random.clone());
    let of = |random: &mut Random| draw_of(&ids, &maskable, AtLeastOne::Random, random);
    assert_eq!(of(&mut one), of(&mut two));
}

/// With a probability so small that chance chooses nothing.
fn one_token_is_chosen_where_it_is_forced(random: &mut Random) {
    let (ids, maskable) = draw(random);
    let rare = MaskRule { select: 1e-12, ..rule() };
    let mut of = |force| sample_independent_masking(&ids, &maskable, &rare, force, random).unwrap();
    assert!(of(AtLeastOne::No).chosen().is_empty());
    let first = of(AtLeastOne::First);
    assert_eq!((first.chosen(), first.ids[1]), (vec![1], MASK));
    let any = of(AtLeastOne::Random);
    let chosen = any.chosen();
    assert!(chosen.len() == 1 && maskable[chosen[0]] && any.ids[chosen[0]] == MASK);
}

fn random_words_come_from_their_range(random: &mut Random) {
    let (ids, maskable) = draw(random);
    let always = MaskRule { select: 0.999, mask: 0.0, random: 1.0, words: 7..9, ..rule() };
    let masked = sample_independent_masking(&ids, &maskable, &always, AtLeastOne::No, random).unwrap();
    assert!(masked.chosen().into_iter().all(|i| (7..9).contains(&masked.ids[i])));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (ids, maskable) = sequence(30, &mut Random::seed(1));
    let masked =
        sample_independent_masking(&ids, &maskable, &rule(), AtLeastOne::First, &mut Random::seed(2))?;
    record(cases, "masking.independent.seed-2", &ids, &masked);
    Ok(())
}
