//! Three ways from a picture to tokens, side by side on the data set `scenes`: regions, grids, patches.

use std::time::Instant;

use mmt_tensor::{Random, Result};
use mmt_tokenizers::image::{
    GridEmbedding, ImageBox, Order, PatchEmbedding, RegionEmbedding, RegionFeatures, VisualCost, VisualKind,
    region_geometry, visual_cost,
};
use ndarray::{Array4, Axis, concatenate};

use crate::data::digits::Part;
use crate::data::scenes::{CANVAS, Scene};

/// Width of a token.
const WIDTH: usize = 32;
/// Channels of the network after each of its stages.
const WIDTHS: [usize; 2] = [8, 16];
/// Rows and columns of a patch: as many tokens as the network has cells.
const PATCH: usize = 4;
/// Pictures at a time.
const SCENES: usize = 64;

/// One way.
#[derive(Clone, Debug, PartialEq)]
pub struct VisualStudy {
    /// `region`, `grid` or `patch`
    pub name: &'static str,
    /// Tokens of all pictures together; scenes have as many regions as digits.
    pub tokens: usize,
    /// Of one picture with the mean number of regions, rounded.
    pub cost: VisualCost,
    /// Of a picture, the best of several calls on all of them: milliseconds.
    pub milliseconds: f64,
}

/// How many pictures a study looks at.
pub const fn scenes() -> usize {
    SCENES
}

/// Makes the tokens of the same scenes in three ways.
///
/// # Errors
/// Those of the layers.
pub fn visual_study(seed: u64) -> Result<Vec<VisualStudy>> {
    let random = &mut Random::seed(seed);
    let scenes: Vec<Scene> = (0..SCENES).map(|_| Scene::draw(Part::Train, random)).collect();
    let (gray, boxes) = (pictures(&scenes), boxes(&scenes));
    // The network reads colors: the gray picture three times.
    let planes = gray.view().permuted_axes([0, 3, 1, 2]);
    let planes: Array4<f32> =
        concatenate(Axis(1), &[planes, planes, planes]).expect("one shape").as_standard_layout().into_owned();
    let colors = planes.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    let regions = (boxes.len() as f64 / SCENES as f64).round() as usize;

    let features = RegionFeatures::<f32>::new(&WIDTHS, random);
    let region = RegionEmbedding::new(WIDTHS[1], WIDTH, 1e-12, random);
    let geometry = region_geometry(&boxes, &vec![[CANVAS as f64; 2]; SCENES])?;
    let grid = GridEmbedding::<f32>::new(&WIDTHS, WIDTH, random);
    let patch = PatchEmbedding::<f32>::new(PATCH, 3, WIDTH, Order::Hwc, random);
    let kinds = [
        VisualKind::Region { widths: WIDTHS.to_vec(), boxes: regions },
        VisualKind::Grid { widths: WIDTHS.to_vec() },
        VisualKind::Patch { patch: PATCH },
    ];
    let runs: [(&str, Box<dyn Fn() -> Result<usize>>); 3] = [
        (
            "region",
            Box::new(move || Ok(region.forward(&features.forward(&planes, &boxes)?.0, &geometry)?.0.nrows())),
        ),
        ("grid", {
            let planes = colors.view().permuted_axes([0, 3, 1, 2]).as_standard_layout().into_owned();
            Box::new(move || Ok(grid.forward(&planes)?.0.nrows()))
        }),
        ("patch", Box::new(move || Ok(patch.forward(&colors)?.0.nrows()))),
    ];
    let mut studies = vec![];
    for ((name, run), kind) in runs.into_iter().zip(kinds) {
        let (tokens, seconds) = best(&*run)?;
        let cost = visual_cost(&kind, [CANVAS, CANVAS, 3], WIDTH);
        studies.push(VisualStudy { name, tokens, cost, milliseconds: 1e3 * seconds / SCENES as f64 });
    }
    Ok(studies)
}

/// The shortest of twenty calls, after one that is not counted.
fn best(run: &dyn Fn() -> Result<usize>) -> Result<(usize, f64)> {
    let (tokens, mut seconds) = (run()?, f64::INFINITY);
    for _ in 0..20 {
        let start = Instant::now();
        run()?;
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    Ok((tokens, seconds))
}

/// `[SCENES, 24, 24, 1]`
fn pictures(scenes: &[Scene]) -> Array4<f32> {
    let all: Vec<_> = scenes.iter().map(|scene| scene.image::<f32>()).collect();
    let views: Vec<_> = all.iter().map(|picture| picture.view()).collect();
    ndarray::stack(Axis(0), &views).expect("canvases of one size")
}

fn boxes(scenes: &[Scene]) -> Vec<ImageBox> {
    let of = |(image, scene): (usize, &Scene)| {
        let digits = scene.digits.clone();
        digits
            .into_iter()
            .map(move |digit| ImageBox { image, corners: digit.bounds().map(|edge| edge as f64) })
    };
    scenes.iter().enumerate().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_need_the_fewest_operations_for_as_many_tokens_as_a_grid() {
        let studies = visual_study(1).unwrap();
        let [region, grid, patch] = &studies[..] else { panic!("{studies:?}") };
        assert_eq!((grid.tokens, patch.tokens, patch.cost.tokens), (SCENES * 36, SCENES * 36, 36));
        assert!(region.tokens >= SCENES && region.tokens <= 4 * SCENES);
        assert!(7 * patch.cost.flops < grid.cost.flops && 7 * patch.cost.flops < region.cost.flops);
        assert!(studies.iter().all(|study| study.milliseconds > 0.0));
    }
}
