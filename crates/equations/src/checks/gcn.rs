//! Evidence for `eq-2.7-gcn`.

use mmt_golden::Cases;
use mmt_tensor::ops::{matmul, relu};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::graph::{Adjacency, Gcn};
use ndarray::{Array2, ArrayRef2, Axis, array};

use crate::{Property, properties};

/// The example of the specification; its `A` holds the loops that [`Adjacency::normalized`] adds.
fn example<R: Real>() -> (Gcn<R>, Array2<R>, Adjacency<R>) {
    let size: Array2<R> = ramp::<R, _>(2, (4, 4)).mapv(|x| x.abs());
    let mut a = (&size + &size.t()) * R::of(0.5);
    a.diag_mut().fill(R::of(0.0));
    let graph = Adjacency::of_matrix(&a).and_then(|a| a.normalized()).expect("a symmetric matrix");
    (Gcn { w_0: ramp(3, (3, 5)), w_1: ramp(4, (5, 2)) }, ramp(1, (4, 3)), graph)
}

/// Numbers of the specification, section 8.
pub fn forward() {
    let (gcn, x, graph) = example::<f64>();
    let row = array![0.333333333333, 0.274985970461, 0.288675134595, 0.133630620956];
    assert_close(&graph.to_matrix().row(0).to_owned(), &row, 1e-12);
    let (z, tape) = gcn.forward(Some(&x), &graph).unwrap();
    assert_sums(&z, "1.804369093", "6.568663201");
    let mut grad = gcn.zeros_like();
    let dx = gcn.backward(&tape, &ramp(5, (4, 2)), &graph, &mut grad).unwrap();
    assert_sums(&dx, "-0.2232678968", "-2.328907303");
    assert_sums(&grad.w_0, "0.07187111423", "3.638451495");
    assert_sums(&grad.w_1, "0.09372507595", "-0.5792533423");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (gcn, x, graph) = example::<Dual>();
    check_module(
        &gcn,
        x,
        |m, x| m.forward(Some(x), &graph),
        |m, tape, dz, grad| m.backward(tape, dz, &graph, grad).expect("features"),
    );
    let one_hot = Gcn { w_0: ramp(3, (4, 5)), ..gcn };
    check_module(
        &one_hot,
        Vec::<Array2<Dual>>::new(),
        |m, _| m.forward(None, &graph),
        |m, tape, dz, grad| {
            assert!(m.backward(tape, dz, &graph, grad).is_none());
            vec![]
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    nodes_in_another_order_give_rows_in_that_order,
    without_edges_it_is_a_network_on_rows,
    a_node_sees_two_steps_far,
    nodes_with_the_same_neighbors_and_features_have_the_same_embedding,
    one_hot_features_are_the_identity,
];

struct Drawn {
    gcn: Gcn<f64>,
    x: Array2<f64>,
    /// Without loops.
    edges: Vec<(usize, usize, f64)>,
}

fn draw(random: &mut Random) -> Drawn {
    let (n, d, hidden, out) =
        (3 + random.below(6), 1 + random.below(4), 1 + random.below(6), 1 + random.below(4));
    let mut edges = vec![];
    for i in 0..n {
        for j in 0..i {
            if random.unit() < 0.3 {
                edges.push((i, j, random.unit() + 0.1));
            }
        }
    }
    let gcn = Gcn { w_0: random.uniform((d, hidden), 1.0), w_1: random.uniform((hidden, out), 1.0) };
    Drawn { gcn, x: random.uniform((n, d), 1.0), edges }
}

fn graph(n: usize, edges: &[(usize, usize, f64)]) -> Adjacency<f64> {
    Adjacency::new(n, edges).unwrap().normalized().unwrap()
}

fn run(gcn: &Gcn<f64>, x: &ArrayRef2<f64>, graph: &Adjacency<f64>) -> Array2<f64> {
    gcn.forward(Some(x), graph).unwrap().0
}

fn nodes_in_another_order_give_rows_in_that_order(random: &mut Random) {
    let Drawn { gcn, x, edges } = draw(random);
    let n = x.nrows();
    // Row `i` of the other graph is row `order[i]` of this one.
    let order = random.permutation(n);
    let place = |old: usize| order.iter().position(|&o| o == old).expect("a permutation");
    let other: Vec<_> = edges.iter().map(|&(i, j, a)| (place(i), place(j), a)).collect();
    let z = run(&gcn, &x.select(Axis(0), &order), &graph(n, &other));
    assert_close(&z, &run(&gcn, &x, &graph(n, &edges)).select(Axis(0), &order), 1e-12);
}

fn without_edges_it_is_a_network_on_rows(random: &mut Random) {
    let Drawn { gcn, x, .. } = draw(random);
    let rows = matmul(&relu(&matmul(&x, &gcn.w_0)).unwrap(), &gcn.w_1);
    assert_close(&run(&gcn, &x, &graph(x.nrows(), &[])), &rows, 1e-13);
}

/// Another feature of the last node of a path changes its end and the two nodes before it, to the bit.
fn a_node_sees_two_steps_far(random: &mut Random) {
    let Drawn { gcn, .. } = draw(random);
    let n = 4 + random.below(4);
    let path: Vec<_> = (1..n).map(|i| (i - 1, i, 1.0)).collect();
    let x: Array2<f64> = random.uniform((n, gcn.w_0.nrows()), 1.0);
    let mut other = x.clone();
    other.row_mut(n - 1).mapv_inplace(|x| 3.0 * x + 1.0);
    let (z, other) = (run(&gcn, &x, &graph(n, &path)), run(&gcn, &other, &graph(n, &path)));
    assert_eq!(z.slice(ndarray::s![..n - 3, ..]), other.slice(ndarray::s![..n - 3, ..]));
}

/// An edge of weight 1 between the two is like the loop of each.
fn nodes_with_the_same_neighbors_and_features_have_the_same_embedding(random: &mut Random) {
    let Drawn { gcn, mut x, edges } = draw(random);
    let (n, features) = (x.nrows(), x.row(0).to_owned());
    let mut twins: Vec<_> = edges.into_iter().filter(|&(i, j, _)| i > 1 && j > 1).collect();
    twins.push((0, 1, 1.0));
    for j in 2..n {
        let weight = random.unit();
        twins.extend([(0, j, weight), (1, j, weight)]);
    }
    x.row_mut(1).assign(&features);
    let z = run(&gcn, &x, &graph(n, &twins));
    assert_close(&z.row(1).to_owned(), &z.row(0).to_owned(), 1e-13);
}

fn one_hot_features_are_the_identity(random: &mut Random) {
    let Drawn { gcn, x, edges } = draw(random);
    let n = x.nrows();
    let gcn = Gcn { w_0: random.uniform((n, gcn.w_0.ncols()), 1.0), ..gcn };
    let graph = graph(n, &edges);
    let (z, tape) = gcn.forward(None, &graph).unwrap();
    let (of_identity, with_features) = gcn.forward(Some(&Array2::eye(n)), &graph).unwrap();
    assert_close(&z, &of_identity, 1e-13);
    let (dz, mut grad, mut other) = (random.uniform(z.dim(), 1.0), gcn.zeros_like(), gcn.zeros_like());
    gcn.backward(&tape, &dz, &graph, &mut grad);
    gcn.backward(&with_features, &dz, &graph, &mut other);
    assert_close(&grad, &other, 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (gcn, x, graph) = example::<R>();
    let (z, tape) = gcn.forward(Some(&x), &graph)?;
    let (mut grad, dz) = (gcn.zeros_like(), ramp(5, (4, 2)));
    let dx = gcn.backward(&tape, &dz, &graph, &mut grad).expect("features");
    (cases.case("gcn.four-nodes.ramp").input("x", &x).input("a", &graph.to_matrix()).param("", &gcn))
        .act("", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
