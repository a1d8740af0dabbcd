//! What a trained model can do, and where it looks.

use mmt_tensor::{Random, Real, Result};

use crate::Trainable;
use crate::answers::best;
use crate::batch::{Batch, Modalities, vocabulary};
use crate::data::digits::Part;
use crate::data::digits_qa::{self, Example};
use crate::model::{Answerer, AnswererTape};

/// Questions that are answered at once.
const BATCH: usize = 250;

/// The result of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Right answers, 0 to 1.
    pub accuracy: f64,
    /// Right answers to each kind of question, in the order of
    /// [`Question::ALL`](crate::data::digits_qa::Question::ALL).
    pub by_question: [f64; 4],
    /// How many questions were asked.
    pub questions: usize,
    /// For every joint layer and kind of question, how much `[CLS]` looks at the left and at the right digit.
    pub shares: Vec<[(f64, f64); 4]>,
}

/// The questions of a test: about handwriting that training never shows.
pub fn test_questions(count: usize, seed: u64) -> Vec<Example> {
    digits_qa::draw(count, Part::Test, &mut Random::seed(seed))
}

/// Asks the model all questions.
///
/// # Errors
/// Those of the model; [`Error::EmptyInput`](mmt_tensor::Error::EmptyInput) for no question.
pub fn evaluate<R: Trainable>(
    model: &Answerer<R>,
    examples: &[Example],
    modalities: Modalities,
) -> Result<Evaluation> {
    R::evaluate(model, examples, modalities)
}

pub(crate) fn run<R: Real>(
    model: &Answerer<R>,
    examples: &[Example],
    modalities: Modalities,
) -> Result<Evaluation> {
    if examples.is_empty() {
        return Err(mmt_tensor::Error::EmptyInput { at: "evaluate: examples" });
    }
    let words = vocabulary();
    let (mut asked, mut right) = ([0; 4], [0; 4]);
    let layers = model.fusion.joint.layers();
    let mut shares = vec![[(0.0, 0.0); 4]; layers];
    for examples in examples.chunks(BATCH) {
        let batch = Batch::new(examples, modalities, &words)?;
        let (scores, tape) = model.forward(&batch)?;
        for (sample, (example, best)) in examples.iter().zip(best(&scores)).enumerate() {
            let q = example.question as usize;
            asked[q] += 1;
            right[q] += usize::from(best == example.answer());
            for (layer, shares) in shares.iter_mut().enumerate() {
                let (left, rest) = sides(&look(&tape, layer, sample).patches);
                shares[q] = (shares[q].0 + left, shares[q].1 + rest);
            }
        }
    }
    let part = |n: usize, q: usize| n as f64 / asked[q].max(1) as f64;
    for shares in &mut shares {
        (0..4).for_each(|q| {
            let n = asked[q].max(1) as f64;
            shares[q] = (shares[q].0 / n, shares[q].1 / n);
        });
    }
    Ok(Evaluation {
        accuracy: right.iter().sum::<usize>() as f64 / examples.len() as f64,
        by_question: [0, 1, 2, 3].map(|q| part(right[q], q)),
        questions: examples.len(),
        shares,
    })
}

/// What `[CLS]` looks at: weights of the words, `[CLS]` first, and of the patches, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Looks {
    /// One weight per word.
    pub words: Vec<f64>,
    /// One weight per patch; nothing if the model saw no picture.
    pub patches: Vec<f64>,
}

/// What `[CLS]` of a sample looks at in a joint layer, the mean of the heads.
pub fn look<R: Real>(tape: &AnswererTape<R>, layer: usize, sample: usize) -> Looks {
    let mut words = tape.attention(layer, sample);
    let text = tape.fusion.layout_a.rows().length(sample);
    let patches = words.split_off(text);
    Looks { words, patches }
}

/// The weights of the left and of the right half of a picture that is twice as wide as it is high.
pub fn sides(patches: &[f64]) -> (f64, f64) {
    let columns = columns(patches.len());
    let is_left = |i: usize| i % columns < columns / 2;
    let sum = |left: bool| (0..patches.len()).filter(|&i| is_left(i) == left).map(|i| patches[i]).sum();
    (sum(true), sum(false))
}

/// Patches in a row of a picture that is twice as wide as it is high.
pub fn columns(patches: usize) -> usize {
    (1..).find(|c| c * c >= 2 * patches).expect("a number")
}

/// The answer to one question, with what `[CLS]` looks at in the last joint layer.
///
/// # Errors
/// Those of the model.
pub fn answer<R: Real>(model: &Answerer<R>, example: Example) -> Result<(usize, Looks)> {
    let batch = Batch::new(&[example], Modalities::Both, &vocabulary())?;
    let (scores, tape) = model.forward(&batch)?;
    let last = model.fusion.joint.layers() - 1;
    Ok((best(&scores)[0], look(&tape, last, 0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::sizes;

    #[test]
    fn patches_lie_on_their_side() {
        assert_eq!((columns(8), columns(32)), (4, 8));
        let weights = [1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0];
        assert_eq!(sides(&weights), (10.0, 100.0));
    }

    #[test]
    fn a_test_counts_every_question_once() {
        let model = Answerer::<f32>::new(&sizes(), &mut Random::seed(1)).unwrap();
        let examples = test_questions(300, 2);
        let test = evaluate(&model, &examples, Modalities::Both).unwrap();
        assert_eq!(test.questions, 300);
        let alone = examples.iter().filter(|e| answer(&model, **e).unwrap().0 == e.answer()).count();
        assert_eq!(test.accuracy, alone as f64 / 300.0);
    }

    #[test]
    fn no_question_is_refused() {
        let model = Answerer::<f32>::new(&sizes(), &mut Random::seed(1)).unwrap();
        let error = evaluate(&model, &[], Modalities::Both).unwrap_err();
        assert_eq!(error.to_string(), "evaluate: examples: empty");
    }
}
