//! Evidence for `eq-2.17-spectrogram-patch`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Conv, conv};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::audio::SpectrogramPatches;
use mmt_tokenizers::image::{Order, PatchEmbedding};
use ndarray::{Array3, Axis, s};

use crate::{Property, properties};

/// Three bands and two frames, two apart both ways, so that bands overlap and the last frame of seven is left out.
fn example<R: Real>() -> SpectrogramPatches<R> {
    let mut module = SpectrogramPatches::new([3, 2], [2, 2], 3, &mut Random::seed(0));
    module.project.weight = ramp(2, (6, 3));
    module.project.bias = Some(ramp(3, 3));
    module
}

/// Numbers of PyTorch 2.15 in double precision, and the tokens of AST: 12 x 101 patches in 1024 frames of 128 bands.
pub fn forward() {
    let (module, x) = (example::<f64>(), ramp(1, (2, 7, 6)));
    let (y, tape) = module.forward(&x).unwrap();
    assert_eq!(y.dim(), (12, 3));
    assert_sums(&y, "-3.75", "-93.375");
    let mut grad = module.zeros_like();
    assert_sums(&module.backward(&tape, &ramp(4, (12, 3)), &mut grad), "1.6875", "461.875");
    assert_sums(&grad.project.weight, "1.0625", "23.5625");
    assert_sums(grad.project.bias.as_ref().unwrap(), "-0.5", "-0.25");
    let ast = SpectrogramPatches::<f32>::new([16; 2], [10; 2], 1, &mut Random::seed(0));
    assert_eq!(ast.forward(&Array3::zeros((1, 1024, 128))).unwrap().0.nrows(), 12 * 101);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array3<Dual> = ramp(1, (2, 7, 6));
    check_module(&example(), x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    equals_a_convolution_of_the_transposed_spectrogram,
    patches_side_by_side_are_those_of_an_image,
    the_adjoint_identity_holds,
    a_shift_by_a_stride_permutes_rows,
    spectrograms_do_not_mix,
];

fn draw(random: &mut Random) -> (SpectrogramPatches<f64>, Array3<f64>) {
    let mut two = || [1 + random.below(3), 1 + random.below(3)];
    let (patch, stride) = (two(), two());
    let mut module = SpectrogramPatches::new(patch, stride, 2, random);
    module.project.bias = Some(random.uniform(2, 1.0));
    let shape = (1 + random.below(2), patch[1] + random.below(6), patch[0] + random.below(6));
    (module, random.uniform(shape, 2.0))
}

fn equals_a_convolution_of_the_transposed_spectrogram(random: &mut Random) {
    let (module, x) = draw(random);
    let [p_f, p_t] = module.patch;
    let image = x.view().permuted_axes([0, 2, 1]).insert_axis(Axis(1)).to_owned();
    let kernel = module.project.weight.t().to_shape((2, 1, p_f, p_t)).unwrap().to_owned();
    let bias = module.project.bias.as_ref().unwrap();
    let y = conv(&image, &kernel, bias, &Conv { stride: module.stride, ..Conv::default() }).unwrap();
    let tokens = y.len() / 2;
    let y = y.permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    assert_close(&module.forward(&x).unwrap().0, &y.into_shape_with_order((tokens, 2)).unwrap(), 1e-13);
}

fn patches_side_by_side_are_those_of_an_image(random: &mut Random) {
    let p = 1 + random.below(3);
    let mut module = SpectrogramPatches::<f64>::new([p; 2], [p; 2], 3, random);
    module.project.bias = Some(random.uniform(3, 1.0));
    let shape = (1 + random.below(2), p * (1 + random.below(3)), p * (1 + random.below(3)));
    let x: Array3<f64> = random.uniform(shape, 1.0);
    let image = PatchEmbedding { project: module.project.clone(), patch: p, order: Order::Hwc };
    let transposed = x.view().permuted_axes([0, 2, 1]).insert_axis(Axis(3)).to_owned();
    assert_close(&module.forward(&x).unwrap().0, &image.forward(&transposed).unwrap().0, 1e-14);
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let (mut module, x) = draw(random);
    module.project.bias = None;
    let (y, tape) = module.forward(&x).unwrap();
    let dy = random.uniform(y.dim(), 1.0);
    let dx = module.backward(&tape, &dy, &mut module.zeros_like());
    assert_close(&(&x * &dx).iter().sum::<f64>(), &(&y * &dy).iter().sum(), 1e-12);
}

fn a_shift_by_a_stride_permutes_rows(random: &mut Random) {
    let (module, x) = draw(random);
    let later = x.slice(s![.., module.stride[1].min(x.dim().1).., ..]).to_owned();
    if later.dim().1 < module.patch[1] {
        return;
    }
    let (y, shifted) = (module.forward(&x).unwrap().0, module.forward(&later).unwrap().0);
    let n_t = (x.dim().1 - module.patch[1]) / module.stride[1] + 1;
    let before: Vec<usize> = (0..y.nrows()).filter(|row| row % n_t > 0).collect();
    assert_eq!(shifted, y.select(Axis(0), &before));
}

fn spectrograms_do_not_mix(random: &mut Random) {
    let (module, x) = draw(random);
    let (y, alone) = (module.forward(&x).unwrap().0, module.forward(&x.slice(s![..1, .., ..])).unwrap().0);
    assert_eq!(y.slice(s![..alone.nrows(), ..]), alone);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, x) = (example::<R>(), ramp(1, (2, 7, 6)));
    let (y, tape) = module.forward(&x)?;
    let (mut grad, dy) = (module.zeros_like(), ramp(4, (12, 3)));
    let dx = module.backward(&tape, &dy, &mut grad);
    (cases.case("spectrogram-patch.ramp").input("spectrograms", &x).param("", &module))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("spectrograms", &dx)
        .grad_param("", &grad);
    Ok(())
}
