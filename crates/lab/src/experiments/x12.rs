//! `x12-bottleneck`: what a bottleneck saves, exactly, and what it can and cannot express.

use mmt_fusion::topology::{Cost, Inputs, Program, Sizes, cost, counted, parse, shapes};
use mmt_tensor::{Ragged, Random};

use super::jobs::{Job, train_all};
use super::{Band, Experiment, Figure, Line, Outcome, Plan, Result, Table, Watch};
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x12-bottleneck",
    claim: "a bottleneck costs O((N+B)²) per stream instead of O((2N)²), and its first fused layer exchanges nothing",
    method: "Operations and kept numbers of one layer of width 8, counted from tapes and predicted, for 8, 32, 128 and 512 tokens \
             of each modality and 1, 4 and 16 bottleneck tokens. Then four layers on the task two-bits, 600 batches of 64: full \
             attention, bottlenecks in the last 1, 2 and 4 layers, and no interaction.",
    steps: || STEPS * (2 + FUSED.len() * TOKENS.len()),
    run,
};

const STEPS: usize = 600;
const LAYERS: usize = 4;
/// Layers with a bottleneck.
const FUSED: [usize; 3] = [1, 2, 4];
/// Bottleneck tokens.
const TOKENS: [usize; 2] = [1, 4];
/// Tokens of a modality in the table of costs.
const LENGTHS: [usize; 4] = [8, 32, 128, 512];
/// Bottleneck tokens in the table of costs.
const BOTTLENECKS: [usize; 3] = [1, 4, 16];
/// Of the layer whose costs are counted; the hidden width is four times the width, as in the break-even.
const SIZES: Sizes = Sizes { width: 8, heads: 2, hidden: 32 };

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let mut outcome = costs()?;
    let mut jobs = vec![
        named("full attention", format!("Tf(1, {LAYERS}, Cat[In a, In t])")),
        named("no interaction", format!("Tuple[Tf(1, {LAYERS}, In a), Tf(2, {LAYERS}, In t)]")),
    ];
    for fused in FUSED {
        for tokens in TOKENS {
            jobs.push(named(&name(fused, tokens), bottleneck(LAYERS, fused, tokens)));
        }
    }
    outcome.series = train_all(&jobs, plan, watch)?;
    outcome.bands.extend(abilities(&outcome));
    outcome.notes = vec![
        "A sum of what each modality says cannot tell whether two bits differ: with equal numbers of all four combinations it is \
         right in three of them at most, and its best cross entropy is that of guessing."
            .to_string(),
        "With one fused layer the bottleneck still holds what was learned and nothing of the sample (eq-3-mbt-delay): it is late \
         fusion."
            .to_string(),
    ];
    Ok(outcome)
}

fn named(name: &str, topology: String) -> Job {
    Job { name: name.to_string(), topology, ..Job::new(name, Task::TwoBits, STEPS, 1000) }
}

