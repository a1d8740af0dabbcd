//! Patches, regions, convolutions and pools.

use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::ops::{self, Conv, Divisor, Pool};
use mmt_tensor::{Random, Real, Result, Tree};
use mmt_tokenizers::image::{self, ImageBox, Order, PatchEmbedding, RegionEmbedding, RoiAlign, Sampling};
use mmt_tokenizers::video::{Tubelet, TubeletEmbedding};
use ndarray::{Array1, Array2, IxDyn};
use serde_json::{Value, json};

use crate::shapes::{keep_moments, rows_of};

pub const OPS: &[Op] = &[
    op!(patch),
    op!(tubelet),
    op!(roi_align),
    op!(region_geometry),
    op!(region_embedding),
    op!(conv),
    op!(max_pool),
    op!(avg_pool),
    op!(global_avg_pool),
];

fn order<R: Real>(run: &Run<R>) -> Order {
    if run.word("order") == "hwc" { Order::Hwc } else { Order::Chw }
}

/// Squares of an image.
fn patch<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, height, width, c, d] = run.sizes(["batch", "height", "width", "channels", "d"]);
    let images = run.input("images", (b, height, width, c), 1.0);
    let p = run.whole("patch");
    let module = run.module("", PatchEmbedding::new(p, c, d, order(run), &mut Random::seed(0)));
    let (y, tape) = module.forward(&images)?;
    let shape = [b, y.nrows() / b, d];
    run.keep_as("out/y", &y, &shape);
    let dy = run.cot("y", shape);
    let mut grad = module.zeros_like();
    let dimages = module.backward(&tape, &rows_of(&dy), &mut grad);
    run.keep("grad_in/images", &dimages);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Boxes of a video.
fn tubelet<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, t, height, width, c, d] = run.sizes(["batch", "time", "height", "width", "channels", "d"]);
    let videos = run.input("videos", (b, t, height, width, c), 1.0);
    let size = Tubelet { frames: run.whole("frames"), patch: run.whole("patch") };
    let module = run.module("", TubeletEmbedding::new(size, c, d, order(run), &mut Random::seed(0)));
    let (y, tape) = module.forward(&videos)?;
    let shape = [b, y.nrows() / b, d];
    run.keep_as("out/y", &y, &shape);
    let dy = run.cot("y", shape);
    let mut grad = module.zeros_like();
    let dvideos = module.backward(&tape, &rows_of(&dy), &mut grad);
    run.keep("grad_in/videos", &dvideos);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Rectangles as rows of image, left, top, right and bottom; whole sixteenths of a pixel.
fn boxes<R: Real>(run: &mut Run<R>, count: usize, images: usize, [height, width]: [f64; 2]) -> Vec<ImageBox> {
    let drawn = run.ids("box_corners", &[count, 4], 1 << 10);
    run.arrays.pop();
    let mut list = vec![];
    for (i, r) in drawn.chunks(4).enumerate() {
        let side = |low: usize, high: usize, size: f64| {
            let low = low as f64 / 1024.0 * size * 0.75;
            let length =
                if run.is("tiny") { 0.25 } else { (size - low) * (0.125 + 0.875 * high as f64 / 1024.0) };
            let round = |x: f64| (x * 16.0).round() / 16.0;
            (round(low), (round(low) + round(length).max(0.0625)).min(size))
        };
        let ((x1, x2), (y1, y2)) = (side(r[0], r[2], width), side(r[1], r[3], height));
        list.push(ImageBox { image: i % images, corners: [x1, y1, x2, y2] });
    }
    let numbers = list.iter().flat_map(|b| std::iter::once(b.image as f64).chain(b.corners));
    let stored = Array2::from_shape_vec((count, 5), numbers.map(R::of).collect()).expect("five numbers each");
    run.keep("in/boxes", &stored);
    list
}

