//! Evidence for `eq-1.28-bert-embedding`.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Embedding, Encoder, Mask, NormOrder};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, shake, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::text::{TextEmbedding, TextInput};
use ndarray::{Array1, Array2, s};

use super::bert_input::SPECIAL;
use crate::{Property, properties};

/// The tables of the specification.
fn example<R: Real>() -> (TextEmbedding<R>, TextInput) {
    let module = TextEmbedding {
        word: Embedding { table: ramp(1, (5, 4)) },
        position: Embedding { table: ramp(2, (6, 4)) },
        segment: Embedding { table: ramp(3, (2, 4)) },
        sum: EmbeddingSum::new(4, 1e-12),
    };
    (module, TextInput { ids: vec![1, 3, 1, 2], segments: vec![0, 0, 1, 1], keep: vec![true; 4] })
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let (module, text) = example::<f64>();
    let (x, tape) = module.forward(&[text]).unwrap();
    assert_sums(&x, "0", "-2.706143085");
    let mut grad = module.zeros_like();
    module.backward(&tape, &ramp(4, (4, 4)), &mut grad);
    let third = ["1.82481244973", "1.7833636659", "1.48630467791"];
    for (table, c3) in [&grad.word, &grad.position, &grad.segment].into_iter().zip(third) {
        assert_printed(sums(&table.table)[0], "0");
        assert_printed(sums(&table.table)[2], c3);
    }
    assert_printed(sums(&grad.word.table)[1], "-2.806380679");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Two sequences, with words that occur twice and places that occur in both.
fn backward() {
    let module = TextEmbedding::<Dual>::new(7, 6, 3, 1e-5, &mut Random::seed(0));
    let texts = [
        TextInput { ids: vec![1, 5, 5, 2], segments: vec![0, 0, 1, 1], keep: vec![true; 4] },
        TextInput { ids: vec![1, 6, 2, 5, 6], segments: vec![0, 1, 1, 1, 0], keep: vec![true; 5] },
    ];
    let none: Vec<Array2<Dual>> = Vec::new();
    check_module(
        &module,
        none,
        |m, _| m.forward(&texts),
        |m, tape, dx, grad| {
            m.backward(tape, dx, grad);
            vec![]
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    what_moves_between_tables_changes_nothing,
    the_gradients_of_the_tables_have_the_same_sum,
    padding_does_not_reach_the_words,
    exchanged_texts_give_other_tokens,
];

struct Drawn {
    module: TextEmbedding<f64>,
    texts: Vec<TextInput>,
    random: Random,
}

fn draw(random: &mut Random) -> Drawn {
    let module = TextEmbedding::new(20, 16, 2 + random.below(6), 1e-12, random);
    let module = shake(&module, random.below(1000) as u64);
    let mut words = |n| -> Vec<usize> { (0..n).map(|_| 4 + random.below(16)).collect() };
    let texts =
        (1..4).map(|n| TextInput::new(&words(n), Some(&words(4 - n)), &SPECIAL, 16).unwrap()).collect();
    Drawn { module, texts, random: random.clone() }
}

fn run(module: &TextEmbedding<f64>, texts: &[TextInput]) -> Array2<f64> {
    module.forward(texts).unwrap().0
}

fn what_moves_between_tables_changes_nothing(random: &mut Random) {
    let Drawn { module, texts, mut random } = draw(random);
    let d = module.word.table.ncols();
    let (a, b): (Array1<f64>, Array1<f64>) = (random.uniform(d, 1.0), random.uniform(d, 1.0));
    let mut other = module.clone();
    other.word.table += &(&a + &b);
    other.position.table -= &a;
    other.segment.table -= &b;
    assert_close(&run(&other, &texts), &run(&module, &texts), 1e-9);
}

fn the_gradients_of_the_tables_have_the_same_sum(random: &mut Random) {
    let Drawn { module, texts, mut random } = draw(random);
    let (x, tape) = module.forward(&texts).unwrap();
    let mut grad = module.zeros_like();
    module.backward(&tape, &random.uniform(x.dim(), 1.0), &mut grad);
    let sum = column_sums(&grad.word.table);
    assert_close(&column_sums(&grad.position.table), &sum, 1e-12);
    assert_close(&column_sums(&grad.segment.table), &sum, 1e-12);
}

/// Through a block of BERT that hides the padding: other padding, same words, bit for bit.
fn padding_does_not_reach_the_words(random: &mut Random) {
    let Drawn { module, texts, mut random } = draw(random);
    let config = BlockConfig {
        width: module.word.table.ncols(),
        heads: 1,
        hidden: 6,
        activation: Activation::Gelu,
        eps: 1e-12,
        attention: AttentionKind::Plain,
    };
    let stack = Encoder::<f64>::new(NormOrder::Post, 2, &config, &mut random).unwrap();
    let n = texts[0].ids.len();
    let run = |pad: usize| -> Array2<f64> {
        let mut text = texts[0].clone().padded(n + 3, &SPECIAL).unwrap();
        text.ids[n..].fill(pad);
        let x = run(&module, std::slice::from_ref(&text));
        let rows = TextInput::rows(std::slice::from_ref(&text));
        let (y, _) = stack.forward(&x, &rows, &Mask::Keys(text.keep)).unwrap();
        y.slice(s![..n, ..]).to_owned()
    };
    assert_eq!(run(SPECIAL.pad), run(17));
}

fn exchanged_texts_give_other_tokens(random: &mut Random) {
    let Drawn { module, mut random, .. } = draw(random);
    let (a, b) = (vec![4 + random.below(8)], vec![12 + random.below(8)]);
    let of = |a: &[usize], b: &[usize]| run(&module, &[TextInput::new(a, Some(b), &SPECIAL, 16).unwrap()]);
    let (one, two) = (of(&a, &b), of(&b, &a));
    // `[CLS]` and both `[SEP]` stay, the words come from other places and segments.
    for i in [0, 2, 4] {
        assert_eq!(one.row(i), two.row(i));
    }
    assert!(module.word.table.ncols() == 2 || one.row(1) != two.row(3));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, text) = example::<R>();
    let (x, tape) = module.forward(std::slice::from_ref(&text))?;
    let (mut grad, dx) = (module.zeros_like(), ramp(4, (4, 4)));
    module.backward(&tape, &dx, &mut grad);
    (cases.case("text-embedding.bert.ramp").ids("ids", &Array1::from(text.ids)))
        .ids("segments", &Array1::from(text.segments))
        .param("", &module)
        .act("", &tape)
        .out("x", &x)
        .cot("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
