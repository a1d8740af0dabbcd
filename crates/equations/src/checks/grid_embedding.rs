//! Evidence for `eq-5-grid-embed`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_module, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::image::{GridEmbedding, Stage};
use ndarray::{Array2, Array4, Axis, s};

use crate::{Property, properties};

fn module<R: Real>(widths: &[usize], d: usize) -> GridEmbedding<R> {
    shake(&GridEmbedding::new(widths, d, &mut Random::seed(1)), 2)
}

/// The map of the stages, cell by cell; the stages have evidence of their own (eq-0.10-convolution, eq-2.3-residual).
pub fn forward() {
    let (module, x): (_, Array4<f64>) = (module(&[3, 4], 5), ramp(1, (2, 3, 6, 8)));
    let (y, tape) = module.forward(&x).unwrap();
    let mut map = x;
    for Stage { down, block } in &module.stages {
        map = block.forward(&down.forward(&map).unwrap().0).unwrap().0;
    }
    assert_eq!((tape.map, map.dim()), ([2, 4, 2, 2], (2, 4, 2, 2)));
    for (i, r, c) in ndarray::indices((2, 2, 2)) {
        let mut row = module.project.bias.clone().unwrap();
        for channel in 0..4 {
            row.scaled_add(map[(i, channel, r, c)], &module.project.weight.row(channel));
        }
        assert_close(&y.row(4 * i + 2 * r + c).to_owned(), &row, 1e-12);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (module, x): (GridEmbedding<Dual>, Array4<Dual>) = (module(&[2, 3], 2), ramp(1, (2, 3, 4, 5)));
    check_module(&module, x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    an_image_does_not_feel_its_neighbors,
    tokens_are_the_cells_of_the_map,
    a_far_pixel_is_not_seen
];

fn draw(random: &mut Random) -> (GridEmbedding<f64>, Array4<f64>) {
    let widths = &[2, 3][..1 + random.below(2)];
    let [h, w] = [0; 2].map(|_| 1 + random.below(9));
    (module(widths, 2), random.uniform((2, 3, h, w), 1.0))
}

fn an_image_does_not_feel_its_neighbors(random: &mut Random) {
    let (module, x) = draw(random);
    let (y, _) = module.forward(&x).unwrap();
    let (alone, _) = module.forward(&x.slice(s![1.., .., .., ..])).unwrap();
    assert_eq!(y.slice(s![alone.nrows().., ..]), alone);
}

fn tokens_are_the_cells_of_the_map(random: &mut Random) {
    let (module, x) = draw(random);
    let (y, _) = module.forward(&x).unwrap();
    let half = |size: usize| (0..module.stages.len()).fold(size, |size, _| size.div_ceil(2));
    assert_eq!(y.nrows(), 2 * half(x.dim().2) * half(x.dim().3));
}

/// A stage sees eleven pixels at most: one with its neighbors, every second, and those around it twice.
fn a_far_pixel_is_not_seen(random: &mut Random) {
    let module = module(&[2], 2);
    let x: Array4<f64> = random.uniform((1, 3, 1, 24), 1.0);
    let mut other = x.clone();
    other.index_axis_mut(Axis(3), 20).fill(0.5);
    let (y, z): (Array2<f64>, Array2<f64>) =
        (module.forward(&x).unwrap().0, module.forward(&other).unwrap().0);
    assert_eq!(y.slice(s![..7, ..]), z.slice(s![..7, ..]));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, x): (GridEmbedding<R>, Array4<R>) = (module(&[2], 3), ramp(1, (1, 3, 4, 4)));
    let (y, tape) = module.forward(&x)?;
    let (dy, mut grad) = (ramp(2, y.dim()), module.zeros_like());
    let dx = module.backward(&tape, &dy, &mut grad);
    (cases.case("vilt.grid.ramp").input("images", &x).param("", &module).out("x", &y).cot("x", &dy))
        .grad_in("images", &dx)
        .grad_param("", &grad);
    Ok(())
}
