//! Patches of images and videos.

use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding};
use mmt_tokenizers::video::{Tubelet, TubeletEmbedding};
use serde_json::json;

use crate::shapes::rows_of;

pub const OPS: &[Op] = &[op!(patch), op!(tubelet)];

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

/// The cases.
pub fn rows() -> Vec<Row> {
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
