//! The table of `docs/experiments.md` on the noise of the voice: `cargo run --release -p mmt-lab --example voice_noise -- 3`, for
//! seeds 1 to 3; with numbers behind it, for these noises instead.

use mmt_lab::stats::mean;
use mmt_lab::voice_study::voice_study;

const NOISES: [f64; 6] = [0.3, 0.45, 0.5, 0.6, 0.75, 0.9];

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    let seeds: Vec<u64> = (1..=count.max(1)).collect();
    let asked: Vec<f64> = std::env::args().skip(2).filter_map(|text| text.parse().ok()).collect();
    let noises = if asked.is_empty() { NOISES.to_vec() } else { asked };
    let (voice, picture) = voice_study(&noises, &seeds).expect("finite numbers");
    println!("| alone | noise | accuracy | each seed |\n|---|---|---|---|");
    for (noise, each) in noises.iter().zip(&voice) {
        println!("| voice | {noise} | {}", row(each));
    }
    println!("| picture | 0.1 | {}", row(&picture));
}

fn row(each: &[f64]) -> String {
    let percent: Vec<String> = each.iter().map(|part| format!("{:.1}", 100.0 * part)).collect();
    format!("{:.1} % | {} |", 100.0 * mean(each), percent.join(", "))
}
