//! Evidence for `eq-2.4-skip-gram`.

use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::text::word2vec::{
    ContextShare, Guess, Slope, WordVectors, negative_sampling, negative_sampling_backward,
};
use ndarray::{Array2, Axis, array, concatenate};

use crate::{Property, properties};

/// The example of the specification: one vector, its target and two negatives as rows 0, 1 and 2 of the output table.
pub(super) fn example<R: Real>() -> (Array2<R>, Array2<R>, Guess) {
    let (v, target, negatives): (Array2<R>, Array2<R>, Array2<R>) =
        (ramp(1, (1, 4)), ramp(2, (1, 4)), ramp(3, (2, 4)));
    let output = concatenate![Axis(0), target, negatives];
    (v, output, Guess { target: 0, negatives: vec![1, 2] })
}

/// Numbers of the specification, section 8.
pub fn forward() {
    let (v, output, guess) = example::<f64>();
    let (loss, tape) = negative_sampling(&v, &output, &[guess]).unwrap();
    assert_printed(loss, "1.748544747852");
    let mut doutput = Array2::zeros(output.dim());
    let dv = negative_sampling_backward(&tape, &output, Slope::Exact, 1.0, &mut doutput);
    let printed = array![[-0.031443093284, 0.167724478065, -0.764007983777, 0.018348799553]];
    assert_close(&dv, &printed, 1e-12);
    let printed = array![
        [0.346320991567, -0.865802478918, -0.173160495784, 0.519481487351],
        [-0.106034402179, 0.265086005446, 0.053017201089, -0.159051603268],
        [-0.140702803715, 0.351757009286, 0.070351401857, -0.211054205572],
    ];
    assert_close(&doutput, &printed, 1e-12);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Two tables of seven words; word 6 is in no guess.
pub(super) fn vectors<R: Real>() -> WordVectors<R> {
    WordVectors {
        input: ramp(1, (7, 3)),
        output: ramp(2, (7, 3)),
        slope: Slope::Exact,
        share: ContextShare::Mean,
    }
}

pub(super) fn guesses() -> Vec<Guess> {
    let guess = |target, negatives: &[usize]| Guess { target, negatives: negatives.to_vec() };
    // A negative drawn twice, a negative that is the target of another guess, a guess without negatives.
    vec![guess(1, &[2, 3, 2]), guess(2, &[1]), guess(5, &[]), guess(1, &[4, 0])]
}

fn backward() {
    check_module(
        &vectors::<Dual>(),
        Vec::<Array2<Dual>>::new(),
        |m, _| m.skip_gram(&[0, 3, 0, 1], &guesses()),
        |m, tape, &dl, grad| {
            m.skip_gram_backward(tape, dl, grad);
            vec![]
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    words_that_know_nothing_cost_the_logarithm_of_two,
    it_falls_with_the_product_of_the_true_pair,
    only_words_that_occur_have_a_gradient,
    the_gradient_of_a_vector_lies_in_the_span_of_its_words,
    a_common_rotation_changes_nothing,
    the_loss_of_a_batch_is_the_sum_over_its_guesses,
];

struct Drawn {
    vectors: WordVectors<f64>,
    words: Vec<usize>,
    guesses: Vec<Guess>,
}

fn draw(random: &mut Random) -> Drawn {
    let (size, d, n) = (2 + random.below(9), 1 + random.below(70), 1 + random.below(5));
    let mut guess = || {
        let negatives = (0..1 + random.below(5)).map(|_| random.below(size)).collect();
        Guess { target: random.below(size), negatives }
    };
    let guesses = (0..n).map(|_| guess()).collect();
    let words = (0..n).map(|_| random.below(size)).collect();
    let mut table = || random.uniform((size, d), 1.0);
    let (input, output) = (table(), table());
    Drawn {
        vectors: WordVectors { input, output, slope: Slope::Exact, share: ContextShare::Mean },
        words,
        guesses,
    }
}

impl Drawn {
    fn loss(&self) -> f64 {
        self.vectors.skip_gram(&self.words, &self.guesses).unwrap().0
    }

    fn gradient(&self) -> WordVectors<f64> {
        let (_, tape) = self.vectors.skip_gram(&self.words, &self.guesses).unwrap();
        let mut grad = self.vectors.zeros_like();
        self.vectors.skip_gram_backward(&tape, 1.0, &mut grad);
        grad
    }
}

fn words_that_know_nothing_cost_the_logarithm_of_two(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.vectors.output.fill(0.0);
    let terms: usize = drawn.guesses.iter().map(|guess| 1 + guess.negatives.len()).sum();
    assert_close(&drawn.loss(), &(terms as f64 * std::f64::consts::LN_2), 1e-13);
    assert!(drawn.gradient().input.iter().all(|&g| g == 0.0));
}

fn it_falls_with_the_product_of_the_true_pair(random: &mut Random) {
    let (d, shift) = (1 + random.below(6), 1e-3 + random.unit());
    let v: Array2<f64> = random.uniform((1, d), 1.0);
    let output: Array2<f64> = random.uniform((3, d), 1.0);
    let mut nearer = output.clone();
    nearer.row_mut(0).scaled_add(shift, &v.row(0));
    let guess = [Guess { target: 0, negatives: vec![1, 2] }];
    let loss = |output: &Array2<f64>| negative_sampling(&v, output, &guess).unwrap().0;
    assert!(loss(&nearer) > 0.0 && loss(&nearer) < loss(&output));
}

fn only_words_that_occur_have_a_gradient(random: &mut Random) {
    let drawn = draw(random);
    let grad = drawn.gradient();
    let spoken = |word: usize| drawn.guesses.iter().any(|g| g.target == word || g.negatives.contains(&word));
    for word in 0..drawn.vectors.input.nrows() {
        assert!(drawn.words.contains(&word) || grad.input.row(word).iter().all(|&g| g == 0.0));
        assert!(spoken(word) || grad.output.row(word).iter().all(|&g| g == 0.0));
    }
}

/// A direction that is orthogonal to all output vectors of a guess is orthogonal to the gradient.
fn the_gradient_of_a_vector_lies_in_the_span_of_its_words(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.words.truncate(1);
    drawn.guesses.truncate(1);
    let blind = random.below(drawn.vectors.output.ncols());
    drawn.vectors.output.column_mut(blind).fill(0.0);
    assert!(drawn.gradient().input.column(blind).iter().all(|&g| g == 0.0));
}

/// A product of random Householder reflections.
fn a_common_rotation_changes_nothing(random: &mut Random) {
    let mut drawn = draw(random);
    let before = drawn.loss();
    let d = drawn.vectors.input.ncols();
    for _ in 0..2 {
        let w: Array2<f64> = random.uniform::<f64, _>((d, 1), 1.0) + 1e-3;
        let square = matmul(&w.t(), &w)[(0, 0)];
        let reflection = Array2::eye(d) - matmul(&w, &w.t()) * (2.0 / square);
        drawn.vectors.input = matmul(&drawn.vectors.input, &reflection);
        drawn.vectors.output = matmul(&drawn.vectors.output, &reflection);
    }
    assert_close(&drawn.loss(), &before, 1e-11);
}

fn the_loss_of_a_batch_is_the_sum_over_its_guesses(random: &mut Random) {
    let drawn = draw(random);
    let single = |i: usize| {
        drawn.vectors.skip_gram(&drawn.words[i..=i], &drawn.guesses[i..=i]).expect("a valid guess").0
    };
    assert_close(&drawn.loss(), &(0..drawn.words.len()).map(single).sum(), 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (v, output, guess) = example::<R>();
    let (loss, tape) = negative_sampling(&v, &output, std::slice::from_ref(&guess))?;
    let mut doutput = Array2::zeros(output.dim());
    let dv = negative_sampling_backward(&tape, &output, Slope::Exact, R::of(1.0), &mut doutput);
    (cases.case("negative-sampling.one.ramp").input("v", &v).input("output", &output))
        .ids("target", &array![guess.target])
        .ids("negatives", &array![guess.negatives[0], guess.negatives[1]])
        .act("", &tape)
        .loss("loss", &ndarray::arr0(loss))
        .grad_in("v", &dv)
        .grad_in("output", &doutput);
    Ok(())
}
