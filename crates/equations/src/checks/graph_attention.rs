//! Evidence for `eq-2.12-graph-attention`.

use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::graph::{GraphAttention, Neighbors};
use ndarray::{Array1, Array2, Axis, s};

use crate::{Property, properties};

const EDGES: [(usize, usize); 4] = [(0, 1), (0, 2), (1, 0), (2, 0)];

fn example<R: Real>() -> (GraphAttention<R>, Array2<R>, Neighbors) {
    let module = GraphAttention { weight: ramp(2, (3, 4)), a: ramp(3, (2, 4)), bias: ramp(4, 4) };
    (module, ramp(1, (4, 3)), Neighbors::new(4, &EDGES).expect("four nodes"))
}

/// Numbers of the specification, section 8.
pub fn forward() {
    let (module, x, neighbors) = example::<f64>();
    let (y, tape) = module.forward(&x, &neighbors).unwrap();
    assert_sums(&y, "-15.40868778", "-140.6777681");
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &ramp(5, (4, 4)), &mut grad);
    assert_sums(&dx, "-0.6875", "-16.43213781");
    assert_sums(&grad.weight, "0.7438214109", "-0.2985440751");
    assert_sums(&grad.a, "0.07616460319", "0.549767517");
    assert_sums(&grad.bias, "-0.25", "2.75");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (module, x, _) = example::<Dual>();
    // Node 3 reads all others, node 1 only itself; scores of both signs.
    let neighbors = Neighbors::new(4, &[(0, 1), (0, 2), (2, 0), (3, 0), (3, 1), (3, 2)]).expect("four nodes");
    check_module(&module, x, |m, x| m.forward(x, &neighbors), |m, tape, dy, grad| m.backward(tape, dy, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    weights_are_shares,
    scores_of_zero_give_means,
    a_node_without_neighbors_keeps_its_own,
    siblings_with_equal_vectors_have_equal_outputs,
    other_names_of_nodes_change_nothing,
    what_is_added_to_all_scores_of_a_node_cancels,
];

struct Drawn {
    module: GraphAttention<f64>,
    x: Array2<f64>,
    edges: Vec<(usize, usize)>,
}

fn draw(random: &mut Random) -> Drawn {
    let (n, d_in) = (2 + random.below(6), 1 + random.below(5));
    let (heads, width) = (1 + random.below(3), 1 + random.below(4));
    let edges = (0..random.below(2 * n)).map(|_| (random.below(n), random.below(n))).collect();
    let module = GraphAttention {
        weight: random.uniform((d_in, heads * width), 1.0),
        a: random.uniform((heads, 2 * width), 1.0),
        bias: random.uniform(heads * width, 1.0),
    };
    Drawn { module, x: random.uniform((n, d_in), 2.0), edges }
}

impl Drawn {
    fn neighbors(&self) -> Neighbors {
        Neighbors::new(self.x.nrows(), &self.edges).unwrap()
    }

    fn run(&self) -> Array2<f64> {
        self.module.forward(&self.x, &self.neighbors()).unwrap().0
    }
}

fn weights_are_shares(random: &mut Random) {
    let drawn = draw(random);
    let (_, tape) = drawn.module.forward(&drawn.x, &drawn.neighbors()).unwrap();
    for edges in tape.neighbors.rows().ranges() {
        for alpha in tape.alpha.slice(s![.., edges]).rows() {
            assert!((alpha.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            assert!(alpha.iter().all(|&alpha| alpha > 0.0));
        }
    }
}

fn scores_of_zero_give_means(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.module.a.fill(0.0);
    let (h, neighbors) = (matmul(&drawn.x, &drawn.module.weight), drawn.neighbors());
    let mut means = Array2::zeros(h.dim());
    for i in 0..drawn.x.nrows() {
        let of = neighbors.of(i);
        of.iter().for_each(|&j| means.row_mut(i).scaled_add(1.0 / of.len() as f64, &h.row(j)));
    }
    assert_close(&drawn.run(), &(means + &drawn.module.bias), 1e-13);
}

fn a_node_without_neighbors_keeps_its_own(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.edges.retain(|&(receiver, _)| receiver != 0);
    let own: Array1<f64> = matmul(&drawn.x, &drawn.module.weight).row(0).to_owned() + &drawn.module.bias;
    assert_close(&drawn.run().row(0).to_owned(), &own, 1e-14);
}

/// Two leaves below one class, in both stages of an ontology.
fn siblings_with_equal_vectors_have_equal_outputs(random: &mut Random) {
    let mut drawn = draw(random);
    let features = drawn.x.row(0).to_owned();
    drawn.x = ndarray::concatenate![Axis(0), drawn.x, features.clone().insert_axis(Axis(0))];
    let n = drawn.x.nrows();
    drawn.edges.retain(|&(i, j)| i != 0 && j != 0);
    for class in 1..n - 1 {
        drawn.edges.extend([(0, class), (n - 1, class)]);
    }
    let y = drawn.run();
    assert_close(&y.row(n - 1).to_owned(), &y.row(0).to_owned(), 1e-13);
}

fn other_names_of_nodes_change_nothing(random: &mut Random) {
    let drawn = draw(random);
    let order = random.permutation(drawn.x.nrows());
    let place = |old: usize| order.iter().position(|&o| o == old).expect("a permutation");
    let other = Drawn {
        module: drawn.module.clone(),
        x: drawn.x.select(Axis(0), &order),
        edges: drawn.edges.iter().map(|&(i, j)| (place(i), place(j))).collect(),
    };
    assert_close(&other.run(), &drawn.run().select(Axis(0), &order), 1e-13);
}

/// As long as all scores of the node have one sign, before and after.
fn what_is_added_to_all_scores_of_a_node_cancels(random: &mut Random) {
    let mut drawn = draw(random);
    let (_, before) = drawn.module.forward(&drawn.x, &drawn.neighbors()).unwrap();
    let width = drawn.module.a.ncols() / 2;
    let shift: Array2<f64> = random.uniform((drawn.module.a.nrows(), width), 0.1);
    let mut receives = drawn.module.a.slice_mut(s![.., ..width]);
    receives += &shift;
    let (_, after) = drawn.module.forward(&drawn.x, &drawn.neighbors()).unwrap();
    for edges in before.neighbors.rows().ranges() {
        for k in 0..drawn.module.a.nrows() {
            let of = |a: &Array2<f64>| a.slice(s![k, edges.clone()]).to_owned();
            let scores: Vec<f64> = of(&before.scores).into_iter().chain(of(&after.scores)).collect();
            if scores.iter().all(|&s| s > 0.0) || scores.iter().all(|&s| s < 0.0) {
                assert_close(&of(&after.alpha), &of(&before.alpha), 1e-13);
            }
        }
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, x, neighbors) = example::<R>();
    let (y, tape) = module.forward(&x, &neighbors)?;
    let (mut grad, dy) = (module.zeros_like(), ramp(5, (4, 4)));
    let dx = module.backward(&tape, &dy, &mut grad);
    (cases.case("graph-attention.four-nodes.ramp").input("x", &x).param("", &module))
        .ids("receiver", &EDGES.iter().map(|edge| edge.0).collect::<Array1<_>>())
        .ids("sender", &EDGES.iter().map(|edge| edge.1).collect::<Array1<_>>())
        .act("", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
