//! Boxes in pictures.

use super::attention::Names;
use crate::{Array, Bug, Run, Tape};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "roi_align" => roi_align(run)?,
        "region_geometry" => region_geometry(run)?,
        "region_embedding" => region_embedding(run)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// How boxes are sampled.
struct Grid {
    scale: f64,
    output: Vec<usize>,
    sampling: Option<usize>,
    aligned: bool,
}

/// A sample along one axis: two cells and their weights, or nothing outside the map.
type Tap = Option<[(usize, f64); 2]>;

fn roi_align(run: &mut Run) -> Result<(), String> {
    let features = run.input("features")?;
    let boxes = run.numbers("in/boxes")?;
    let sampling = run.setting("sampling").as_u64().map(|n| n as usize);
    let (scale, output) = (run.num("scale")?, run.list("output")?);
    let grid = Grid { scale, output, sampling, aligned: run.on("aligned") };
    let [_, channels, rows, columns] = run.tape.shape(features)[..] else {
        return Err("a map has four axes".to_string());
    };
    let [high, wide] = grid.output[..] else { return Err("an output has two sizes".to_string()) };
    let mut entries = Vec::new();
    for (n, b) in boxes.data.chunks(5).enumerate() {
        let (x, y) = if run.tape.has(Bug::RoiYx) {
            ([b[2], b[4]], [b[1], b[3]])
        } else {
            ([b[1], b[3]], [b[2], b[4]])
        };
        let down = taps(&run.tape, &grid, y, high, rows);
        let right = taps(&run.tape, &grid, x, wide, columns);
        for c in 0..channels {
            let plane = (b[0] as usize * channels + c) * rows * columns;
            for bin in 0..high * wide {
                let out = (n * channels + c) * high * wide + bin;
                let cells = samples(&run.tape, &down[bin / wide], &right[bin % wide], columns);
                entries.extend(cells.into_iter().map(|(cell, w)| (out, plane + cell, w)));
            }
        }
    }
    let y = run.tape.weighted(features, &[boxes.rows(), channels, high, wide], entries);
    run.out("y", y);
    Ok(())
}

/// The cells of a bin and the weight of each.
fn samples(t: &Tape, down: &[Tap], right: &[Tap], columns: usize) -> Vec<(usize, f64)> {
    let a = t.arithmetic();
    let count = if t.has(Bug::RoiSum) { 1.0 } else { (down.len() * right.len()) as f64 };
    let mut list = Vec::new();
    for y in down.iter().flatten() {
        for x in right.iter().flatten() {
            let (y, x) = if t.has(Bug::RoiXySwapped) {
                ([(y[0].0, x[0].1), (y[1].0, x[1].1)], [(x[0].0, y[0].1), (x[1].0, y[1].1)])
            } else {
                (*y, *x)
            };
            for (row, u) in y {
                list.extend(x.iter().map(|(column, w)| (row * columns + column, a.r(a.r(u * w) / count))));
            }
        }
    }
    list
}

/// The samples of every bin along one axis, from edge to edge of a box.
fn taps(t: &Tape, grid: &Grid, [low, high]: [f64; 2], bins: usize, size: usize) -> Vec<Vec<Tap>> {
    let a = t.arithmetic();
    let half = if grid.aligned && !t.has(Bug::RoiNoHalf) { 0.5 } else { 0.0 };
    let edge = |x: f64| {
        let x = a.r(a.r(grid.scale * x) - half);
        if t.has(Bug::RoiRound) { x.round() } else { x }
    };
    let (start, end) = (edge(low), edge(high));
    let length = a.r(end - start);
    let wide = !grid.aligned || t.has(Bug::RoiForce1x1);
    let length = if wide { length.max(1.0) } else { length };
    let adaptive = a.r(length / bins as f64).ceil().max(1.0) as usize;
    let samples = if t.has(Bug::RoiSr1) { 1 } else { grid.sampling.unwrap_or(adaptive) };
    let bin = a.r(length / bins as f64);
    let at = |p: usize, i: usize| {
        let inside = a.r(bin * a.r((i as f64 + 0.5) / samples as f64));
        a.r(a.r(start + a.r(bin * p as f64)) + inside)
    };
    (0..bins).map(|p| (0..samples).map(|i| tap(t, at(p, i), size)).collect()).collect()
}

fn tap(t: &Tape, v: f64, size: usize) -> Tap {
    if v < -1.0 || v > size as f64 {
        return None;
    }
    let v = v.max(0.0);
    let low = v.floor() as usize;
    if low + 1 >= size {
        return Some([(size - 1, 1.0), (size - 1, 0.0)]);
    }
    let rest = t.arithmetic().r(v - low as f64);
    Some([(low, t.arithmetic().r(1.0 - rest)), (low + 1, rest)])
}

/// Corners and area of every box as shares of its image.
fn region_geometry(run: &mut Run) -> Result<(), String> {
    let (boxes, sizes) = (run.numbers("in/boxes")?, run.numbers("in/sizes")?);
    let a = *run.tape.arithmetic();
    let mut g = Vec::new();
    for b in boxes.data.chunks(5) {
        let image = b[0] as usize;
        let [w, h] = [sizes.data[2 * image], sizes.data[2 * image + 1]];
        let [w, h] = if run.tape.has(Bug::BoxPixels) { [1.0, 1.0] } else { [w, h] };
        let b = if run.tape.has(Bug::RoiYx) {
            [b[0], b[2], b[1], b[4], b[3]]
        } else {
            [b[0], b[1], b[2], b[3], b[4]]
        };
        let share = |x: f64, size: f64| a.r(x / size).clamp(0.0, if size == 1.0 { f64::MAX } else { 1.0 });
        let [x1, y1, x2, y2] = [share(b[1], w), share(b[2], h), share(b[3], w), share(b[4], h)];
        g.extend([x1, y1, x2, y2, a.r(a.r(x2 - x1) * a.r(y2 - y1))]);
    }
    run.extra("out/g", Array::new(&[boxes.rows(), 5], g));
    Ok(())
}

/// The norm of the sum of two projections: of features and of geometry.
fn region_embedding(run: &mut Run) -> Result<(), String> {
    let [v, g] = [run.input("v")?, run.input("g")?];
    let names = Names::plain("");
    let [features, geometry] = [run.project(v, &names, "feature")?, run.project(g, &names, "geometry")?];
    let sum = if run.tape.has(Bug::RegionNoGeometry) { features } else { run.tape.add(features, geometry) };
    let affine = Some((run.param("norm.gamma")?, run.param("norm.beta")?));
    let normed = run.tape.layer_norm(sum, affine, run.num("eps")?);
    run.out("x", normed.y);
    run.extra("act/mean", normed.mean);
    run.extra("act/rstd", normed.rstd);
    Ok(())
}
