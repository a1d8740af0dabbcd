//! Evidence for `eq-2.16-log-mel`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use mmt_tokenizers::audio::{
    FrameConfig, LogFloor, LogMel, LogMelConfig, MelTriangles, Window, cut_frames, fourier_tables,
};
use ndarray::{Array1, Array2, s};

use crate::{Property, properties};

/// Frames of 40 samples every 16, six bands, the other settings those of AST.
fn small() -> LogMelConfig {
    let ast = LogMelConfig::ast();
    LogMelConfig { frames: FrameConfig { frame: 40, hop: 16, ..ast.frames }, transform: 64, mels: 6, ..ast }
}

/// The other choice wherever there is one.
fn other() -> LogMelConfig {
    let frames = FrameConfig { frame: 40, hop: 16, remove_mean: false, emphasis: 0.0 };
    LogMelConfig {
        frames,
        window: Window::PeriodicHann,
        triangles: MelTriangles::Hertz,
        floor: LogFloor::Plus(1e-6),
        ..small()
    }
}

fn compare(config: LogMelConfig, samples: usize, want: [(&str, &str); 2]) {
    let module = LogMel::<f64>::new(config).unwrap();
    let (l, tape) = module.forward(&ramp(1, samples)).unwrap();
    assert_sums(&l, want[0].0, want[0].1);
    assert_sums(&module.backward(&tape, &ramp(4, l.dim())), want[1].0, want[1].1);
}

