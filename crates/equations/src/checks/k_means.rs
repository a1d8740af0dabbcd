//! Evidence for `eq-2.9-k-means`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, ramp};
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::video::{Clusters, k_means, sample_centers};
use ndarray::{Array1, Array2, Axis, arr1, array};

use crate::{Property, properties};

/// By hand. From the first two points of 0, 1, 10, 11 the centers go to 0 and 22/3, then to 1/2 and 21/2; from 0, 100
/// and 200 two centers stay without points: one moves to 0, as far from the mean 11/2 as 11, the other to 1, which is
/// farthest from what is left around 22/3.
pub fn forward() {
    let x = array![[0.0], [1.0], [10.0], [11.0]];
    let found = k_means(&x, &array![[0.0], [1.0]], 20).unwrap();
    assert_eq!(found.centers, array![[0.5], [10.5]]);
    assert_eq!(found.nearest, [0, 0, 1, 1]);
    assert_close(&arr1(&found.objectives), &array![181.0, 1.0 + 185.0 / 9.0, 1.0], 1e-14);

    let found = k_means(&x, &array![[0.0], [100.0], [200.0]], 1).unwrap();
    assert_eq!(found.centers, array![[10.5], [0.0], [1.0]]);
    assert_eq!(found.nearest, [1, 2, 0, 0]);
    // A point in the middle goes to the first of two centers.
    let tie = k_means(&array![[0.0], [1.0], [2.0]], &array![[0.0], [2.0]], 1).unwrap();
    assert_eq!(tie.nearest, [0, 0, 1]);
}

/// An assignment is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    no_step_makes_the_objective_larger,
    every_point_is_with_its_nearest_center_in_the_end,
    centers_are_the_means_of_their_points,
    the_order_of_points_does_not_matter,
    distinct_points_that_are_centers_stay,
    clusters_far_apart_are_found,
];

/// Points on a coarse grid, so that there are ties, equal points and empty clusters.
fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let (n, d, k) = (8 + random.below(25), 1 + random.below(3), 2 + random.below(4));
    let mut x = Array2::from_shape_simple_fn((n, d), || random.below(4) as f64);
    // Enough distinct points for every k.
    for i in 0..k {
        x.row_mut(i).fill(10.0 + i as f64);
    }
    let start = if random.below(2) == 0 {
        sample_centers(&x, k, random).unwrap()
    } else {
        Array2::from_shape_simple_fn((k, d), || 40.0 * random.unit() - 20.0)
    };
    (x, start)
}

fn run(x: &Array2<f64>, start: &Array2<f64>) -> Clusters<f64> {
    k_means(x, start, 200).unwrap()
}

fn distance(x: &Array2<f64>, i: usize, c: &Array2<f64>, j: usize) -> f64 {
    x.row(i).iter().zip(c.row(j)).map(|(x, c)| (x - c) * (x - c)).sum()
}

fn no_step_makes_the_objective_larger(random: &mut Random) {
    let (x, start) = draw(random);
    let found = run(&x, &start);
    let steps = found.objectives.windows(2);
    assert!(steps.into_iter().all(|pair| pair[1] <= pair[0] * (1.0 + 1e-14)), "{:?}", found.objectives);
}

fn every_point_is_with_its_nearest_center_in_the_end(random: &mut Random) {
    let (x, start) = draw(random);
    let found = run(&x, &start);
    assert!(found.objectives.len() < 200, "it ends by itself");
    for (i, &j) in found.nearest.iter().enumerate() {
        for other in 0..start.nrows() {
            let (own, other_one) =
                (distance(&x, i, &found.centers, j), distance(&x, i, &found.centers, other));
            assert!(own < other_one || own == other_one && j <= other);
        }
    }
}

fn centers_are_the_means_of_their_points(random: &mut Random) {
    let (x, start) = draw(random);
    let found = run(&x, &start);
    for (j, center) in found.centers.rows().into_iter().enumerate() {
        let members: Vec<usize> = (0..x.nrows()).filter(|&i| found.nearest[i] == j).collect();
        assert!(!members.is_empty(), "cluster {j} is empty");
        let mean: Array1<f64> =
            x.select(Axis(0), &members).columns().into_iter().map(|c| c.iter().sum::<f64>()).collect();
        assert_close(&center.to_owned(), &(mean / members.len() as f64), 1e-13);
    }
}

/// With points that are no multiples of each other, so that no tie is decided by the order.
fn the_order_of_points_does_not_matter(random: &mut Random) {
    let (n, k) = (6 + random.below(20), 2 + random.below(4));
    let x: Array2<f64> = random.uniform((n, 2), 1.0);
    let seed = random.below(1 << 20) as u64;
    let order = random.permutation(n);
    let permuted = x.select(Axis(0), &order);
    let start = sample_centers(&x, k, &mut Random::seed(seed)).unwrap();
    assert_eq!(sample_centers(&permuted, k, &mut Random::seed(seed)).unwrap(), start);
    let (found, other) = (run(&x, &start), run(&permuted, &start));
    assert_close(&other.centers, &found.centers, 1e-12);
    let nearest: Vec<usize> = order.iter().map(|&i| found.nearest[i]).collect();
    assert_eq!(other.nearest, nearest);
}

fn distinct_points_that_are_centers_stay(random: &mut Random) {
    let k = 2 + random.below(6);
    let x: Array2<f64> = random.uniform((k, 3), 1.0);
    let found = run(&x, &x);
    assert_eq!(found.centers, x);
    assert_eq!(found.objectives.last(), Some(&0.0));
}

fn clusters_far_apart_are_found(random: &mut Random) {
    let k = 2 + random.below(4);
    let near: Array2<f64> = random.uniform((5 * k, 2), 0.1);
    let x = Array2::from_shape_fn((5 * k, 2), |(i, j)| near[(i, j)] + 100.0 * (i / 5) as f64);
    let found = run(&x, &sample_centers(&x, k, random).unwrap());
    for (i, cluster) in found.nearest.iter().enumerate() {
        assert_eq!(*cluster, found.nearest[i / 5 * 5]);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, start): (Array2<R>, Array2<R>) = (ramp(1, (9, 2)), ramp(3, (3, 2)));
    let found = k_means(&x, &start, 20)?;
    (cases.case("k-means.ramp").input("x", &x).input("start", &start))
        .out("centers", &found.centers)
        .out("objectives", &Array1::from(found.objectives));
    Ok(())
}
