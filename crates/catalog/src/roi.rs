//! Regions of images.

use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};
use mmt_tokenizers::image::{self, ImageBox, RegionEmbedding, RoiAlign, Sampling};
use serde_json::{Value, json};

use crate::shapes::keep_moments;

pub const OPS: &[Op] = &[op!(roi_align), op!(region_geometry), op!(region_embedding)];

/// Rectangles as rows of image, left, top, right and bottom; whole sixteenths of a pixel.
fn boxes<R: Real>(run: &mut Run<R>, count: usize, images: usize, [height, width]: [f64; 2]) -> Vec<ImageBox> {
    let drawn = run.ids("box_corners", &[count, 4], 1 << 10);
    run.arrays.pop();
    let mut list = vec![];
    for (i, r) in drawn.chunks(4).enumerate() {
        let side = |low: usize, high: usize, size: f64| {
            let low = 0.125 + low as f64 / 1024.0 * size * 0.75;
            let length = if run.is("tiny") {
                0.25
            } else {
                (size - 0.25 - low) * (0.125 + 0.875 * high as f64 / 1024.0)
            };
            let round = |x: f64| (x * 16.0).round() / 16.0;
            (round(low), (round(low) + round(length).max(0.0625)).min(size - 0.125))
        };
        let ((x1, x2), (y1, y2)) = (side(r[0], r[2], width), side(r[1], r[3], height));
        list.push(ImageBox { image: i % images, corners: [x1, y1, x2, y2] });
    }
    let numbers: Vec<f64> =
        list.iter().flat_map(|b| std::iter::once(b.image as f64).chain(b.corners)).collect();
    let stored = run.known("in/boxes", (count, 5), &numbers);
    // A sample computes with corners that are off, as a program has them.
    for (b, row) in list.iter_mut().zip(stored.rows()) {
        b.image = row[0].to_f64().round() as usize;
        b.corners = [1, 2, 3, 4].map(|i| row[i].to_f64());
    }
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
    let sizes = run.known("in/sizes", (b, 2), &[128.0, 96.0].repeat(b));
    let sizes: Vec<[f64; 2]> =
        sizes.rows().into_iter().map(|row| [row[0].to_f64(), row[1].to_f64()]).collect();
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

/// The cases.
pub fn rows() -> Vec<Row> {
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