/// Numbers of PyTorch 2.15, with its own FFT and its own gradients, in double precision. The last is the setting of AST,
/// and the feature extractor of Hugging Face transformers 5.24.0, which keeps spectra in single precision, agrees with it
/// to 5.1e-7.
pub fn forward() {
    compare(small(), 120, [("48.06241459", "1118.587689"), ("0", "322.8811801")]);
    compare(other(), 120, [("61.90921707", "1319.996729"), ("-144.8685495", "2335.464189")]);
    let ast = [("-4382.021834", "-1034116.653"), ("0", "30667.81923")];
    compare(LogMelConfig::ast(), 1000, ast);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for config in [small(), other()] {
        let module = LogMel::<Dual>::new(config).unwrap();
        check_backward(
            &ramp::<Dual, _>(1, 75),
            |x| Ok(module.forward(x)?.0),
            |x, dl| module.backward(&module.forward(x).expect("a valid point").1, dl),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_transform_keeps_the_energy_of_a_frame,
    a_tone_is_loudest_in_its_band,
    twice_as_loud_is_the_same_everywhere_else,
    a_constant_does_not_matter_where_means_are_removed,
    a_shift_by_a_hop_shifts_frames,
    silence_is_the_floor_and_has_no_gradient,
    the_sign_of_a_sound_does_not_matter,
];

fn draw(random: &mut Random) -> (LogMel<f64>, Array1<f64>) {
    let module = LogMel::new([small(), other()][random.below(2)]).unwrap();
    let samples = 40 + random.below(100);
    (module, random.uniform(samples, 1.0))
}

fn run(module: &LogMel<f64>, x: &Array1<f64>) -> Array2<f64> {
    module.forward(x).unwrap().0
}

/// The theorem of Parseval: `Σ x² = (1/n) Σ |X|²`, where all columns but the first and the last count twice.
fn the_transform_keeps_the_energy_of_a_frame(random: &mut Random) {
    let frame = 2 + random.below(30);
    let n = frame + random.below(10);
    let [c, s] = fourier_tables::<f64>(frame, n).unwrap();
    let x: Array1<f64> = random.uniform(frame, 1.0);
    let part =
        |table: &Array2<f64>, k: usize| -> f64 { table.column(k).iter().zip(&x).map(|(t, x)| t * x).sum() };
    let mut energy = 0.0;
    for k in 0..=n / 2 {
        let once = k == 0 || 2 * k == n;
        let power = part(&c, k) * part(&c, k) + part(&s, k) * part(&s, k);
        energy += if once { power } else { 2.0 * power };
    }
    assert_close(&(energy / n as f64), &x.iter().map(|x| x * x).sum(), 1e-12);
}

fn a_tone_is_loudest_in_its_band(random: &mut Random) {
    let module = LogMel::<f64>::new(LogMelConfig { mels: 20, ..LogMelConfig::ast() }).unwrap();
    // On a frequency of the transform, where the window leaks least.
    let k = 10 + random.below(230);
    let angle = |i: usize| f64::pi() * 2.0 * (k * i % 512) as f64 / 512.0;
    let x = Array1::from_shape_fn(600, |i| Real::sin(angle(i)));
    let loudest =
        |row: ndarray::ArrayView1<f64>| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let (l, band) = (run(&module, &x), loudest(module.filters.row(k)));
    for row in l.rows() {
        // The window spreads a tone over its neighbors, so that close to an edge the next band may win.
        assert!(loudest(row).abs_diff(band) <= 1, "tone {k}: band {band}, loudest {}", loudest(row));
    }
}

/// Above the floor: the logarithm of four, since it is energy.
fn twice_as_loud_is_the_same_everywhere_else(random: &mut Random) {
    let (module, x) = draw(random);
    let (once, twice) = (run(&module, &x), run(&module, &(&x * 2.0)));
    assert_close(&twice, &(once + Real::ln(4.0_f64)), 1e-4);
}

fn a_constant_does_not_matter_where_means_are_removed(random: &mut Random) {
    let module = LogMel::<f64>::new(small()).unwrap();
    let x: Array1<f64> = random.uniform(90, 1.0);
    assert_close(&run(&module, &(&x + 3.0)), &run(&module, &x), 1e-9);
    let dx = module.backward(&module.forward(&x).unwrap().1, &random.uniform((4, 6), 1.0));
    assert!(dx.iter().sum::<f64>().abs() < 1e-10);
}

fn a_shift_by_a_hop_shifts_frames(random: &mut Random) {
    let (module, x) = draw(random);
    let hop = module.config.frames.hop;
    let mut longer = Array1::zeros(x.len() + hop);
    longer.slice_mut(s![hop..]).assign(&x);
    let (l, shifted) = (run(&module, &x), run(&module, &longer));
    assert_eq!(shifted.slice(s![1.., ..]), l);
}

fn silence_is_the_floor_and_has_no_gradient(random: &mut Random) {
    let module = LogMel::<f64>::new(small()).unwrap();
    let x = Array1::from_elem(60, random.unit());
    let (l, tape) = module.forward(&x).unwrap();
    let floor = Real::ln(1.192_092_955_078_125e-7_f64);
    assert!(l.iter().all(|&l| l == floor));
    assert!(module.backward(&tape, &random.uniform(l.dim(), 1.0)).iter().all(|&d| d == 0.0));
}

fn the_sign_of_a_sound_does_not_matter(random: &mut Random) {
    let (module, x) = draw(random);
    assert_eq!(run(&module, &-&x), run(&module, &x));
    let frames = |x: &Array1<f64>| cut_frames(x, &module.window, &module.config.frames).unwrap();
    assert_eq!(frames(&-&x), -frames(&x));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, config) in [("kaldi", small()), ("plain", other())] {
        let (module, x): (LogMel<R>, Array1<R>) = (LogMel::new(config)?, ramp(1, 120));
        let (l, tape) = module.forward(&x)?;
        let dl = ramp(4, l.dim());
        let dx = module.backward(&tape, &dl);
        (cases.case(&format!("log-mel.{name}")).input("x", &x).buf("window", &module.window))
            .buf("filters", &module.filters)
            .act("", &tape)
            .out("l", &l)
            .cot("l", &dl)
            .grad_in("x", &dx);
    }
    Ok(())
}