/// Features of regions.
fn roi_align<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, c, height, width, count] = run.sizes(["batch", "channels", "height", "width", "boxes"]);
    let features = run.input("features", (b, c, height, width), 1.0);
    let scale = run.real("scale");
    let boxes = boxes(run, count, b, [height as f64 / scale, width as f64 / scale]);
    let [rows, columns] = run.list("output");
    let settings = RoiAlign {
        scale,
        output: (rows, columns),
        sampling: run
            .setting("sampling")
            .as_u64()
            .map_or(Sampling::Adaptive, |n| Sampling::Fixed(n as usize)),
        aligned: run.flag("aligned"),
    };
    let y = image::roi_align(&features, &boxes, settings)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/features", &image::roi_align_backward(features.dim(), &boxes, settings, &dy));
    Ok(())
}

/// Where regions are and how large, forward only.
fn region_geometry<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, count] = run.sizes(["batch", "boxes"]);
    let boxes = boxes(run, count, b, [96.0, 128.0]);
    let sizes = vec![[128.0, 96.0]; b];
    let stored = Array2::from_shape_fn((b, 2), |(i, j)| R::of(sizes[i][j]));
    run.keep("in/sizes", &stored);
    run.keep("out/g", &image::region_geometry::<R>(&boxes, &sizes)?);
    Ok(())
}

/// The token of a region: its features and its geometry.
fn region_embedding<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d_v, d] = run.sizes(["n", "dv", "d"]);
    let v = run.input("v", (n, d_v), 1.0);
    let g = run.draw("in/g", (n, 5), Fill::Sweep { low: 0.0625, high: 0.9375 });
    let module = run.module("", RegionEmbedding::new(d_v, d, run.real("eps"), &mut Random::seed(0)));
    let (x, tape) = module.forward(&v, &g)?;
    keep_moments(run, "", &tape.norm.moments, &[n]);
    run.keep("out/x", &x);
    let dx = run.cot("x", (n, d));
    let mut grad = module.zeros_like();
    let (dv, dg) = module.backward(&tape, &dx, &mut grad);
    run.keep("grad_in/v", &dv);
    run.keep("grad_in/g", &dg);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// The sizes of an input of two or three axes.
fn field<R: Real>(run: &Run<R>) -> Vec<usize> {
    let time = if run.has_size("time") { vec![run.size("time")] } else { vec![] };
    [run.sizes(["batch", "channels"]).to_vec(), time, run.sizes(["height", "width"]).to_vec()].concat()
}

/// Calls a generic function over two or three axes.
macro_rules! over_axes {
    ($run:ident, $function:ident) => {
        if $run.has_size("time") {
            $function::<R, ndarray::Ix5, 3>($run)
        } else {
            $function::<R, ndarray::Ix4, 2>($run)
        }
    };
}

fn conv<R: Real>(run: &mut Run<R>) -> Result<()> {
    over_axes!(run, conv_over)
}

fn conv_over<R: Real, D: ndarray::Dimension, const N: usize>(run: &mut Run<R>) -> Result<()> {
    let shape = field(run);
    let (groups, out) = (run.whole("groups"), run.size("out"));
    let settings = Conv::<N> {
        stride: run.list("stride"),
        padding: run.list("padding"),
        dilation: run.list("dilation"),
        groups,
    };
    let kernel = [vec![out, shape[1] / groups], run.list::<N>("kernel").to_vec()].concat();
    let x = run.input("x", IxDyn(&shape), 1.0).into_dimensionality::<D>().expect("so many axes");
    let std = (1.0 / kernel[1..].iter().product::<usize>() as f64).sqrt();
    let w = run.draw("param/weight", IxDyn(&kernel), Fill::normal(std));
    let w = w.into_dimensionality::<D>().expect("so many axes");
    let b: Array1<R> = run.draw("param/bias", out, Fill::normal(0.3));
    let y = ops::conv(&x, &w, &b, &settings)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    let (mut dw, mut db) = (w.mapv(|_| R::of(0.0)), b.mapv(|_| R::of(0.0)));
    let dx = ops::conv_backward(&x, &w, &dy, &settings, &mut dw, &mut db);
    run.keep("grad_in/x", &dx);
    run.keep("grad_param/weight", &dw);
    run.keep("grad_param/bias", &db);
    Ok(())
}

