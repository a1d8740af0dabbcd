//! Evidence for `eq-2.3-global-region`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_backward, ramp};
use mmt_tensor::{Dual, Ragged, Random, Real, Result};
use mmt_tokenizers::image::{GlobalMean, rows_with_global, with_global_region, with_global_region_backward};
use ndarray::{Array1, Array2, Axis, array, s};

use crate::{Property, properties};

/// By hand: three regions, the second hidden and overlapping the third, and then an image with one region. The three
/// means divide the same sum by two, by three and by one.
pub fn forward() {
    let v = array![[3.0, 6.0], [100.0, 200.0], [9.0, 12.0], [5.0, 7.0]];
    let (g, rows) = (Array2::from_elem((4, 5), 0.5), Ragged::of_lengths([3, 1]));
    let hidden = [false, true, false, false];
    let overlaps = vec![false, true, true, false];
    for (mean, want) in [
        (GlobalMean::Visible, [6.0, 9.0]),
        (GlobalMean::All, [4.0, 6.0]),
        (GlobalMean::Clear(overlaps), [12.0, 18.0]),
    ] {
        let (v_all, g_all) = with_global_region(&v, &g, &rows, &hidden, &mean).unwrap();
        let rows = [want, [3.0, 6.0], [0.0, 0.0], [9.0, 12.0], [5.0, 7.0], [5.0, 7.0]];
        assert_close(&v_all, &ndarray::arr2(&rows), 1e-14);
        let whole = ndarray::arr1(&[0.0, 0.0, 1.0, 1.0, 1.0]);
        assert!(g_all.row(0) == whole && g_all.row(4) == whole);
        assert_eq!(g_all.select(Axis(0), &[1, 2, 3, 5]), g);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (rows, g) = (Ragged::of_lengths([3, 2]), Array2::from_elem((5, 5), Dual::of(0.5)));
    let hidden = [false, true, false, false, false];
    let overlaps = vec![true, true, false, false, false];
    for mean in [GlobalMean::Visible, GlobalMean::All, GlobalMean::Clear(overlaps)] {
        check_backward(
            &ramp::<Dual, _>(1, (5, 3)),
            |v| Ok(with_global_region(v, &g, &rows, &hidden, &mean)?.0),
            |_, dv| with_global_region_backward(dv, &rows, &hidden, &mean),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_hidden_regions_the_three_means_are_one,
    hidden_regions_do_not_matter,
    the_order_of_regions_does_not_matter_to_the_image,
    hiding_a_region_like_the_mean_keeps_the_mean,
    images_do_not_mix,
];

struct Drawn {
    v: Array2<f64>,
    g: Array2<f64>,
    rows: Ragged,
    /// Never all regions of an image.
    hidden: Vec<bool>,
}

fn draw(random: &mut Random) -> Drawn {
    let rows = Ragged::of_lengths((0..1 + random.below(3)).map(|_| 1 + random.below(4)));
    let hidden = rows.lengths().flat_map(|n| {
        let seen = random.below(n);
        let hidden: Vec<bool> = (0..n).map(|i| i != seen && random.below(2) == 0).collect();
        hidden
    });
    let hidden = hidden.collect();
    let n = rows.tokens();
    Drawn { v: random.uniform((n, 3), 2.0), g: random.uniform((n, 5), 0.5), rows, hidden }
}

fn run(drawn: &Drawn, mean: &GlobalMean) -> Array2<f64> {
    with_global_region(&drawn.v, &drawn.g, &drawn.rows, &drawn.hidden, mean).unwrap().0
}

/// The rows of the images.
fn globals(drawn: &Drawn, mean: &GlobalMean) -> Array2<f64> {
    let starts: Vec<usize> = rows_with_global(&drawn.rows).ranges().map(|range| range.start).collect();
    run(drawn, mean).select(Axis(0), &starts)
}

fn without_hidden_regions_the_three_means_are_one(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.hidden.fill(false);
    let want = run(&drawn, &GlobalMean::Visible);
    assert_eq!(run(&drawn, &GlobalMean::All), want);
    assert_eq!(run(&drawn, &GlobalMean::Clear(drawn.hidden.clone())), want);
    for (range, global) in drawn.rows.ranges().zip(globals(&drawn, &GlobalMean::Visible).rows()) {
        let (n, sum) = (range.len() as f64, drawn.v.slice(s![range, ..]));
        let mean: Array1<f64> = sum.columns().into_iter().map(|c| c.iter().sum::<f64>() / n).collect();
        assert_close(&global.to_owned(), &mean, 1e-14);
    }
}

fn hidden_regions_do_not_matter(random: &mut Random) {
    let drawn = draw(random);
    let mut other = Drawn { v: drawn.v.clone(), g: drawn.g.clone(), rows: drawn.rows.clone(), ..drawn };
    let i = random.below(other.hidden.len());
    let want = run(&other, &GlobalMean::Visible);
    other.v.row_mut(i).fill(17.0);
    assert_eq!(run(&other, &GlobalMean::Visible) == want, other.hidden[i]);
}

fn the_order_of_regions_does_not_matter_to_the_image(random: &mut Random) {
    let n = 1 + random.below(6);
    let seen = random.below(n);
    let hidden: Vec<bool> = (0..n).map(|i| i != seen && random.below(2) == 0).collect();
    let (v, g) = (random.uniform((n, 3), 2.0), random.uniform((n, 5), 0.5));
    let order = random.permutation(n);
    let permuted = Drawn {
        v: v.select(Axis(0), &order),
        g: g.select(Axis(0), &order),
        rows: Ragged::one(n),
        hidden: order.iter().map(|&i| hidden[i]).collect(),
    };
    let drawn = Drawn { v, g, rows: Ragged::one(n), hidden };
    for mean in [GlobalMean::Visible, GlobalMean::All] {
        assert_close(&globals(&permuted, &mean), &globals(&drawn, &mean), 1e-14);
    }
}

/// With the mean of the visible regions; that over all of them shrinks by the share of what is hidden.
fn hiding_a_region_like_the_mean_keeps_the_mean(random: &mut Random) {
    let n = 2 + random.below(4);
    let one: Array2<f64> = random.uniform((1, 3), 2.0);
    let v = one.broadcast((n, 3)).unwrap().to_owned();
    let mut hidden = vec![false; n];
    hidden[random.below(n)] = true;
    let drawn = Drawn { v, g: Array2::zeros((n, 5)), rows: Ragged::one(n), hidden };
    assert_close(&globals(&drawn, &GlobalMean::Visible), &one, 1e-14);
    let shrunk = &one * ((n - 1) as f64 / n as f64);
    assert_close(&globals(&drawn, &GlobalMean::All), &shrunk, 1e-14);
}

fn images_do_not_mix(random: &mut Random) {
    let drawn = draw(random);
    let all = run(&drawn, &GlobalMean::Visible);
    let sample = random.below(drawn.rows.samples());
    let range = drawn.rows.range(sample);
    let alone = Drawn {
        v: drawn.v.slice(s![range.clone(), ..]).to_owned(),
        g: drawn.g.slice(s![range.clone(), ..]).to_owned(),
        rows: Ragged::one(range.len()),
        hidden: drawn.hidden[range].to_vec(),
    };
    let to = rows_with_global(&drawn.rows).range(sample);
    assert_eq!(all.slice(s![to, ..]), run(&alone, &GlobalMean::Visible));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (v, g, rows): (Array2<R>, Array2<R>, _) =
        (ramp(1, (5, 3)), Array2::from_elem((5, 5), R::of(0.5)), Ragged::of_lengths([3, 2]));
    let hidden = [false, true, false, false, false];
    for (name, mean) in [("visible", GlobalMean::Visible), ("all", GlobalMean::All)] {
        let (v_all, g_all) = with_global_region(&v, &g, &rows, &hidden, &mean)?;
        let dv_all = ramp(2, v_all.dim());
        let dv = with_global_region_backward(&dv_all, &rows, &hidden, &mean);
        (cases.case(&format!("region.global.{name}")).input("v", &v).input("g", &g))
            .ids("lengths", &Array1::from(vec![3, 2]))
            .mask("hidden", &ndarray::arr1(&hidden))
            .out("v", &v_all)
            .out("g", &g_all)
            .cot("v", &dv_all)
            .grad_in("v", &dv);
    }
    Ok(())
}
