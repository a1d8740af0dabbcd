//! Evidence for `eq-2.5-cbow`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::text::word2vec::{ContextShare, Guess, Slope, WordVectors};
use ndarray::{Array2, Axis, arr0, array, s};

use super::skip_gram::{example as pair, guesses, vectors};
use crate::{Property, properties};

/// The example of the specification: rows 0 to 2 are the words of the context.
fn example<R: Real>() -> (WordVectors<R>, Vec<Vec<usize>>, Vec<Guess>) {
    let (_, output, guess) = pair();
    let (slope, share) = (Slope::Exact, ContextShare::Mean);
    (WordVectors { input: ramp(5, (3, 4)), output, slope, share }, vec![vec![0, 1, 2]], vec![guess])
}

/// Numbers of the specification, section 8.
pub fn forward() {
    let (vectors, contexts, guesses) = example::<f64>();
    let (loss, tape) = vectors.cbow(&contexts, &guesses).unwrap();
    assert_printed(loss, "2.366510189");
    let mut grad = vectors.zeros_like();
    vectors.cbow_backward(&tape, 1.0, &mut grad);
    assert_sums(&grad.input, "-0.7749125947", "-5.340659936");
    assert_sums(&grad.output.slice(s![..1, ..]).to_owned(), "0.0267351084", "0.0534702168");
    assert_sums(&grad.output.slice(s![1.., ..]).to_owned(), "-0.1037692772", "-0.4369349158");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    // A word that stands in a context twice.
    let contexts = [vec![0, 3, 0], vec![4], vec![5, 2], vec![3, 1, 2, 4]];
    check_module(
        &vectors::<Dual>(),
        Vec::<Array2<Dual>>::new(),
        |m, _| m.cbow(&contexts, &guesses()),
        |m, tape, &dl, grad| {
            m.cbow_backward(tape, dl, grad);
            vec![]
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_order_of_a_context_does_not_matter,
    a_context_of_one_word_is_skip_gram,
    a_word_that_stands_twice_receives_twice_the_share,
    the_released_code_hands_on_too_much,
];

struct Drawn {
    vectors: WordVectors<f64>,
    context: Vec<usize>,
    guess: Guess,
}

fn draw(random: &mut Random) -> Drawn {
    let (size, d) = (3 + random.below(9), 1 + random.below(9));
    let mut words = |n: usize| (0..n).map(|_| random.below(size)).collect::<Vec<_>>();
    let (context, negatives, target) = (words(4), words(3), words(1)[0]);
    let mut table = || random.uniform((size, d), 1.0);
    let (input, output) = (table(), table());
    Drawn {
        vectors: WordVectors { input, output, slope: Slope::Exact, share: ContextShare::Mean },
        context,
        guess: Guess { target, negatives },
    }
}

fn run(vectors: &WordVectors<f64>, context: &[usize], guess: &Guess) -> (f64, WordVectors<f64>) {
    let (loss, tape) = vectors.cbow(&[context.to_vec()], std::slice::from_ref(guess)).unwrap();
    let mut grad = vectors.zeros_like();
    vectors.cbow_backward(&tape, 1.0, &mut grad);
    (loss, grad)
}

fn the_order_of_a_context_does_not_matter(random: &mut Random) {
    let Drawn { vectors, context, guess } = draw(random);
    let other: Vec<usize> = random.permutation(context.len()).iter().map(|&i| context[i]).collect();
    let ((loss, grad), (other_loss, other_grad)) =
        (run(&vectors, &context, &guess), run(&vectors, &other, &guess));
    assert_close(&other_loss, &loss, 1e-13);
    assert_close(&other_grad, &grad, 1e-13);
}

fn a_context_of_one_word_is_skip_gram(random: &mut Random) {
    let Drawn { vectors, context, guess } = draw(random);
    let (loss, grad) = run(&vectors, &context[..1], &guess);
    let (other, tape) = vectors.skip_gram(&context[..1], &[guess]).unwrap();
    let mut other_grad = vectors.zeros_like();
    vectors.skip_gram_backward(&tape, 1.0, &mut other_grad);
    assert_eq!(loss, other);
    assert_close(&grad, &other_grad, 0.0);
}

fn a_word_that_stands_twice_receives_twice_the_share(random: &mut Random) {
    let Drawn { vectors, guess, .. } = draw(random);
    let (_, grad) = run(&vectors, &[0, 1, 1], &guess);
    let once: Array2<f64> = grad.input.select(Axis(0), &[0]);
    assert_close(&grad.input.select(Axis(0), &[1]), &(once * 2.0), 1e-13);
}

/// With `ContextShare::Whole` every word receives the number of words times its share.
fn the_released_code_hands_on_too_much(random: &mut Random) {
    let Drawn { vectors, context, guess } = draw(random);
    let (_, exact) = run(&vectors, &context, &guess);
    let (_, released) = run(&WordVectors { share: ContextShare::Whole, ..vectors }, &context, &guess);
    assert_close(&released.input, &(&exact.input * context.len() as f64), 1e-13);
    assert_close(&released.output, &exact.output, 0.0);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (vectors, contexts, guesses) = example::<R>();
    let (loss, tape) = vectors.cbow(&contexts, &guesses)?;
    let mut grad = vectors.zeros_like();
    vectors.cbow_backward(&tape, R::of(1.0), &mut grad);
    (cases.case("cbow.one.ramp").param("", &vectors))
        .ids("context", &array![0, 1, 2])
        .ids("target", &array![guesses[0].target])
        .ids("negatives", &array![guesses[0].negatives[0], guesses[0].negatives[1]])
        .act("", &tape)
        .loss("loss", &arr0(loss))
        .grad_param("", &grad);
    Ok(())
}
