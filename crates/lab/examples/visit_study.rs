//! The tables of `docs/visits.md`: `cargo run --release -p mmt-lab --example visit_study -- 5`, for seeds 1 to 5.

use mmt_lab::stats::mean;
use mmt_lab::visit_study::{Scores, VisitStudy, WEIGHTS, visit_study, weight_study};

fn main() {
    let seeds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    studies(seeds);
    println!();
    weights(seeds);
}

/// On patients held back from the training, what every weight reaches.
fn weights(seeds: u64) {
    println!("| weight | recall at 5 | acute group | mean of both |\n|---|---|---|---|");
    for weight in WEIGHTS {
        let all: Vec<Scores> =
            (1..=seeds).map(|seed| weight_study(seed, weight).expect("finite numbers")).collect();
        let of = |figure: &dyn Fn(&Scores) -> f64| spread(&all.iter().map(figure).collect::<Vec<_>>());
        let acute = |scores: &Scores| scores.acute.expect("a model answers both");
        let [recall, group] = [of(&|scores| scores.recall), of(&acute)];
        println!(
            "| {weight} | {recall} | {group} | {} |",
            of(&|scores| (scores.recall + acute(scores)) / 2.0)
        );
    }
}

fn studies(seeds: u64) {
    let studies: Vec<VisitStudy> =
        (1..=seeds).map(|seed| visit_study(seed).expect("finite numbers")).collect();
    let row = |name: &str, scores: &dyn Fn(&VisitStudy) -> Scores| {
        let all: Vec<Scores> = studies.iter().map(scores).collect();
        let acute: Option<Vec<f64>> = all.iter().map(|scores| scores.acute).collect();
        let recall = spread(&all.iter().map(|scores| scores.recall).collect::<Vec<_>>());
        println!("| {name} | {recall} | {} |", acute.map_or("-".to_string(), |acute| spread(&acute)));
    };
    println!("| told | recall at 5 | acute group |\n|---|---|---|");
    row("the most frequent", &|study| study.frequency);
    row("the last visit again", &|study| study.copy);
    for i in 0..studies[0].models.len() {
        row(&studies[0].models[i].0.name(), &|study| study.models[i].1);
    }
    for (seed, study) in (1..).zip(&studies) {
        println!("seed {seed}: {:?}", study.moved);
    }
}

/// Mean, lowest and highest of percentages.
fn spread(list: &[f64]) -> String {
    let (low, high) = list.iter().fold((1.0_f64, 0.0_f64), |(low, high), &x| (low.min(x), high.max(x)));
    format!("{:.1} ({:.1} to {:.1})", 100.0 * mean(list), 100.0 * low, 100.0 * high)
}
