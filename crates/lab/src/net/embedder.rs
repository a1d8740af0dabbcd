//! Tokens of one modality: what they are and where they stand, added and normalized.

use mmt_blocks::{Embedding, Linear, LinearTape};
use mmt_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use mmt_tensor::{Error, Ragged, Random, Real, Result, Tree, tree};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::embedding_sum::EmbeddingSumTape;
use mmt_tokenizers::image::{Order, PatchEmbedding, PatchEmbeddingTape};
use ndarray::{Array2, ArrayRef2};

use crate::tasks::{Form, Tokens};

/// What a token is.
#[derive(Clone, Debug)]
pub enum What<R> {
    /// A word of a vocabulary.
    Word(Embedding<R>),
    /// A patch of a picture.
    Patch(PatchEmbedding<R>),
    /// A row of numbers.
    Frame(Linear<R>),
}

/// The names are those of what is inside.
impl<R: Real> Tree<R> for What<R> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        match self {
            What::Word(inside) => inside.collect(name, list),
            What::Patch(inside) => inside.collect(name, list),
            What::Frame(inside) => inside.collect(name, list),
        }
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        match self {
            What::Word(inside) => inside.collect_mut(name, list),
            What::Patch(inside) => inside.collect_mut(name, list),
            What::Frame(inside) => inside.collect_mut(name, list),
        }
    }
}

/// What [`What`] leaves for the backward.
#[derive(Clone, Debug)]
enum WhatTape<R> {
    Word,
    Patch(PatchEmbeddingTape<R>),
    Frame(LinearTape<R>),
}

/// The embedding of a modality.
#[derive(Clone, Debug)]
pub struct Embedder<R> {
    /// What a token is.
    pub what: What<R>,
    /// Where it stands: `[longest, d]`
    pub place: Embedding<R>,
    /// Of both.
    pub sum: EmbeddingSum<R>,
}

tree!(Embedder { what, place, sum });

/// What [`Embedder::backward`] reads.
#[derive(Clone, Debug)]
pub struct EmbedderTape<R> {
    what: WhatTape<R>,
    sum: EmbeddingSumTape<R>,
    /// How many tokens each sample has.
    pub rows: Ragged,
    /// The rows of the samples in which the modality is missing.
    blank: Vec<std::ops::Range<usize>>,
}

impl<R: Real> Embedder<R> {
    /// For tokens of a form, of width `d`.
    pub fn new(form: &Form, d: usize, random: &mut Random) -> Self {
        let std = 1.0 / (d as f64).sqrt();
        let what = match *form {
            Form::Words { vocabulary, .. } => What::Word(Embedding::new(vocabulary, d, std, random)),
            Form::Picture { patch, .. } => What::Patch(PatchEmbedding::new(patch, 1, d, Order::Hwc, random)),
            Form::Frames { numbers, .. } => What::Frame(Linear::new(numbers, d, random)),
        };
        let place = Embedding::new(form.longest(), d, std, random);
        Embedder { what, place, sum: EmbeddingSum::new(d, 1e-6) }
    }

    /// The tokens of all samples: `[n, d]`; zero where the modality is missing.
    ///
    /// # Errors
    /// Words or places outside the tables, pictures that patches do not tile, numbers that are not finite, and
    /// [`Error::InvalidHyperparameter`] for tokens of another form.
    pub fn forward(
        &self,
        tokens: &Tokens<R>,
        missing: Option<&[bool]>,
    ) -> Result<(Array2<R>, EmbedderTape<R>)> {
        let (x, rows, what) = match (&self.what, tokens) {
            (What::Word(words), Tokens::Words(ids, rows)) => {
                (words.forward(ids)?, rows.clone(), WhatTape::Word)
            }
            (What::Patch(patch), Tokens::Images(images)) => {
                let (x, tape) = patch.forward(images)?;
                let rows = Ragged::even(images.dim().0, x.nrows() / images.dim().0);
                (x, rows, WhatTape::Patch(tape))
            }
            (What::Frame(linear), Tokens::Frames(x, rows)) => {
                let (x, tape) = linear.forward(x)?;
                (x, rows.clone(), WhatTape::Frame(tape))
            }
            _ => {
                let why = "samples and model have tokens of different forms".to_string();
                return Err(Error::InvalidHyperparameter { at: "net: tokens", why });
            }
        };
        let places = self.place.forward(&places(&rows))?;
        let (mut x, sum) = self.sum.forward(&[&x, &places])?;
        let blank: Vec<_> = match missing {
            None => vec![],
            Some(missing) => rows.ranges().zip(missing).filter(|(_, gone)| **gone).map(|(r, _)| r).collect(),
        };
        erase(&mut x, &blank);
        Ok((x, EmbedderTape { what, sum, rows, blank }))
    }

    /// Adds the gradients of the parameters.
    ///
    /// # Panics
    /// If the tape belongs to other tokens.
    pub fn backward(&self, tokens: &Tokens<R>, tape: &EmbedderTape<R>, mut dx: Array2<R>, grad: &mut Self) {
        erase(&mut dx, &tape.blank);
        let de = self.sum.backward(&tape.sum, &dx, &mut grad.sum);
        self.place.backward(&places(&tape.rows), &de, &mut grad.place);
        self.what.backward(tokens, &tape.what, &de, &mut grad.what);
    }
}

impl<R: Real> What<R> {
    fn backward(&self, tokens: &Tokens<R>, tape: &WhatTape<R>, de: &ArrayRef2<R>, grad: &mut Self) {
        match (self, tokens, tape, grad) {
            (What::Word(own), Tokens::Words(ids, _), WhatTape::Word, What::Word(grad)) => {
                own.backward(ids, de, grad);
            }
            (What::Patch(own), _, WhatTape::Patch(tape), What::Patch(grad)) => {
                own.backward(tape, de, grad);
            }
            (What::Frame(own), _, WhatTape::Frame(tape), What::Frame(grad)) => {
                own.backward(tape, de, grad);
            }
            _ => panic!("tokens, tape and gradient belong together"),
        }
    }
}

/// The place of every token in its sample.
fn places(rows: &Ragged) -> Vec<usize> {
    rows.lengths().flat_map(|n| 0..n).collect()
}

fn erase<R: Real>(x: &mut Array2<R>, blank: &[std::ops::Range<usize>]) {
    for rows in blank {
        x.slice_mut(ndarray::s![rows.clone(), ..]).fill(R::of(0.0));
    }
}
