//! Evidence for `eq-2.7-graph-autoencoder`.

use mmt_golden::Cases;
use mmt_objectives::{edge_weight, graph_autoencoder, graph_autoencoder_backward};
use mmt_tensor::ops::{Reduction, binary_cross_entropy, matmul};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, Axis, arr0};

use crate::{Property, properties};

/// A path over `n` nodes.
fn path(n: usize) -> Array2<bool> {
    Array2::from_shape_fn((n, n), |(i, j)| i.abs_diff(j) == 1)
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let z: Array2<f64> = ramp(1, (4, 2));
    let (loss, tape) = graph_autoencoder(&z, &path(4), 2.0).unwrap();
    assert_printed(loss, "1.503841909470");
    let dz = graph_autoencoder_backward(&tape, &path(4), 2.0, 1.0);
    assert_sums(&dz, "-0.02854163702", "-0.3664128401");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let z: Array2<Dual> = ramp(1, (5, 3));
    // Edges in one direction only: the gradient must not take the matrix for symmetric.
    let edges = Array2::from_shape_fn((5, 5), |(i, j)| (2 * i + 3 * j) % 5 < 2);
    check_backward(
        &z,
        |z| Ok(graph_autoencoder(z, &edges, 1.5)?.0),
        |z, &dl| {
            let (_, tape) = graph_autoencoder(z, &edges, 1.5).expect("a valid point");
            graph_autoencoder_backward(&tape, &edges, 1.5, dl)
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    nodes_at_the_origin_know_nothing,
    with_weight_one_it_is_the_cross_entropy_of_the_products,
    edges_and_other_pairs_can_weigh_the_same,
    the_order_of_the_nodes_does_not_matter,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<bool>) {
    let (n, d) = (2 + random.below(6), 1 + random.below(5));
    let mut edges = random.keep((n, n), 0.5);
    (edges[(0, 1)], edges[(1, 0)]) = (true, false);
    (random.uniform((n, d), 2.0), edges)
}

fn run(z: &Array2<f64>, edges: &Array2<bool>, weight: f64) -> f64 {
    graph_autoencoder(z, edges, weight).unwrap().0
}

fn nodes_at_the_origin_know_nothing(random: &mut Random) {
    let (z, edges) = draw(random);
    let loss = run(&Array2::zeros(z.dim()), &edges, 1.0);
    assert_close(&loss, &std::f64::consts::LN_2, 1e-14);
}

fn with_weight_one_it_is_the_cross_entropy_of_the_products(random: &mut Random) {
    let (z, edges) = draw(random);
    let target = edges.mapv(|edge| f64::from(u8::from(edge)));
    let expected = binary_cross_entropy(&matmul(&z, &z.t()), &target, Reduction::Mean).unwrap();
    assert_close(&run(&z, &edges, 1.0), &expected, 1e-13);
}

/// At the origin, where every pair costs the same, edges then cost as much as the rest.
fn edges_and_other_pairs_can_weigh_the_same(random: &mut Random) {
    let (z, edges) = draw(random);
    let weight = edge_weight(&edges).unwrap();
    let origin = Array2::zeros(z.dim());
    let total = run(&origin, &edges, weight) * edges.len() as f64;
    let others = edges.iter().filter(|&&edge| !edge).count() as f64;
    assert_close(&total, &(2.0 * others * std::f64::consts::LN_2), 1e-12);
}

fn the_order_of_the_nodes_does_not_matter(random: &mut Random) {
    let (z, edges) = draw(random);
    let order = random.permutation(z.nrows());
    let moved = edges.select(Axis(0), &order).select(Axis(1), &order);
    assert_close(&run(&z.select(Axis(0), &order), &moved, 1.5), &run(&z, &edges, 1.5), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, edges): (Array2<R>, _) = (ramp(1, (4, 2)), path(4));
    let (loss, tape) = graph_autoencoder(&z, &edges, 2.0)?;
    let dz = graph_autoencoder_backward(&tape, &edges, 2.0, R::of(1.0));
    (cases.case("graph-autoencoder.path.ramp").input("z", &z).mask("edges", &edges))
        .act("scores", &tape.scores)
        .loss("loss", &arr0(loss))
        .grad_in("z", &dz);
    Ok(())
}
