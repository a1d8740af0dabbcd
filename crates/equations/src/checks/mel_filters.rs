//! Evidence for `eq-2.16-mel-filters`.

use mmt_golden::Cases;
use mmt_tensor::testing::assert_sums;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::audio::{MelTriangles, mel_filters};
use ndarray::Array2;

use crate::{Property, properties};

/// Numbers of NumPy 2.4.6 in double precision. The first bank is, to the last digit, the one that the feature extractor
/// of AST in Hugging Face transformers 5.24.0 builds; the second agrees with its `htk` bank to 1e-15.
pub fn forward() {
    let ast: Array2<f64> = mel_filters(512, 16_000.0, 128, [20.0, 8000.0], MelTriangles::Mel).unwrap();
    assert_eq!(ast.dim(), (257, 128));
    assert_sums(&ast, "252.6104813", "4129009.861");
    let bank = |triangles| mel_filters::<f64>(64, 16_000.0, 6, [20.0, 8000.0], triangles).unwrap();
    assert_sums(&bank(MelTriangles::Hertz), "26.02392882", "2292.396095");
    assert_sums(&bank(MelTriangles::Mel), "25.7475182", "2242.148841");
}

/// The filters are constants.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    weights_are_shares,
    neighbors_share_what_lies_between_their_peaks,
    bands_rise_and_then_fall,
    one_thousand_hertz_are_almost_one_thousand_mel,
];

fn draw(random: &mut Random) -> (Array2<f64>, [f64; 2], f64) {
    let (n, rate) = (64 << random.below(4), 8000.0 + 8000.0 * random.unit());
    let range = [50.0 * random.unit(), rate / 2.0 * (0.5 + 0.5 * random.unit())];
    let triangles = [MelTriangles::Mel, MelTriangles::Hertz][random.below(2)];
    let mels = 3 + random.below(20);
    (mel_filters(n, rate, mels, range, triangles).unwrap(), range, rate / n as f64)
}

fn weights_are_shares(random: &mut Random) {
    let (bank, range, step) = draw(random);
    for ((k, _), &weight) in bank.indexed_iter() {
        assert!((0.0..=1.0).contains(&weight));
        let f = k as f64 * step;
        assert!(weight == 0.0 || range[0] <= f && f <= range[1], "{f} Hz outside {range:?}");
    }
}

/// Between two peaks one side falls as the other rises, so that weights add up to one.
fn neighbors_share_what_lies_between_their_peaks(random: &mut Random) {
    let (bank, ..) = draw(random);
    let peak = |j: usize| (0..bank.nrows()).max_by(|&a, &b| bank[(a, j)].total_cmp(&bank[(b, j)])).unwrap();
    let (first, last) = (peak(0) + 1, peak(bank.ncols() - 1));
    for k in first..last {
        let sum: f64 = bank.row(k).iter().sum();
        assert!((sum - 1.0).abs() < 1e-12, "weights of frequency {k} add up to {sum}");
    }
}

fn bands_rise_and_then_fall(random: &mut Random) {
    let (bank, ..) = draw(random);
    for band in bank.columns() {
        let signs: Vec<bool> =
            band.iter().zip(band.iter().skip(1)).filter(|(a, b)| a != b).map(|(a, b)| a < b).collect();
        assert!(signs.is_sorted_by(|a, b| a >= b), "a band with two peaks");
    }
}

/// With 1000 Hz at half of the mel range from 0 on, the only band peaks there.
fn one_thousand_hertz_are_almost_one_thousand_mel(_: &mut Random) {
    // 1127 ln(1 + 1000/700) is 999.99; twice as many mel are 4104 Hz.
    let twice = 700.0 * ((1.0_f64 + 10.0 / 7.0) * (1.0 + 10.0 / 7.0) - 1.0);
    let bank: Array2<f64> = mel_filters(1 << 12, 16_384.0, 1, [0.0, twice], MelTriangles::Mel).unwrap();
    let peak = (0..bank.nrows()).max_by(|&a, &b| bank[(a, 0)].total_cmp(&bank[(b, 0)])).unwrap();
    assert_eq!(peak * 4, 1000);
    assert!((bank[(peak, 0)] - 1.0).abs() < 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, triangles) in [("mel", MelTriangles::Mel), ("hertz", MelTriangles::Hertz)] {
        let bank: Array2<R> = mel_filters(64, 16_000.0, 6, [20.0, 8000.0], triangles)?;
        cases.case(&format!("mel-filters.{name}")).out("filters", &bank);
    }
    Ok(())
}
