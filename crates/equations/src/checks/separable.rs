//! Evidence for `eq-2.8-separable`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Conv, Statistics, conv, relu};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::cnn::{ConvUnit, FrozenNorm, Separable};
use ndarray::{Array1, Array5, Ix5, s};

use crate::{Property, properties};

/// Weights that are half a ramp, and a norm of ramps around statistics of ramps.
pub(super) fn set<R: Real>(unit: &mut ConvUnit<R, Ix5, 3>, s: usize) {
    let c = unit.weight.shape()[0];
    unit.weight = ramp::<R, _>(s, unit.weight.raw_dim()) * R::of(0.5);
    let squares = ramp::<R, _>(s + 4, c).mapv(|v| v * v + R::of(0.25));
    let statistics = Statistics { mean: ramp(s + 3, c), variance: squares, eps: 1e-3 };
    unit.norm = Some(FrozenNorm { gamma: ramp(s + 1, c), beta: ramp(s + 2, c), statistics });
}

/// Gradients of a kernel, `γ` and `β` against their checksums.
pub(super) fn compare(grad: &ConvUnit<f64, Ix5, 3>, want: [[&str; 2]; 3]) {
    let norm = grad.norm.as_ref().unwrap();
    assert_sums(&grad.weight, want[0][0], want[0][1]);
    assert_sums(&norm.gamma, want[1][0], want[1][1]);
    assert_sums(&norm.beta, want[2][0], want[2][1]);
}

/// Two channels to three, windows of three, stride two.
fn example<R: Real>() -> Separable<R> {
    let mut module = Separable::new(2, 3, 3, 2, 1e-3, &mut Random::seed(0));
    set(&mut module.spatial, 2);
    set(&mut module.temporal, 3);
    module
}

/// Numbers of PyTorch 2.15 in double precision; torchvision's layer is in the stored case `tv_s3d`.
pub fn forward() {
    let (module, x) = (example::<f64>(), ramp(1, (2, 2, 4, 5, 4)));
    let (y, tape) = module.forward(&x).unwrap();
    assert_eq!(y.dim(), (2, 3, 2, 3, 2));
    assert_sums(&y, "27.14300604", "1056.778612");
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &ramp(8, y.dim()), &mut grad);
    assert_sums(&dx, "-0.8441030312", "-190.7295226");
    let norm = [["-5.440028004", "-11.29695026"], ["-0.8043651082", "-1.821859603"]];
    compare(&grad.spatial, [["1.253799057", "44.79538055"], norm[0], norm[1]]);
    let norm = [["2.261546864", "2.249861348"], ["0", "0.5"]];
    compare(&grad.temporal, [["4.711178562", "54.94686858"], norm[0], norm[1]]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array5<Dual> = ramp(1, (2, 2, 4, 5, 4));
    check_module(&example(), x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    with_positive_numbers_it_is_one_convolution_with_a_product_kernel,
    stride_one_keeps_the_size,
    reversed_time_and_a_reversed_kernel_give_reversed_clips,
    a_clip_does_not_feel_its_neighbors,
];

fn draw(random: &mut Random) -> (Separable<f64>, Array5<f64>) {
    let (c, k) = (1 + random.below(3), 1 + 2 * random.below(2));
    let module = Separable::new(c, 1 + random.below(3), k, 1, 1e-3, random);
    let shape = (1 + random.below(2), c, 1 + random.below(4), 1 + random.below(4), 1 + random.below(4));
    (shake(&module, random.below(1 << 20) as u64), random.uniform(shape, 1.0))
}

/// Where nothing is negative ReLU does nothing, and the kernel is `Σ_m W_t[o, m] W_s[m, c]`, scaled by both norms.
fn with_positive_numbers_it_is_one_convolution_with_a_product_kernel(random: &mut Random) {
    let (mut module, mut x) = draw(random);
    x.mapv_inplace(f64::abs);
    for unit in [&mut module.spatial, &mut module.temporal] {
        unit.weight.mapv_inplace(f64::abs);
        let norm = unit.norm.as_mut().unwrap();
        norm.gamma.mapv_inplace(f64::abs);
        norm.beta.fill(0.0);
    }
    let scale =
        |unit: &ConvUnit<f64, Ix5, 3>, o: usize| unit.norm.as_ref().unwrap().gamma[o] / 1.001_f64.sqrt();
    let (spatial, temporal) = (&module.spatial.weight, &module.temporal.weight);
    let (out, c, k) = (temporal.dim().0, x.dim().1, temporal.dim().2);
    let kernel = Array5::from_shape_fn((out, c, k, k, k), |(o, c, t, i, j)| {
        let one = |m| {
            let inner = scale(&module.spatial, m) * spatial[(m, c, 0, i, j)];
            scale(&module.temporal, o) * temporal[(o, m, t, 0, 0)] * inner
        };
        (0..out).map(one).sum()
    });
    let settings = Conv { padding: [k / 2; 3], ..Conv::default() };
    let want = conv(&x, &kernel, &Array1::zeros(out), &settings).unwrap();
    assert_close(&module.forward(&x).unwrap().0, &relu(&want).unwrap(), 1e-12);
}

fn stride_one_keeps_the_size(random: &mut Random) {
    let (module, x) = draw(random);
    let (y, (n, _, t, h, w)) = (module.forward(&x).unwrap().0, x.dim());
    assert_eq!(y.dim(), (n, module.temporal.weight.dim().0, t, h, w));
}

fn reversed_time_and_a_reversed_kernel_give_reversed_clips(random: &mut Random) {
    let (module, x) = draw(random);
    let mut other = module.clone();
    other.temporal.weight = module.temporal.weight.slice(s![.., .., ..;-1, .., ..]).to_owned();
    let y = other.forward(&x.slice(s![.., .., ..;-1, .., ..])).unwrap().0;
    let want = module.forward(&x).unwrap().0;
    assert_close(&y.slice(s![.., .., ..;-1, .., ..]).to_owned(), &want, 1e-13);
}

fn a_clip_does_not_feel_its_neighbors(random: &mut Random) {
    let (module, x) = draw(random);
    let one = module.forward(&x.slice(s![..1, .., .., .., ..])).unwrap().0;
    assert_eq!(module.forward(&x).unwrap().0.slice(s![..1, .., .., .., ..]), one);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, x) = (example::<R>(), ramp(1, (2, 2, 4, 5, 4)));
    let (y, tape) = module.forward(&x)?;
    let (mut grad, dy) = (module.zeros_like(), ramp(8, y.dim()));
    let dx = module.backward(&tape, &dy, &mut grad);
    let mut statistics = Vec::new();
    for unit in [&module.spatial, &module.temporal] {
        let FrozenNorm { statistics: s, .. } = unit.norm.as_ref().expect("set above");
        statistics.push((s.mean.clone(), s.variance.clone()));
    }
    (cases.case("cnn.separable.ramp").input("x", &x).param("", &module).buf("statistics", &statistics))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
