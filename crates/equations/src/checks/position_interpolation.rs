//! Evidence for `eq-1.27-position-interpolation`.

use mmt_blocks::{interpolate_positions, interpolate_positions_backward, resize_grid, resize_grid_backward};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::total;
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, Array3, s};

use crate::{Property, properties};

/// Numbers of the specification, section 8A.
pub fn forward() {
    let grid: Array3<f64> = ramp(1, (2, 2, 3));
    let resized = resize_grid(&grid, (3, 4)).unwrap();
    assert_sums(&resized, "-1.5", "-102");
    assert_sums(&resize_grid_backward((2, 2), &ramp::<f64, _>(2, (3, 4, 3))), "0.5", "8.75");
    // The same below a class row, which stays.
    let mut table = Array2::from_elem((5, 3), 7.0);
    table.slice_mut(s![1.., ..]).assign(&grid.into_shape_with_order((4, 3)).unwrap());
    let y = interpolate_positions(&table, (3, 4)).unwrap();
    assert_eq!(y.row(0), table.row(0));
    assert_eq!(y.slice(s![1.., ..]), resized.into_shape_with_order((12, 3)).unwrap());
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for (g, size) in [(2, (3, 4)), (3, (2, 1)), (1, (2, 2)), (4, (1, 3))] {
        let table: Array2<Dual> = qres(1, (1 + g * g, 3), 1.0);
        check_backward(
            &table,
            |table| interpolate_positions(table, size),
            |_, dy| interpolate_positions_backward(g, size, dy),
        );
    }
    // Grids that are not square.
    let grid: Array3<Dual> = qres(2, (2, 4, 3), 1.0);
    check_backward(&grid, |grid| resize_grid(grid, (5, 3)), |_, dy| resize_grid_backward((2, 4), dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_same_size_changes_nothing,
    a_constant_stays_constant,
    the_adjoint_is_exact,
    rows_then_columns_is_the_same,
    a_plane_stays_a_plane,
    the_class_row_is_kept,
];

fn draw(random: &mut Random) -> (Array3<f64>, (usize, usize)) {
    let mut size = || 1 + random.below(7);
    let (shape, to) = ((size(), size(), size()), (size(), size()));
    (random.uniform(shape, 2.0), to)
}

fn the_same_size_changes_nothing(random: &mut Random) {
    let (grid, _) = draw(random);
    let (h, w, _) = grid.dim();
    assert_eq!(resize_grid(&grid, (h, w)).unwrap(), grid);
    let g = 1 + random.below(5);
    let table: Array2<f64> = random.uniform((1 + g * g, 3), 1.0);
    assert_eq!(interpolate_positions(&table, (g, g)).unwrap(), table);
}

/// So the weights of every new position sum to one.
fn a_constant_stays_constant(random: &mut Random) {
    let (grid, size) = draw(random);
    let (h, w, d) = grid.dim();
    let constant = Array3::from_elem((h, w, d), 1.0);
    let resized = resize_grid(&constant, size).unwrap();
    assert_close(&resized, &Array3::from_elem((size.0, size.1, d), 1.0), 1e-15);
}

fn the_adjoint_is_exact(random: &mut Random) {
    let (grid, size) = draw(random);
    let (h, w, _) = grid.dim();
    let y = resize_grid(&grid, size).unwrap();
    let dy: Array3<f64> = random.uniform(y.dim(), 1.0);
    let left = total(&(&y * &dy));
    assert_close(&left, &total(&(&grid * &resize_grid_backward((h, w), &dy))), 1e-13);
}

fn rows_then_columns_is_the_same(random: &mut Random) {
    let (grid, (h, w)) = draw(random);
    let rows = resize_grid(&grid, (h, grid.dim().1)).unwrap();
    assert_close(&resize_grid(&rows, (h, w)).unwrap(), &resize_grid(&grid, (h, w)).unwrap(), 1e-14);
}

/// Values that grow along rows by one number and along columns by another: axes that are swapped show.
fn a_plane_stays_a_plane(random: &mut Random) {
    let (grid, (h, w)) = draw(random);
    let (g_h, g_w, _) = grid.dim();
    let (a, b) = (random.unit(), random.unit());
    let plane = |h: usize, w: usize, step: (f64, f64)| {
        Array3::from_shape_fn((h, w, 1), |(i, j, _)| a * i as f64 * step.0 - b * j as f64 * step.1)
    };
    let step = |g: usize, n: usize| (g - 1) as f64 / (n - 1).max(1) as f64;
    let resized = resize_grid(&plane(g_h, g_w, (1.0, 1.0)), (h, w)).unwrap();
    assert_close(&resized, &plane(h, w, (step(g_h, h), step(g_w, w))), 1e-13);
}

fn the_class_row_is_kept(random: &mut Random) {
    let (g, size) = (1 + random.below(4), (1 + random.below(4), 1 + random.below(4)));
    let mut table: Array2<f64> = random.uniform((1 + g * g, 3), 1.0);
    let y = interpolate_positions(&table, size).unwrap();
    assert_eq!((y.dim(), y.row(0)), ((1 + size.0 * size.1, 3), table.row(0)));
    table.row_mut(0).fill(1e3);
    let other = interpolate_positions(&table, size).unwrap();
    assert_eq!(other.slice(s![1.., ..]), y.slice(s![1.., ..]));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, size) in [("larger", (5, 4)), ("smaller", (2, 1))] {
        let table: Array2<R> = qres(1, (10, 4), 1.0);
        let y = interpolate_positions(&table, size)?;
        let dy = qres(2, y.dim(), 1.0);
        let dtable = interpolate_positions_backward(3, size, &dy);
        (cases.case(&format!("embed.interpolation.{name}")).input("table", &table).out("y", &y))
            .cot("y", &dy)
            .grad_in("table", &dtable);
    }
    Ok(())
}
