//! Where the class token of `digits-qa` looks: left or right, layer by layer and question by question.

use mmt_tensor::{Random, Result};

use super::{Example, Figure};
use crate::answers::best;
use crate::batch::CLS;
use crate::data::digits::Part;
use crate::data::digits_qa::{self, Question};
use crate::evaluate::sides;
use crate::net::Net;
use crate::net::looks::{Look, looks};
use crate::tasks::Task;

/// Left and right, for the four questions, in every layer.
pub type Shares = Vec<[(f64, f64); 4]>;

/// The means over `count` samples that training never shows.
///
/// # Errors
/// Those of the net.
pub fn shares(net: &Net<f32>, count: usize, seed: u64) -> Result<Shares> {
    let samples = Task::DigitsQa.draw::<f32>(count, Part::Test, &mut Random::seed(seed));
    let (_, tape) = net.forward(&samples)?;
    let mut sums: Shares = vec![];
    let mut asked = [0; 4];
    for (sample, &kind) in samples.kinds.iter().enumerate() {
        asked[kind] += 1;
        for (layer, look) in looks(&net.program.topology, &tape.program, sample).iter().enumerate() {
            sums.resize(sums.len().max(layer + 1), [(0.0, 0.0); 4]);
            let (left, right) = of_class_token(look);
            let sum = &mut sums[layer][kind];
            *sum = (sum.0 + left, sum.1 + right);
        }
    }
    for layer in &mut sums {
        for (sum, n) in layer.iter_mut().zip(asked) {
            *sum = (sum.0 / f64::from(n.max(1)), sum.1 / f64::from(n.max(1)));
        }
    }
    Ok(sums)
}

/// The weights of the left and the right half of the picture in the row of the class token; nothing where one of them is not.
fn of_class_token(look: &Look) -> (f64, f64) {
    match Look::places(&look.queries, "text").first() {
        Some(text) if look.sees("text", "image") => sides(&look.weights(&look.mean(), text.start, "image")),
        _ => (0.0, 0.0),
    }
}

/// The means over several nets.
pub fn mean_shares(each: &[Shares]) -> Shares {
    let parts = each.len() as f64;
    let layers = each.iter().map(Vec::len).min().unwrap_or(0);
    let add = |sum: (f64, f64), (left, right): (f64, f64)| (sum.0 + left / parts, sum.1 + right / parts);
    let layer = |l: usize| [0, 1, 2, 3].map(|q| each.iter().fold((0.0, 0.0), |sum, s| add(sum, s[l][q])));
    (0..layers).map(layer).collect()
}

/// The shares as a figure.
pub fn figure(shares: &Shares) -> Figure {
    let layer = |layer: &[(f64, f64); 4]| {
        Question::ALL.iter().zip(layer).map(|(q, &(l, r))| (q.word().to_string(), l, r)).collect()
    };
    Figure::Sides(shares.iter().map(layer).collect())
}

/// One pair of digits with each of the four questions.
///
/// # Errors
/// Those of the net.
pub fn examples(name: &str, net: &Net<f32>, seed: u64) -> Result<Vec<Example>> {
    let one = digits_qa::Example::draw(Part::Test, &mut Random::seed(seed));
    let image = one.pair.image::<f64>();
    let picture: Vec<Vec<f64>> =
        image.outer_iter().map(|row| row.iter().copied().collect::<Vec<_>>()).collect();
    Question::ALL
        .iter()
        .map(|&question| {
            let example = digits_qa::Example { question, ..one };
            let samples = Task::of_questions::<f32>(&[example]);
            let (scores, tape) = net.forward(&samples)?;
            let words = std::iter::once(CLS).chain(question.text().split_whitespace());
            Ok(Example {
                name: name.to_string(),
                picture: picture.clone(),
                words: words.map(str::to_string).collect(),
                answer: example.answer(),
                answered: best(&scores)[0],
                looks: looks(&net.program.topology, &tape.program, 0),
            })
        })
        .collect()
}
