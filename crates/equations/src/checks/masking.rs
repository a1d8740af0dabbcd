//! Evidence for `eq-1.29-mlm-corruption`.

use mmt_golden::Cases;
use mmt_objectives::{MaskRule, Masked, groups, sample_masking};
use mmt_tensor::{Random, Real, Result};
use ndarray::Array1;

use crate::{Property, properties};

/// `[PAD]`, `[CLS]`, `[SEP]`, `[MASK]`, and words from 4 on.
pub(super) const VOCABULARY: usize = 1000;
pub(super) const MASK: usize = 3;

/// `[CLS]`, words, `[SEP]`: `n` ids and which of them may be hidden.
pub(super) fn sequence(n: usize, random: &mut Random) -> (Vec<usize>, Vec<bool>) {
    let mut ids: Vec<usize> = (0..n).map(|_| 4 + random.below(VOCABULARY - 4)).collect();
    (ids[0], ids[n - 1]) = (1, 2);
    let maskable = ids.iter().map(|&id| id > 3).collect();
    (ids, maskable)
}

/// How many tokens of many sequences were chosen and what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    pub candidates: f64,
    pub chosen: f64,
    pub masked: f64,
    pub kept: f64,
    pub random: f64,
}

impl Shares {
    pub(super) fn add(&mut self, before: &[usize], maskable: &[bool], after: &Masked) {
        self.candidates += maskable.iter().filter(|&&m| m).count() as f64;
        for i in after.chosen() {
            self.chosen += 1.0;
            match after.ids[i] {
                MASK => self.masked += 1.0,
                id if id == before[i] => self.kept += 1.0,
                _ => self.random += 1.0,
            }
        }
    }

    /// 80/10/10, each to one hundredth.
    pub(super) fn assert_split(&self) {
        for (name, count, share) in
            [("masked", self.masked, 0.8), ("random", self.random, 0.1), ("kept", self.kept, 0.1)]
        {
            let got = count / self.chosen;
            assert!((got - share).abs() < 0.01, "{name}: {got:.4} of the chosen tokens, not {share}");
        }
    }
}

/// The numbers that the specification names, and the shares among more than 10⁵ tokens.
pub fn forward() {
    // Python rounds halves to the even number; 20 are the most, 1 is the least.
    for (n, count) in [(3, 1), (10, 2), (20, 3), (30, 4), (50, 8), (128, 19), (200, 20)] {
        let (ids, maskable) = sequence(n, &mut Random::seed(1));
        let masked = draw_of(&ids, &maskable, 1);
        assert_eq!(masked.chosen().len(), count, "{n} tokens");
    }
    let (mut shares, mut random) = (Shares::default(), Random::seed(1));
    for _ in 0..2000 {
        let (ids, maskable) = sequence(120, &mut random);
        let masked =
            sample_masking(&ids, &groups(&maskable, None).unwrap(), 20, &rule(), &mut random).unwrap();
        shares.add(&ids, &maskable, &masked);
    }
    // 18 of 118 words, for the count is a share of all 120 tokens.
    assert!(shares.candidates >= 1e5 && (shares.chosen / shares.candidates - 0.15).abs() < 0.005);
    shares.assert_split();
}

/// Drawing is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_count_is_exact,
    only_chosen_tokens_change_and_labels_are_what_stood_there,
    a_seed_decides_everything,
    words_are_chosen_as_a_whole,
];

pub(super) fn rule() -> MaskRule {
    MaskRule::bert(MASK, VOCABULARY)
}

fn draw_of(ids: &[usize], maskable: &[bool], seed: u64) -> Masked {
    sample_masking(ids, &groups(maskable, None).unwrap(), 20, &rule(), &mut Random::seed(seed)).unwrap()
}

fn draw(random: &mut Random) -> (Vec<usize>, Vec<bool>, u64) {
    let n = 3 + random.below(200);
    let (ids, maskable) = sequence(n, random);
    (ids, maskable, random.below(1 << 40) as u64)
}

/// `min(20, max(1, round(0.15 n)))`, in whole numbers: `0.15 n = 3n / 20`, and `3n % 20 = 10` is a half.
fn the_count_is_exact(random: &mut Random) {
    let (ids, maskable, seed) = draw(random);
    let n = ids.len();
    let (whole, rest) = (3 * n / 20, 3 * n % 20);
    let rounded = whole + usize::from(rest > 10 || (rest == 10 && whole % 2 == 1));
    assert_eq!(draw_of(&ids, &maskable, seed).chosen().len(), rounded.clamp(1, 20).min(n - 2));
}

/// Shared with the independent procedure: `[CLS]` and `[SEP]` never change.
pub(super) fn assert_sound(ids: &[usize], maskable: &[bool], masked: &Masked) {
    assert_eq!((masked.ids.len(), masked.labels.len()), (ids.len(), ids.len()));
    for i in 0..ids.len() {
        match masked.labels[i] {
            Some(label) => assert!(maskable[i] && label == ids[i] && masked.ids[i] < VOCABULARY),
            None => assert_eq!(masked.ids[i], ids[i]),
        }
    }
}

fn only_chosen_tokens_change_and_labels_are_what_stood_there(random: &mut Random) {
    let (ids, maskable, seed) = draw(random);
    assert_sound(&ids, &maskable, &draw_of(&ids, &maskable, seed));
}

fn a_seed_decides_everything(random: &mut Random) {
    let (ids, maskable, seed) = draw(random);
    assert_eq!(draw_of(&ids, &maskable, seed), draw_of(&ids, &maskable, seed));
    // Several seeds can draw the same of a short sequence.
    let other = |by| draw_of(&ids, &maskable, seed + by) != draw_of(&ids, &maskable, seed);
    assert!(ids.len() < 20 || (1..20).any(other), "twenty seeds draw the same");
}

fn words_are_chosen_as_a_whole(random: &mut Random) {
    let (ids, maskable, _) = draw(random);
    let continues: Vec<bool> = (0..ids.len()).map(|_| random.unit() < 0.4).collect();
    let words = groups(&maskable, Some(&continues)).unwrap();
    let masked = sample_masking(&ids, &words, 20, &rule(), random).unwrap();
    assert_sound(&ids, &maskable, &masked);
    for word in words {
        let chosen = word.iter().filter(|&&i| masked.labels[i].is_some()).count();
        assert!(chosen == 0 || chosen == word.len(), "{chosen} parts of a word of {}", word.len());
    }
    assert!(masked.chosen().len() <= draw_of(&ids, &maskable, 1).chosen().len());
}

/// Adds one drawing to a golden case.
pub(super) fn record<R: Real>(cases: &mut Cases<R>, name: &str, ids: &[usize], masked: &Masked) {
    let numbers = |list: &[usize]| Array1::from_iter(list.iter().map(|&i| R::of(i as f64)));
    (cases.case(name).ids("ids", &Array1::from(ids.to_vec())))
        .out("ids", &numbers(&masked.ids))
        .out("chosen", &numbers(&masked.chosen()));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (ids, maskable) = sequence(30, &mut Random::seed(1));
    let masked = sample_masking(&ids, &groups(&maskable, None)?, 20, &rule(), &mut Random::seed(2))?;
    record(cases, "masking.bert.seed-2", &ids, &masked);
    Ok(())
}