fn pool<R: Real, const N: usize>(run: &Run<R>) -> Pool<N> {
    Pool { kernel: run.list("kernel"), stride: run.list("stride"), padding: run.list("padding") }
}

fn max_pool<R: Real>(run: &mut Run<R>) -> Result<()> {
    over_axes!(run, max_pool_over)
}

fn max_pool_over<R: Real, D: ndarray::Dimension, const N: usize>(run: &mut Run<R>) -> Result<()> {
    let x = run.input("x", IxDyn(&field(run)), 1.0).into_dimensionality::<D>().expect("so many axes");
    let settings = pool::<R, N>(run);
    let y = ops::max_pool(&x, &settings)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/x", &ops::max_pool_backward(&x, &dy, &settings));
    Ok(())
}

fn avg_pool<R: Real>(run: &mut Run<R>) -> Result<()> {
    over_axes!(run, avg_pool_over)
}

fn avg_pool_over<R: Real, D: ndarray::Dimension, const N: usize>(run: &mut Run<R>) -> Result<()> {
    let x = run.input("x", IxDyn(&field(run)), 1.0).into_dimensionality::<D>().expect("so many axes");
    let settings = pool::<R, N>(run);
    let divisor = if run.word("divisor") == "inside" { Divisor::Inside } else { Divisor::Window };
    let y = ops::avg_pool(&x, &settings, divisor)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/x", &ops::avg_pool_backward(&x, &dy, &settings, divisor));
    Ok(())
}

fn global_avg_pool<R: Real>(run: &mut Run<R>) -> Result<()> {
    let x = run.input("x", IxDyn(&field(run)), 1.0).into_dimensionality::<ndarray::Ix4>().expect("four axes");
    let y = ops::global_avg_pool(&x)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/x", &ops::global_avg_pool_backward(&x, &dy));
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    [patch_rows(), roi_rows(), conv_rows()].concat()
}

fn patch_rows() -> Vec<Row> {
    let image = |name: &str, patch: usize, order: &str, [b, h, w, c, d]: [usize; 5]| {
        let config = json!({"patch": patch, "order": order});
        let sizes = [("batch", b), ("height", h), ("width", w), ("channels", c), ("d", d)];
        Row::new(format!("patch.{name}"), "patch", "eq-2.1-patch", config).sizes(&sizes)
    };
    let video = |name: &str, frames: usize, patch: usize, order: &str, [b, t, h, w, c, d]: [usize; 6]| {
        let config = json!({"frames": frames, "patch": patch, "order": order});
        let sizes = [("batch", b), ("time", t), ("height", h), ("width", w), ("channels", c), ("d", d)];
        Row::new(format!("patch.{name}"), "tubelet", "eq-2.10-tubelet", config).sizes(&sizes)
    };
    vec![
        image("image.chw", 4, "chw", [2, 8, 12, 3, 8]).smoke(),
        image("image.hwc", 4, "hwc", [2, 8, 12, 3, 8]),
        image("image.square", 4, "chw", [2, 12, 12, 3, 8]),
        image("image.one_patch", 5, "chw", [2, 5, 5, 2, 7]).regimes(&["normal", "len1"]),
        image("image.odd", 3, "hwc", [1, 9, 15, 1, 9]).regimes(&["normal", "odd"]),
        image("image.g24", 4, "chw", [1, 8, 8, 3, 8]).g24(),
        video("tubelet.chw", 2, 4, "chw", [2, 4, 8, 8, 3, 8]),
        video("tubelet.hwc", 2, 4, "hwc", [1, 4, 8, 12, 3, 8]),
        video("tubelet.frame", 1, 4, "chw", [1, 3, 8, 8, 2, 8]).regimes(&["normal", "len1"]),
        video("tubelet.odd", 3, 3, "hwc", [1, 9, 9, 3, 1, 7]).regimes(&["normal", "odd"]),
    ]
}