fn name(fused: usize, tokens: usize) -> String {
    format!("{tokens} token{}, {fused} layer{}", plural(tokens), plural(fused))
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Two streams of some layers, the last ones with a bottleneck between them.
fn bottleneck(layers: usize, fused: usize, tokens: usize) -> String {
    let before = layers - fused;
    let stream = |m: &str| match before {
        0 => format!("In {m}"),
        before => format!("Tf({m}s, {before}, In {m})"),
    };
    let mut text =
        format!("Let f0 = Learn(f, {tokens}) in Let a0 = {} in Let t0 = {} in ", stream("a"), stream("t"));
    for l in 0..fused {
        let next = l + 1;
        for m in ["a", "t"] {
            text.push_str(&format!("Let {m}{next}f = Tf({m}{next}, 1, Cat[{m}{l}, f{l}]) in "));
            text.push_str(&format!("Let {m}{next} = Seg({m}{next}f, [{m}]) in "));
        }
        if next < fused {
            text.push_str(&format!("Let f{next} = Mean[Seg(a{next}f, [_]), Seg(t{next}f, [_])] in "));
        }
    }
    format!("{text}Tuple[a{fused}, t{fused}]")
}

fn abilities(outcome: &Outcome) -> Vec<Band> {
    let guess = |name: &str| Band::accuracy(outcome.series(name), Some(0.44), Some(0.56));
    let able = |name: &str| Band::accuracy(outcome.series(name), Some(0.90), None);
    let mut bands = vec![able("full attention"), guess("no interaction")];
    for fused in FUSED {
        for tokens in TOKENS {
            let name = name(fused, tokens);
            bands.push(if fused == 1 { guess(&name) } else { able(&name) });
        }
    }
    bands
}

/// One layer of full attention, and one with a bottleneck: predicted, and counted.
fn costs() -> Result<Outcome> {
    let (mut equal, mut all, mut cheaper_as_predicted) = (0, 0, 0);
    let (mut rows, mut cells) = (vec![], 0);
    let full_text = "Tf(1, 1, Cat[In a, In t])";
    for n_a in LENGTHS {
        for n_t in LENGTHS {
            let full = both(full_text, n_a, n_t)?;
            equal += usize::from(full.0 == full.1);
            all += 1;
            for b in BOTTLENECKS {
                let narrow = both(&bottleneck(1, 1, b), n_a, n_t)?;
                equal += usize::from(narrow.0 == narrow.1);
                all += 1;
                cells += 1;
                let saves = n_a * n_t > b * (n_a + n_t + b + 6 * SIZES.width);
                cheaper_as_predicted += usize::from((narrow.1.0 < full.1.0) == saves);
                if n_a == n_t {
                    rows.push(row(n_a, b, full.1, narrow.1));
                }
            }
        }
    }
    let head = ["tokens", "bottleneck", "full: operations", "with it", "full: kept", "with it"];
    let table = Table {
        title: "One layer of width 8 over both modalities, counted".to_string(),
        head: head.map(str::to_string).to_vec(),
        rows,
    };
    let bands = vec![
        Band::exact("operations and kept numbers, counted as predicted", equal, all),
        Band::exact("cheaper exactly where N_a N_t > B (N_a + N_t + B + 6 d)", cheaper_as_predicted, cells),
    ];
    Ok(Outcome { bands, tables: vec![table], figures: vec![growth()?], ..Outcome::default() })
}

fn row(n: usize, b: usize, full: (u128, u128), narrow: (u128, u128)) -> Vec<String> {
    [n as u128, b as u128, full.0, narrow.0, full.1, narrow.1].map(|x| x.to_string()).to_vec()
}

/// Operations and kept numbers: predicted, and counted from a tape.
fn both(text: &str, n_a: usize, n_t: usize) -> Result<((u128, u128), (u128, u128))> {
    let (inputs, predicted) = predicted(text, n_a, n_t)?;
    let topology = parse(text).expect("an expression of ours").topology;
    let random = &mut Random::seed(1);
    let program = Program::<f32>::new(topology, &inputs, SIZES, random)?;
    let x = inputs.iter().map(|(m, (rows, d))| (m.clone(), random.normal((rows.tokens(), *d), 1.0)));
    let (_, tape) = program.forward(&x.collect(), &inputs)?;
    let counted = counted(&program, &tape);
    Ok(((predicted.flops, predicted.activations), (counted.flops, counted.activations)))
}

fn predicted(text: &str, n_a: usize, n_t: usize) -> Result<(Inputs, Cost)> {
    let topology = parse(text).expect("an expression of ours").topology;
    let inputs: Inputs = [("a", n_a), ("t", n_t)]
        .into_iter()
        .map(|(m, n)| (m.to_string(), (Ragged::one(n), SIZES.width)))
        .collect();
    let shapes = shapes(&topology, &inputs, &SIZES).map_err(|e| e.error)?;
    Ok((inputs, cost(&topology, &shapes, &SIZES)?.1))
}

/// Operations over tokens.
fn growth() -> Result<Figure> {
    let lengths = (2..=12).map(|power| 1usize << power);
    let line = |name: &str, text: String| -> Result<Line> {
        let point = |n: usize| {
            let flops = predicted(&text, n, n)?.1.flops as f64;
            Ok([n as f64, flops, flops, flops])
        };
        Ok(Line { name: name.to_string(), points: lengths.clone().map(point).collect::<Result<_>>()? })
    };
    let lines = vec![
        line("full attention", "Tf(1, 1, Cat[In a, In t])".to_string())?,
        line("4 bottleneck tokens", bottleneck(1, 1, 4))?,
        line("16 bottleneck tokens", bottleneck(1, 1, 16))?,
        line("no interaction", "Tuple[Tf(1, 1, In a), Tf(2, 1, In t)]".to_string())?,
    ];
    let title = "Operations of one layer, forward".to_string();
    Ok(Figure::Lines { title, across: "tokens of each modality", up: "operations", lines, logarithmic: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::made_up;

    #[test]
    fn costs_are_counted_as_predicted() {
        let outcome = costs().unwrap();
        assert!(outcome.holds(), "{:?}", outcome.bands);
    }

    #[test]
    fn claims_fail_where_they_are_wrong() {
        let red = |wrong: &str, accuracy: f64| {
            let fused = |f: usize| TOKENS.map(|t| (name(f, t), if f == 1 { 0.5 } else { 0.99 }));
            let first = [("full attention".to_string(), 1.0), ("no interaction".to_string(), 0.5)];
            let models: Vec<(String, f64)> =
                first.into_iter().chain(FUSED.into_iter().flat_map(fused)).collect();
            let own = |(name, x): &(String, f64)| {
                made_up::series(name, &[if name == wrong { accuracy } else { *x }])
            };
            let outcome = Outcome { series: models.iter().map(own).collect(), ..Outcome::default() };
            made_up::failed(&Outcome { bands: abilities(&outcome), ..Outcome::default() })
        };
        assert!(red("", 0.0).is_empty());
        assert_eq!(red("full attention", 0.89), ["accuracy of full attention"]);
        assert_eq!(red("no interaction", 0.57), ["accuracy of no interaction"]);
        assert_eq!(red("1 token, 1 layer", 0.9), ["accuracy of 1 token, 1 layer"]);
        assert_eq!(red("4 tokens, 2 layers", 0.5), ["accuracy of 4 tokens, 2 layers"]);
    }

    #[test]
    fn a_bottleneck_is_spelled_out() {
        assert_eq!(
            bottleneck(2, 1, 4),
            "Let f0 = Learn(f, 4) in Let a0 = Tf(as, 1, In a) in Let t0 = Tf(ts, 1, In t) in \
             Let a1f = Tf(a1, 1, Cat[a0, f0]) in Let a1 = Seg(a1f, [a]) in \
             Let t1f = Tf(t1, 1, Cat[t0, f0]) in Let t1 = Seg(t1f, [t]) in Tuple[a1, t1]"
        );
    }
}
