//! Evidence for `eq-2.15-embedding-sum`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::EmbeddingSum;
use ndarray::{Array2, ArrayRef2, Axis};

use crate::{Property, properties};

const EPS: f64 = 1e-12;

/// The rows of the three tables of BERT for ids (1, 3, 1, 2), segments (0, 0, 1, 1) and positions 0 to 3.
fn example<R: Real>() -> [Array2<R>; 3] {
    let (word, position, segment): (Array2<R>, Array2<R>, Array2<R>) =
        (ramp(1, (5, 4)), ramp(2, (6, 4)), ramp(3, (2, 4)));
    [
        word.select(Axis(0), &[1, 3, 1, 2]),
        position.select(Axis(0), &[0, 1, 2, 3]),
        segment.select(Axis(0), &[0, 0, 1, 1]),
    ]
}

fn run<R: Real>(
    module: &EmbeddingSum<R>,
    e: &[Array2<R>],
) -> Result<(Array2<R>, mmt_tokenizers::embedding_sum::EmbeddingSumTape<R>)> {
    let e: Vec<&ArrayRef2<R>> = e.iter().map(|e| &**e).collect();
    module.forward(&e)
}

/// Numbers of the specification, section 8A: the input of BERT is this formula with three tables.
pub fn forward() {
    let module = EmbeddingSum::new(4, EPS);
    let (x, tape) = run(&module, &example::<f64>()).unwrap();
    assert_sums(&x, "0", "-2.706143085");
    let de = module.backward(&tape, &ramp(4, (4, 4)), &mut module.zeros_like());
    let scatter = |size: usize, ids: [usize; 4]| {
        let mut table = Array2::<f64>::zeros((size, 4));
        ids.iter().enumerate().for_each(|(i, &id)| table.row_mut(id).scaled_add(1.0, &de.row(i)));
        sums(&table)
    };
    let words = scatter(5, [1, 3, 1, 2]);
    assert_printed(words[0], "0");
    assert_printed(words[1], "-2.806380679");
    assert_printed(words[2], "1.82481244973");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let module = EmbeddingSum::<Dual>::new(4, 1e-5);
    let e: Vec<Array2<Dual>> = (1..=4).map(|s| ramp(s, (3, 4))).collect();
    check_module(&module, e, |m, e| run(m, e), |m, tape, dx, grad| vec![m.backward(tape, dx, grad); 4]);
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_order_of_the_summands_does_not_matter,
    what_moves_between_summands_changes_nothing,
    a_common_scale_changes_nothing,
    without_the_norm_it_is_linear,
];

struct Drawn {
    module: EmbeddingSum<f64>,
    e: Vec<Array2<f64>>,
}

fn draw(random: &mut Random) -> Drawn {
    let (k, n, d) = (2 + random.below(3), 1 + random.below(4), 2 + random.below(5));
    let mut module = EmbeddingSum::new(d, EPS);
    module.norm.gamma = random.uniform(d, 1.0);
    module.norm.beta = random.uniform(d, 1.0);
    Drawn { module, e: (0..k).map(|_| random.uniform((n, d), 1.0)).collect() }
}

fn the_order_of_the_summands_does_not_matter(random: &mut Random) {
    let Drawn { module, e } = draw(random);
    let other: Vec<Array2<f64>> = random.permutation(e.len()).into_iter().map(|k| e[k].clone()).collect();
    assert_close(&run(&module, &other).unwrap().0, &run(&module, &e).unwrap().0, 1e-9);
}

fn what_moves_between_summands_changes_nothing(random: &mut Random) {
    let Drawn { module, e } = draw(random);
    let moved: Array2<f64> = random.uniform(e[0].dim(), 1.0);
    let mut other = e.clone();
    other[0] += &moved;
    other[1] -= &moved;
    assert_close(&run(&module, &other).unwrap().0, &run(&module, &e).unwrap().0, 1e-9);
}

/// A row that is almost constant feels `ε`, which a scale multiplies by its square, as it does the variance.
fn a_common_scale_changes_nothing(random: &mut Random) {
    let Drawn { module, e } = draw(random);
    let scaled: Vec<Array2<f64>> = e.iter().map(|e| e * 7.0).collect();
    let mut scaled_eps = module.clone();
    scaled_eps.norm.eps = 49.0 * EPS;
    assert_close(&run(&scaled_eps, &scaled).unwrap().0, &run(&module, &e).unwrap().0, 1e-9);
}

/// What the norm sees is the plain sum, so the map before it is linear in every table.
fn without_the_norm_it_is_linear(random: &mut Random) {
    let Drawn { module, e } = draw(random);
    let (_, tape) = run(&module, &e).unwrap();
    let sum = e.iter().skip(1).fold(e[0].clone(), |sum, e| sum + e);
    assert_close(&tape.norm.x, &sum, 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, e) = (EmbeddingSum::new(4, EPS), example::<R>());
    let (x, tape) = run(&module, &e)?;
    let (mut grad, dx) = (module.zeros_like(), ramp(4, (4, 4)));
    let de = module.backward(&tape, &dx, &mut grad);
    (cases.case("embedding-sum.bert.ramp").input("e", &e.to_vec()).param("", &module))
        .out("x", &x)
        .cot("x", &dx)
        .grad_in("e", &vec![de; 3])
        .grad_param("", &grad);
    Ok(())
}