fn roi_rows() -> Vec<Row> {
    let roi = |name: &str, scale: f64, output: [usize; 2], sampling: Value, aligned: bool| {
        let config = json!({"scale": scale, "output": output, "sampling": sampling, "aligned": aligned});
        let sizes = [("batch", 2), ("channels", 3), ("height", 8), ("width", 12), ("boxes", 5)];
        Row::new(format!("roi.{name}"), "roi_align", "eq-2.2-roialign", config).sizes(&sizes)
    };
    vec![
        roi("align.aligned", 0.25, [3, 3], json!(2), true).smoke(),
        roi("align.unaligned", 0.25, [3, 3], json!(2), false),
        roi("align.one_sample", 0.25, [2, 3], json!(1), true),
        roi("align.adaptive", 0.25, [2, 2], json!(null), true),
        roi("align.tiny", 0.25, [2, 2], json!(2), true).regimes(&["tiny"]),
        roi("align.tiny_unaligned", 0.25, [2, 2], json!(2), false).regimes(&["tiny"]),
        Row::new("roi.geometry.normal", "region_geometry", "eq-2.3-geometry", json!({}))
            .sizes(&[("batch", 2), ("boxes", 7)]),
        Row::new("roi.embedding.normal", "region_embedding", "eq-2.3-region-embedding", json!({"eps": 1e-5}))
            .sizes(&[("n", 7), ("dv", 12), ("d", 8)]),
        Row::new("roi.embedding.odd", "region_embedding", "eq-2.3-region-embedding", json!({"eps": 1e-5}))
            .sizes(&[("n", 17), ("dv", 33), ("d", 9)])
            .regimes(&["normal", "odd"]),
    ]
}

fn conv_rows() -> Vec<Row> {
    let plane = [("batch", 2), ("channels", 4), ("height", 7), ("width", 9), ("out", 6)];
    let clip = [("batch", 1), ("channels", 3), ("time", 4), ("height", 6), ("width", 5), ("out", 4)];
    let conv = |name: &str, kernel: Value, stride: Value, padding: Value, dilation: Value, groups: usize| {
        let config = json!({"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
            "groups": groups});
        Row::new(format!("conv.{name}"), "conv", "eq-0.10-convolution", config)
    };
    let pool =
        |name: &str, op, equation, config: Value| Row::new(format!("conv.{name}"), op, equation, config);
    let window = json!({"kernel": [3, 2], "stride": [2, 2], "padding": [1, 0], "divisor": "inside"});
    let box_ = json!({"kernel": [2, 2, 2], "stride": [2, 2, 2], "padding": [0, 0, 0], "divisor": "window"});
    vec![
        conv("plane.normal", json!([3, 3]), json!([1, 1]), json!([1, 1]), json!([1, 1]), 1)
            .sizes(&plane)
            .smoke(),
        conv("plane.strided", json!([3, 2]), json!([2, 1]), json!([1, 0]), json!([1, 2]), 2).sizes(&plane),
        conv("plane.pointwise", json!([1, 1]), json!([1, 1]), json!([0, 0]), json!([1, 1]), 1).sizes(&plane),
        conv("clip.normal", json!([3, 3, 3]), json!([1, 2, 2]), json!([1, 1, 1]), json!([1, 1, 1]), 1)
            .sizes(&clip),
        pool("max.plane", "max_pool", "eq-0.10-max-pool", window.clone()).sizes(&plane),
        pool("max.clip", "max_pool", "eq-0.10-max-pool", box_.clone()).sizes(&clip),
        pool("avg.plane", "avg_pool", "eq-0.10-avg-pool", window).sizes(&plane),
        pool("avg.clip", "avg_pool", "eq-0.10-avg-pool", box_).sizes(&clip),
    ]
}
