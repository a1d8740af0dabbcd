//! Where the class token of `digits-qa` looks: left or right, layer by layer and question by question.

use mmt_tensor::{Random, Result};
use ndarray::Array2;

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
            let (left, right) = of_class_token(look, &look.mean());
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

/// The weights of the left and the right half of the picture in the row of the class token of `p`, a head or the mean of all; nothing
/// where one of them is not.
fn of_class_token(look: &Look, p: &Array2<f64>) -> (f64, f64) {
    match Look::places(&look.queries, "text").first() {
        Some(text) if look.sees("text", "image") => sides(&look.weights(p, text.start, "image")),
        _ => (0.0, 0.0),
    }
}

/// How the class token divides its look at one picture, in one head, over the four questions: the largest difference of
/// `left / (left + right)`, for each layer every head of every picture. NaN where it does not look at the picture.
///
/// # Errors
/// Those of the net.
pub fn divisions(net: &Net<f32>, pictures: usize, seed: u64) -> Result<Vec<Vec<f64>>> {
    let mut random = Random::seed(seed);
    let drawn = (0..pictures).map(|_| digits_qa::Example::draw(Part::Test, &mut random));
    let samples = Task::of_questions::<f32>(&drawn.flat_map(asked_everything).collect::<Vec<_>>());
    let (_, tape) = net.forward(&samples)?;
    let mut list: Vec<Vec<f64>> = vec![];
    for picture in 0..pictures {
        let each = [0, 1, 2, 3].map(|q| looks(&net.program.topology, &tape.program, 4 * picture + q));
        list.resize(each[0].len(), vec![]);
        for (layer, list) in list.iter_mut().enumerate() {
            let heads = 0..each[0][layer].heads.len();
            list.extend(heads.map(|head| range(each.each_ref().map(|looks| part(&looks[layer], head)))));
        }
    }
    Ok(list)
}

/// The part of the left in what one head of the class token gives to the picture.
fn part(look: &Look, head: usize) -> f64 {
    let (left, right) = of_class_token(look, &look.heads[head]);
    left / (left + right)
}

/// From the smallest to the largest; NaN if one is.
fn range(of: [f64; 4]) -> f64 {
    let every = of.iter().flat_map(|a| of.iter().map(move |b| a - b));
    every.fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most })
}

/// One pair of digits with each of the four questions.
fn asked_everything(one: digits_qa::Example) -> [digits_qa::Example; 4] {
    Question::ALL.map(|question| digits_qa::Example { question, ..one })
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
    asked_everything(one)
        .iter()
        .map(|example| {
            let samples = Task::of_questions::<f32>(&[*example]);
            let (scores, tape) = net.forward(&samples)?;
            let words = std::iter::once(CLS).chain(example.question.text().split_whitespace());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::SIZES;
    use crate::net::known::read;

    fn untrained(topology: &str) -> Net<f32> {
        let task = Task::DigitsQa;
        let inputs = task.draw::<f32>(2, Part::Train, &mut Random::seed(1)).shapes(task, SIZES.width);
        let known = read(topology, task, &inputs, &SIZES).unwrap();
        Net::new(task, known.topology, SIZES, &inputs, &mut Random::seed(2)).unwrap()
    }

    /// What is proved of the first layer and of no other one: the class token and the patches know nothing of the question yet.
    #[test]
    fn only_the_first_layer_divides_its_look_the_same_for_every_question() {
        let layers = divisions(&untrained("early-concat"), 10, 3).unwrap();
        assert_eq!(layers.iter().map(Vec::len).collect::<Vec<_>>(), [40, 40]);
        assert!(layers[0].iter().all(|d| *d < 1e-6), "{:?}", layers[0]);
        assert!(layers[1].iter().filter(|d| **d > 1e-3).count() > 20, "{:?}", layers[1]);
    }

    #[test]
    fn who_does_not_look_at_the_picture_divides_nothing() {
        let layers = divisions(&untrained("late"), 2, 3).unwrap();
        assert!(layers.iter().flatten().all(|d| d.is_nan()), "{layers:?}");
        assert!(range([0.0, 0.1, f64::NAN, 0.2]).is_nan() && range([f64::NAN, 0.1, 0.2, 0.2]).is_nan());
        assert!((range([0.3, 0.1, 0.2, 0.4]) - 0.3).abs() < 1e-12);
    }
}
