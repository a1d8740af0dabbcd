//! Evidence for `eq-2.10-frame-patch`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding};
use mmt_tokenizers::video::{FramePatches, inflate};
use ndarray::{Array4, Array5, Axis, s};

use crate::{Property, properties};

fn example<R: Real>(frames: usize) -> FramePatches<R> {
    let mut patch = PatchEmbedding::new(2, 2, 3, Order::Hwc, &mut Random::seed(0));
    patch.project.weight = ramp(2, (8, 3));
    patch.project.bias = Some(ramp(3, 3));
    FramePatches { patch, frames }
}

/// A frame is an image: of a video that shows the image of the specification, section 8, in frame 0 and in frame 2, two
/// frames of four give its checksums twice.
pub fn forward() {
    let module = example::<f64>(2);
    let image: Array4<f64> = ramp(1, (1, 4, 4, 2));
    let mut videos = Array5::from_elem((1, 4, 4, 4, 2), 7.0);
    videos.slice_mut(s![.., 0, .., .., ..]).assign(&image);
    videos.slice_mut(s![.., 2, .., .., ..]).assign(&image);
    let (y, tape) = module.forward(&videos).unwrap();
    assert_eq!(y.dim(), (8, 3));
    for first in [0, 4] {
        assert_sums(&y.slice(s![first..first + 4, ..]).to_owned(), "0.3125", "-4.9375");
    }
    let dy = ndarray::concatenate![Axis(0), ramp(4, (4, 3)), ramp(4, (4, 3))];
    let mut grad = module.zeros_like();
    let dvideos = module.backward(&tape, &dy, &mut grad);
    for (frame, sums) in [("-1.375", "-43"), ("0", "0")].into_iter().cycle().take(4).enumerate() {
        assert_sums(&dvideos.index_axis(Axis(1), frame).to_owned(), sums.0, sums.1);
    }
    assert_sums(&grad.patch.project.weight, "-5", "-30.375");
    assert_sums(grad.patch.project.bias.as_ref().unwrap(), "-2", "-9");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for frames in [1, 2, 5] {
        let module = example::<Dual>(frames);
        let videos: Array5<Dual> = ramp(1, (2, 5, 4, 2, 2));
        check_module(&module, videos, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    all_frames_are_tubelets_of_one_frame,
    frames_are_read_at_equal_distances,
    frames_that_are_not_read_do_not_matter,
    videos_do_not_mix,
];

fn draw(random: &mut Random) -> (FramePatches<f64>, Array5<f64>) {
    let t = 1 + random.below(7);
    let module = example(1 + random.below(t));
    let shape = (1 + random.below(2), t, 2 + 2 * random.below(2), 2 + 2 * random.below(2), 2);
    (module, random.uniform(shape, 2.0))
}

fn all_frames_are_tubelets_of_one_frame(random: &mut Random) {
    let (module, videos) = draw(random);
    let all = FramePatches { frames: videos.dim().1, ..module };
    let tubelets = inflate(&all.patch, 1).unwrap();
    assert_eq!(all.forward(&videos).unwrap().0, tubelets.forward(&videos).unwrap().0);
}

/// A video with the number of the frame in every pixel shows which frames are read.
fn frames_are_read_at_equal_distances(random: &mut Random) {
    let (module, videos) = draw(random);
    let (n, t, h, w, _) = videos.dim();
    let numbers = Array5::from_shape_fn(videos.dim(), |(_, frame, ..)| frame as f64);
    let rows = module.forward(&numbers).unwrap().1.patch.project.x;
    let tokens = h / 2 * (w / 2);
    let read: Vec<f64> = rows.column(0).iter().copied().step_by(tokens).collect();
    assert_eq!(read.len(), n * module.frames);
    for read in read.chunks(module.frames) {
        for (u, &frame) in read.iter().enumerate() {
            // The last frame at or before the u-th of n equal parts.
            let wanted = (0..t).rev().find(|f| f * module.frames <= u * t).unwrap();
            assert_eq!(frame, wanted as f64);
        }
        assert!(read.windows(2).all(|pair| pair[0] < pair[1]));
    }
}

fn frames_that_are_not_read_do_not_matter(random: &mut Random) {
    let (module, videos) = draw(random);
    let (y, tape) = module.forward(&videos).unwrap();
    let dvideos = module.backward(&tape, &random.uniform(y.dim(), 1.0), &mut module.zeros_like());
    let read: Vec<usize> = (0..module.frames).map(|u| u * videos.dim().1 / module.frames).collect();
    let mut other = videos.clone();
    for frame in (0..videos.dim().1).filter(|frame| !read.contains(frame)) {
        other.index_axis_mut(Axis(1), frame).fill(5.0);
        assert!(dvideos.index_axis(Axis(1), frame).iter().all(|&d| d == 0.0));
    }
    assert_eq!(module.forward(&other).unwrap().0, y);
}

fn videos_do_not_mix(random: &mut Random) {
    let (module, videos) = draw(random);
    let (y, _) = module.forward(&videos).unwrap();
    let (alone, _) = module.forward(&videos.slice(s![..1, .., .., .., ..])).unwrap();
    assert_close(&y.slice(s![..alone.nrows(), ..]).to_owned(), &alone, 0.0);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, videos) = (example::<R>(2), ramp(1, (1, 4, 4, 4, 2)));
    let (y, tape) = module.forward(&videos)?;
    let (mut grad, dy) = (module.zeros_like(), ramp(4, (8, 3)));
    let dvideos = module.backward(&tape, &dy, &mut grad);
    (cases.case("frame-patch.hwc.ramp").input("videos", &videos).param("", &module))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("videos", &dvideos)
        .grad_param("", &grad);
    Ok(())
}
