//! Evidence for `eq-2.10-tubelet`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Conv, conv};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding};
use mmt_tokenizers::video::{
    Tubelet, TubeletEmbedding, central_frame, inflate, tile_positions, tile_positions_backward, tubelets,
    untubelets,
};
use ndarray::{Array2, Array4, Array5, Axis, s};

use crate::{Property, properties};

const ORDERS: [Order; 2] = [Order::Hwc, Order::Chw];

/// The module of the specification, section 8: two frames of 2 x 2 pixels, one channel, width 3.
fn example<R: Real>() -> TubeletEmbedding<R> {
    let tubelet = Tubelet { frames: 2, patch: 2 };
    let mut module = TubeletEmbedding::new(tubelet, 1, 3, Order::Hwc, &mut Random::seed(0));
    module.project.weight = ramp(2, (8, 3));
    module.project.bias = Some(ramp(3, 3));
    module
}

/// Numbers of the specification, section 8, and the tokens that published sizes give.
pub fn forward() {
    let (module, videos) = (example::<f64>(), ramp(1, (1, 4, 4, 4, 1)));
    let (y, tape) = module.forward(&videos).unwrap();
    assert_sums(&y, "5.75", "-18.4375");
    let mut grad = module.zeros_like();
    assert_sums(&module.backward(&tape, &ramp(4, (8, 3)), &mut grad), "-4.875", "-244.125");
    assert_sums(&grad.project.weight, "0.3125", "-17.6875");
    assert_sums(grad.project.bias.as_ref().unwrap(), "-0.25", "-2.75");
    // ViViT-B: 32 frames of 224 x 224 in tubelets of 2 x 16 x 16, here with one channel.
    let videos = Array5::<f32>::zeros((1, 32, 224, 224, 1));
    let rows = tubelets(&videos, Tubelet { frames: 2, patch: 16 }, Order::Hwc).unwrap();
    assert_eq!(rows.dim(), (3136, 512));
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for order in ORDERS {
        let tubelet = Tubelet { frames: 2, patch: 3 };
        let module = TubeletEmbedding::<Dual>::new(tubelet, 2, 4, order, &mut Random::seed(0));
        let videos: Array5<Dual> = ramp(1, (2, 4, 3, 6, 2));
        check_module(&module, videos, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    untubelets_undoes_tubelets,
    the_norm_is_kept,
    equals_a_convolution_with_stride,
    tubelets_of_one_frame_are_patches_of_every_frame,
    a_central_frame_is_read_like_an_image,
    an_inflated_image_reads_a_still_video_like_a_frame,
    videos_do_not_mix,
    positions_are_the_same_at_every_step,
];

struct Drawn {
    videos: Array5<f64>,
    tubelet: Tubelet,
    order: Order,
}

fn draw(random: &mut Random) -> Drawn {
    let tubelet = Tubelet { frames: 1 + random.below(3), patch: 1 + random.below(3) };
    let mut some = || 1 + random.below(3);
    let shape = (some(), some() * tubelet.frames, some() * tubelet.patch, some() * tubelet.patch, some());
    Drawn { videos: random.uniform(shape, 2.0), tubelet, order: ORDERS[random.below(2)] }
}

fn embedding(drawn: &Drawn, random: &mut Random) -> TubeletEmbedding<f64> {
    let d = 1 + random.below(4);
    let mut module = TubeletEmbedding::new(drawn.tubelet, drawn.videos.dim().4, d, drawn.order, random);
    module.project.bias = Some(random.uniform(d, 1.0));
    module
}

fn image(drawn: &Drawn, random: &mut Random) -> PatchEmbedding<f64> {
    let d = 1 + random.below(4);
    let mut module = PatchEmbedding::new(drawn.tubelet.patch, drawn.videos.dim().4, d, drawn.order, random);
    module.project.bias = Some(random.uniform(d, 1.0));
    module
}

/// Some frames of every video, as images.
fn frames(videos: &Array5<f64>, first: usize, step: usize) -> Array4<f64> {
    let chosen = videos.slice(s![.., first..;step, .., .., ..]);
    let (n, t, h, w, c) = chosen.dim();
    chosen.to_shape((n * t, h, w, c)).unwrap().to_owned()
}

fn untubelets_undoes_tubelets(random: &mut Random) {
    let Drawn { videos, tubelet, order } = draw(random);
    let (n, t, h, w, c) = videos.dim();
    let rows = tubelets(&videos, tubelet, order).unwrap();
    assert_eq!(untubelets(&rows, [n, t, h, w, c], tubelet, order), videos);
    let other: Array2<f64> = random.uniform(rows.dim(), 1.0);
    assert_eq!(
        tubelets(&untubelets(&other, [n, t, h, w, c], tubelet, order), tubelet, order).unwrap(),
        other
    );
}

fn the_norm_is_kept(random: &mut Random) {
    let Drawn { videos, tubelet, order } = draw(random);
    let rows = tubelets(&videos, tubelet, order).unwrap();
    let squares: f64 = videos.iter().map(|x| x * x).sum();
    assert_close(&rows.iter().map(|x| x * x).sum(), &squares, 1e-13);
}

fn equals_a_convolution_with_stride(random: &mut Random) {
    let drawn = Drawn { order: Order::Chw, ..draw(random) };
    let module = embedding(&drawn, random);
    let (Tubelet { frames: t, patch: p }, c) = (drawn.tubelet, drawn.videos.dim().4);
    let (bias, d) = (module.project.bias.as_ref().unwrap(), module.project.weight.ncols());
    let kernel = module.project.weight.t().to_shape((d, c, t, p, p)).unwrap().to_owned();
    let videos = drawn.videos.view().permuted_axes([0, 4, 1, 2, 3]).to_owned();
    let y = conv(&videos, &kernel, bias, &Conv { stride: [t, p, p], ..Conv::default() }).unwrap();
    let tokens = y.len() / d;
    let y = y.permuted_axes([0, 2, 3, 4, 1]).as_standard_layout().into_owned();
    let want = y.into_shape_with_order((tokens, d)).unwrap();
    assert_close(&module.forward(&drawn.videos).unwrap().0, &want, 1e-12);
}

fn tubelets_of_one_frame_are_patches_of_every_frame(random: &mut Random) {
    let drawn = draw(random);
    let image = image(&drawn, random);
    let module = inflate(&image, 1).unwrap();
    let want = image.forward(&frames(&drawn.videos, 0, 1)).unwrap().0;
    assert_eq!(module.forward(&drawn.videos).unwrap().0, want);
}

fn a_central_frame_is_read_like_an_image(random: &mut Random) {
    let drawn = draw(random);
    let (image, t) = (image(&drawn, random), drawn.tubelet.frames);
    let module = central_frame(&image, t).unwrap();
    let want = image.forward(&frames(&drawn.videos, t / 2, t)).unwrap().0;
    assert_close(&module.forward(&drawn.videos).unwrap().0, &want, 1e-14);
}

fn an_inflated_image_reads_a_still_video_like_a_frame(random: &mut Random) {
    let mut drawn = draw(random);
    let still = drawn.videos.index_axis(Axis(1), 0).to_owned();
    drawn.videos.axis_iter_mut(Axis(1)).for_each(|mut frame| frame.assign(&still));
    let (image, t) = (image(&drawn, random), drawn.tubelet.frames);
    let want = image.forward(&frames(&drawn.videos, 0, t)).unwrap().0;
    assert_close(&inflate(&image, t).unwrap().forward(&drawn.videos).unwrap().0, &want, 1e-13);
}

fn videos_do_not_mix(random: &mut Random) {
    let drawn = draw(random);
    let module = embedding(&drawn, random);
    let (y, _) = module.forward(&drawn.videos).unwrap();
    let i = random.below(drawn.videos.dim().0);
    let (alone, _) = module.forward(&drawn.videos.slice(s![i..=i, .., .., .., ..])).unwrap();
    let tokens = alone.nrows();
    assert_eq!(y.slice(s![i * tokens..(i + 1) * tokens, ..]), alone);
}

/// And the gradient of the table is the transposed map.
fn positions_are_the_same_at_every_step(random: &mut Random) {
    let (n, d, steps) = (1 + random.below(5), 1 + random.below(4), 1 + random.below(4));
    let table: Array2<f64> = random.uniform((n, d), 1.0);
    let tiled = tile_positions(&table, steps).unwrap();
    tiled.axis_chunks_iter(Axis(0), n).for_each(|step| assert_eq!(step, table));
    let dy: Array2<f64> = random.uniform((steps * n, d), 1.0);
    let dtable = tile_positions_backward(&dy, n);
    assert_close(&(&table * &dtable).iter().sum::<f64>(), &(&tiled * &dy).iter().sum(), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, videos) = (example::<R>(), ramp(1, (1, 4, 4, 4, 1)));
    let (y, tape) = module.forward(&videos)?;
    let (mut grad, dy) = (module.zeros_like(), ramp(4, (8, 3)));
    let dvideos = module.backward(&tape, &dy, &mut grad);
    (cases.case("tubelet.thwc.ramp").input("videos", &videos).param("", &module).out("y", &y).cot("y", &dy))
        .grad_in("videos", &dvideos)
        .grad_param("", &grad);
    Ok(())
}
