//! Evidence for `eq-5-visual-cost`.

use mmt_fusion::topology::{Sizes, block_flops};
use mmt_golden::Cases;
use mmt_tensor::testing::assert_printed;
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use mmt_tokenizers::image::{
    GridEmbedding, Order, PatchEmbedding, RegionEmbedding, RegionFeatures, VisualKind, visual_cost,
};
use ndarray::{Array1, Array4, array};

use crate::{Property, properties};

/// Numbers of the specification, section 5.2: 200 patches of ViLT cost 0.944 GFLOP, 2.2 percent of its twelve layers over 240
/// tokens, which cost 42.9.
pub fn forward() {
    let embed = visual_cost(&VisualKind::Patch { patch: 32 }, [320, 640, 3], 768);
    assert_eq!((embed.tokens, embed.parameters), (200, (3072 + 1) * 768));
    assert_printed(embed.flops as f64 / 1e9, "0.944");
    let base = Sizes { width: 768, heads: 12, hidden: 3072 };
    let rows = Ragged::one(240);
    let layers = 12 * block_flops(&base, (768, 768), &rows, &rows);
    assert_printed(layers as f64 / 1e9, "42.9");
    assert_printed(100.0 * embed.flops as f64 / layers as f64, "2.2");
    // By hand: 4 x 4 pixels, one stage of 2 channels leaves 2 x 2 cells.
    let widths = vec![2];
    let grid = visual_cost(&VisualKind::Grid { widths: widths.clone() }, [4, 4, 3], 5);
    let network = 2 * 4 * (9 * 3 * 2 + 2 * 9 * 2 * 2);
    assert_eq!((grid.tokens, grid.flops), (4, network + 2 * 4 * 2 * 5));
    let region = visual_cost(&VisualKind::Region { widths, boxes: 3 }, [4, 4, 3], 5);
    assert_eq!((region.tokens, region.flops), (3, network + 2 * 3 * (2 + 5) * 5));
}

/// A count has no gradient.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    parameters_are_those_of_the_modules,
    operations_are_those_of_every_weight_at_every_place,
    patches_of_one_size_cost_the_same_however_they_lie,
];

fn draw(random: &mut Random) -> (Vec<usize>, [usize; 3], usize) {
    let widths = (0..1 + random.below(3)).map(|_| 1 + random.below(4)).collect();
    (widths, [1 + random.below(12), 1 + random.below(12), 3], 1 + random.below(6))
}

fn numbers(module: &impl Tree<f64>) -> usize {
    module.arrays().iter().map(|(_, a)| a.len()).sum()
}

fn parameters_are_those_of_the_modules(random: &mut Random) {
    let (widths, size, d) = draw(random);
    let patch = VisualKind::Patch { patch: 2 };
    let own = PatchEmbedding::<f64>::new(2, 3, d, Order::Hwc, random);
    assert_eq!(visual_cost(&patch, size, d).parameters, numbers(&own));
    let grid = VisualKind::Grid { widths: widths.clone() };
    assert_eq!(
        visual_cost(&grid, size, d).parameters,
        numbers(&GridEmbedding::<f64>::new(&widths, d, random))
    );
    let features = RegionFeatures::<f64>::new(&widths, random);
    let embedding = RegionEmbedding::<f64>::new(*widths.last().unwrap(), d, 1e-12, random);
    let region = VisualKind::Region { widths, boxes: 4 };
    assert_eq!(visual_cost(&region, size, d).parameters, numbers(&features) + numbers(&embedding));
}

fn operations_are_those_of_every_weight_at_every_place(random: &mut Random) {
    let (widths, size, d) = draw(random);
    let module = GridEmbedding::<f64>::new(&widths, d, random);
    let mut map = Array4::zeros((1, 3, size[0], size[1]));
    let mut flops = 0;
    for stage in &module.stages {
        let h = stage.down.forward(&map).unwrap().0;
        let places = h.dim().2 * h.dim().3;
        let weights =
            stage.down.weight.len() + stage.block.units.iter().map(|u| u.weight.len()).sum::<usize>();
        flops += 2 * places * weights;
        map = stage.block.forward(&h).unwrap().0;
    }
    flops += 2 * map.dim().2 * map.dim().3 * module.project.weight.len();
    assert_eq!(visual_cost(&VisualKind::Grid { widths }, size, d).flops, flops as u128);
}

fn patches_of_one_size_cost_the_same_however_they_lie(random: &mut Random) {
    let (p, d, a, b) = (1 + random.below(4), 1 + random.below(8), 1 + random.below(5), 1 + random.below(5));
    let cost = |h, w| visual_cost(&VisualKind::Patch { patch: p }, [h * p, w * p, 3], d);
    assert_eq!(cost(a, b), cost(b, a));
    assert_eq!(cost(a, b), cost(1, a * b));
}

/// Golden cases: tokens, parameters and operations of three kinds over one picture.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let widths = vec![8, 16];
    let kinds = [
        VisualKind::Region { widths: widths.clone(), boxes: 4 },
        VisualKind::Grid { widths },
        VisualKind::Patch { patch: 4 },
    ];
    let size = array![24, 24, 3];
    let case = cases.case("vilt.cost").ids("size", &size).ids("width", &array![32]);
    for (name, kind) in ["region", "grid", "patch"].into_iter().zip(kinds) {
        let cost = visual_cost(&kind, [24, 24, 3], 32);
        let counts: Array1<R> =
            array![cost.tokens as f64, cost.parameters as f64, cost.flops as f64].mapv(R::of);
        case.out(name, &counts);
    }
    Ok(())
}
