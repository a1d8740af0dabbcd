//! Evidence for `eq-2.1-patch`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding, patchify, unpatchify};
use ndarray::{Array2, Array4, s};

use crate::{Property, properties};

const ORDERS: [Order; 2] = [Order::Hwc, Order::Chw];

/// The module of the specification, section 7: `P = 2`, two channels, width 3.
fn example<R: Real>() -> PatchEmbedding<R> {
    let mut module = PatchEmbedding::new(2, 2, 3, Order::Hwc, &mut Random::seed(0));
    module.project.weight = ramp(2, (8, 3));
    module.project.bias = Some(ramp(3, 3));
    module
}

/// Numbers of the specification, section 7.
pub fn forward() {
    let (module, images) = (example::<f64>(), ramp(1, (1, 4, 4, 2)));
    let (y, tape) = module.forward(&images).unwrap();
    assert_sums(&y, "0.3125", "-4.9375");
    let mut grad = module.zeros_like();
    assert_sums(&module.backward(&tape, &ramp(4, (4, 3)), &mut grad), "-1.375", "-43");
    assert_sums(&grad.project.weight, "-2.5", "-15.1875");
    assert_sums(grad.project.bias.as_ref().unwrap(), "-1", "-4.5");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for order in ORDERS {
        let module = PatchEmbedding::<Dual>::new(2, 3, 4, order, &mut Random::seed(0));
        let images: Array4<Dual> = ramp(1, (2, 4, 6, 3));
        check_module(&module, images, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    unpatchify_undoes_patchify,
    the_norm_is_kept,
    equals_a_convolution_with_stride,
    a_shift_by_a_patch_permutes_rows,
    patches_of_one_pixel_are_a_linear_map_of_pixels,
    one_patch_is_one_token,
    images_do_not_mix,
];

struct Drawn {
    images: Array4<f64>,
    patch: usize,
    order: Order,
}

fn draw(random: &mut Random) -> Drawn {
    let patch = 1 + random.below(3);
    let (n, h, w, c) = (1 + random.below(3), 1 + random.below(3), 1 + random.below(3), 1 + random.below(3));
    let images = random.uniform((n, h * patch, w * patch, c), 2.0);
    Drawn { images, patch, order: ORDERS[random.below(2)] }
}

fn embedding(drawn: &Drawn, random: &mut Random) -> PatchEmbedding<f64> {
    let d = 1 + random.below(4);
    let mut module = PatchEmbedding::new(drawn.patch, drawn.images.dim().3, d, drawn.order, random);
    module.project.bias = Some(random.uniform(d, 1.0));
    module
}

fn unpatchify_undoes_patchify(random: &mut Random) {
    let Drawn { images, patch, order } = draw(random);
    let rows = patchify(&images, patch, order).unwrap();
    let (n, h, w, c) = images.dim();
    assert_eq!(unpatchify(&rows, [n, h, w, c], patch, order).unwrap(), images);
}

fn the_norm_is_kept(random: &mut Random) {
    let Drawn { images, patch, order } = draw(random);
    let rows = patchify(&images, patch, order).unwrap();
    let squares: f64 = images.iter().map(|x| x * x).sum();
    assert_close(&rows.iter().map(|x| x * x).sum(), &squares, 1e-13);
}

fn equals_a_convolution_with_stride(random: &mut Random) {
    let drawn = draw(random);
    let module = embedding(&drawn, random);
    let ((n, h, w, c), p) = (drawn.images.dim(), drawn.patch);
    let kernel = |o: usize, k: usize, a: usize, b: usize| match drawn.order {
        Order::Hwc => module.project.weight[((a * p + b) * c + k, o)],
        Order::Chw => module.project.weight[((k * p + a) * p + b, o)],
    };
    let (grid_h, grid_w) = (h / p, w / p);
    let bias = module.project.bias.as_ref().expect("a bias");
    let y = Array2::from_shape_fn((n * grid_h * grid_w, bias.len()), |(row, o)| {
        let (i, r, s) = (row / (grid_h * grid_w), row / grid_w % grid_h, row % grid_w);
        let mut sum = bias[o];
        for (k, a, b) in ndarray::indices((c, p, p)) {
            sum += kernel(o, k, a, b) * drawn.images[(i, r * p + a, s * p + b, k)];
        }
        sum
    });
    assert_close(&module.forward(&drawn.images).unwrap().0, &y, 1e-12);
}

fn a_shift_by_a_patch_permutes_rows(random: &mut Random) {
    let Drawn { images, patch, order } = draw(random);
    let (n, h, w, c) = images.dim();
    let shifted = Array4::from_shape_fn((n, h, w, c), |(i, y, x, k)| images[(i, y, (x + patch) % w, k)]);
    let (before, after) =
        (patchify(&images, patch, order).unwrap(), patchify(&shifted, patch, order).unwrap());
    let grid_w = w / patch;
    for row in 0..before.nrows() {
        let from = row / grid_w * grid_w + (row % grid_w + 1) % grid_w;
        assert_eq!(after.row(row), before.row(from));
    }
}

fn patches_of_one_pixel_are_a_linear_map_of_pixels(random: &mut Random) {
    let images = Drawn { patch: 1, ..draw(random) };
    let (module, c) = (embedding(&images, random), images.images.dim().3);
    let pixels = images.images.to_shape((images.images.len() / c, c)).unwrap().to_owned();
    let expected = module.project.forward(&pixels).unwrap().0;
    assert_eq!(module.forward(&images.images).unwrap().0, expected);
}

fn one_patch_is_one_token(random: &mut Random) {
    let (p, c) = (1 + random.below(4), 1 + random.below(3));
    let image: Array4<f64> = random.uniform((1, p, p, c), 1.0);
    let row = patchify(&image, p, Order::Hwc).unwrap();
    assert_eq!(row.into_raw_vec_and_offset().0, image.into_raw_vec_and_offset().0);
}

fn images_do_not_mix(random: &mut Random) {
    let drawn = draw(random);
    let module = embedding(&drawn, random);
    let (y, _) = module.forward(&drawn.images).unwrap();
    let i = random.below(drawn.images.dim().0);
    let (alone, _) = module.forward(&drawn.images.slice(s![i..=i, .., .., ..])).unwrap();
    let tokens = alone.nrows();
    assert_eq!(y.slice(s![i * tokens..(i + 1) * tokens, ..]), alone);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, order) in [("patch.hwc.ramp", Order::Hwc), ("patch.chw.ramp", Order::Chw)] {
        let (module, images) = (PatchEmbedding { order, ..example::<R>() }, ramp(1, (1, 4, 4, 2)));
        let (y, tape) = module.forward(&images)?;
        let (mut grad, dy) = (module.zeros_like(), ramp(4, (4, 3)));
        let dimages = module.backward(&tape, &dy, &mut grad);
        (cases.case(name).input("images", &images).param("", &module).out("y", &y).cot("y", &dy))
            .grad_in("images", &dimages)
            .grad_param("", &grad);
    }
    Ok(())
}
