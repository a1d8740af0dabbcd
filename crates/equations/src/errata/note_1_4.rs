//! Errata of section 1.4 of the note: BERT.

use mmt_objectives::{MaskRule, Masked, PairConfig, groups, sample_masking, sample_sentence_pairs};
use mmt_tensor::Random;

use super::{Erratum, Outcome, judge};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C13",
        section: "1.4",
        claim: "words are replaced by [MASK], and the model predicts the original sentence",
        correction: "15 % of the tokens are chosen; of these 80 % become [MASK], 10 % a random word and 10 % stay; only \
                     chosen tokens are predicted",
        source: "Devlin et al. 2019, section 3.1 and appendix A.1",
        equation: "eq-1.29-mlm-corruption",
        as_written: all_masked_all_predicted,
        as_corrected: some_masked_some_predicted,
    },
    Erratum {
        id: "ERR-C14",
        section: "1.4",
        claim: "next sentence prediction is a task of two classes of the same size",
        correction: "a chunk of one sentence has no next sentence and is always paired with a random one, so at most half \
                     of the pairs are true ones",
        source: "Devlin et al. 2019, appendix A.2 and released code, create_pretraining_data.py",
        equation: "eq-1.31-sentence-pairs",
        as_written: balanced_classes,
        as_corrected: at_most_half,
    },
];

const MASK: usize = 3;

/// 800 sequences of 100 words without marks, hidden as in the released code.
fn hidden() -> Result<Vec<(Vec<usize>, Masked)>, String> {
    let (rule, mut random) = (MaskRule::bert(MASK, 1000), Random::seed(1));
    let each = groups(&[true; 100], None).map_err(|e| e.to_string())?;
    let mut drawing = |_| {
        let ids: Vec<usize> = (0..100).map(|_| 4 + random.below(996)).collect();
        let masked = sample_masking(&ids, &each, 20, &rule, &mut random).map_err(|e| e.to_string())?;
        Ok((ids, masked))
    };
    (0..800).map(&mut drawing).collect()
}

/// Of all tokens the share that is predicted; of these the shares that are masked, random and kept.
fn shares() -> Result<[f64; 4], String> {
    let [mut all, mut chosen, mut masked, mut kept] = [0.0; 4];
    for (ids, after) in hidden()? {
        all += ids.len() as f64;
        for i in after.chosen() {
            chosen += 1.0;
            masked += f64::from(u8::from(after.ids[i] == MASK));
            kept += f64::from(u8::from(after.ids[i] == ids[i]));
        }
    }
    Ok([chosen / all, masked / chosen, 1.0 - (masked + kept) / chosen, kept / chosen])
}

fn compare(wanted: [f64; 4]) -> Outcome {
    let seen = shares()?;
    let percent = seen.map(|share| 100.0 * share);
    judge(
        seen.iter().zip(wanted).all(|(seen, wanted)| (seen - wanted).abs() < 0.01),
        format!(
            "{:.1} % of the tokens are predicted; of these {:.1} % are [MASK], {:.1} % random and {:.1} % kept",
            percent[0], percent[1], percent[2], percent[3]
        ),
    )
}

fn all_masked_all_predicted() -> Outcome {
    compare([1.0, 1.0, 0.0, 0.0])
}

fn some_masked_some_predicted() -> Outcome {
    compare([0.15, 0.8, 0.1, 0.1])
}

/// Of all pairs, and of those from chunks of several sentences, the share whose second text is the next one.
fn next_shares() -> Result<[f64; 2], String> {
    let mut random = Random::seed(1);
    let mut word = 0;
    let mut sentence = |random: &mut Random| -> Vec<usize> {
        word += 1;
        vec![word; 1 + random.below(6)]
    };
    let documents: Vec<Vec<Vec<usize>>> =
        (0..20).map(|i| (0..1 + i / 2).map(|_| sentence(&mut random)).collect()).collect();
    let config = PairConfig { tokens: 16, short: 0.1 };
    let [mut pairs, mut long, mut next] = [0.0; 3];
    for round in 0..10_000 {
        let drawn = sample_sentence_pairs(&documents, round % 20, &config, &mut random);
        for pair in drawn.map_err(|e| e.to_string())? {
            pairs += 1.0;
            long += f64::from(u8::from(pair.chunk > 1));
            next += f64::from(u8::from(!pair.random));
        }
    }
    Ok([next / pairs, next / long])
}

fn balanced_classes() -> Outcome {
    let [all, _] = next_shares()?;
    judge((all - 0.5).abs() < 0.01, format!("{:.1} % of the pairs are true ones", 100.0 * all))
}

fn at_most_half() -> Outcome {
    let [all, long] = next_shares()?;
    judge(
        all <= 0.5 && (long - 0.5).abs() < 0.01,
        format!(
            "{:.1} % of the pairs are true ones, and {:.1} % of those from several sentences",
            100.0 * all,
            100.0 * long
        ),
    )
}
