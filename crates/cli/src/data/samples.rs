//! Samples of the data sets that are pictures.

use mmt_lab::data::captions;
use mmt_lab::data::captions::NUMBERS;
use mmt_lab::data::clips::{self, Clip};
use mmt_lab::data::digit_pairs::Pair;
use mmt_lab::data::digits::{self, Part, SIZE};
use mmt_lab::data::digits_qa::Example;
use mmt_lab::data::scenes::{self, Scene};
use mmt_lab::data::spoken::{self, Utterance};
use mmt_report::figures::picture::Picture;
use mmt_tensor::Random;
use serde_json::{Value, json};

use crate::draw;

/// A picture with the words below it.
pub struct Sample {
    /// Letters.
    pub drawing: Vec<String>,
    /// Pixels.
    pub picture: Picture,
    /// Boxes on the picture, `[x0, y0, x1, y1]` in pixels.
    pub boxes: Vec<[usize; 4]>,
    /// What is said about it.
    pub words: Vec<String>,
    /// The same for machines.
    pub fields: Value,
}

impl Sample {
    /// Columns that the drawing takes on the terminal.
    pub fn width(&self) -> usize {
        self.drawing.iter().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    fn new(
        (rows, columns): (usize, usize),
        ink: impl Fn(usize, usize) -> u8,
        words: Vec<String>,
        fields: Value,
    ) -> Self {
        let drawing = draw::picture(rows, columns, &ink);
        Sample { drawing, picture: picture((rows, columns), ink), boxes: vec![], words, fields }
    }
}

fn picture((rows, columns): (usize, usize), ink: impl Fn(usize, usize) -> u8) -> Picture {
    let shade = |y, x| f64::from(ink(y, x)) / f64::from(digits::INK);
    Picture { rows: (0..rows).map(|y| (0..columns).map(|x| shade(y, x)).collect()).collect() }
}

/// What draws a sample of a set with pictures.
pub fn sampler(id: &str) -> Option<fn(Part, &mut Random) -> Sample> {
    Some(match id {
        "digits" => digit,
        "digit-pairs" => pair,
        "digits-qa" => question,
        "captions" => caption,
        "scenes" => scene,
        "clips" => clip,
        "spoken" => word,
        _ => return None,
    })
}

fn digit(part: Part, random: &mut Random) -> Sample {
    let row = part.rows().start + random.below(part.rows().len());
    let label = digits::label(row);
    let fields = json!({ "row": row, "label": label });
    Sample::new(
        (SIZE, SIZE),
        |y, x| digits::pixels(row)[(y, x)],
        vec![format!("{label}   (row {row})")],
        fields,
    )
}

fn of_pair(pair: Pair, words: Vec<String>, fields: Value) -> Sample {
    Sample::new((SIZE, 2 * SIZE), |y, x| pair.pixel(y, x), words, fields)
}

fn pair(part: Part, random: &mut Random) -> Sample {
    let pair = Pair::draw(part, random);
    let (left, right) = pair.labels();
    let words = vec![format!("{left} and {right}   (rows {} and {})", pair.left, pair.right)];
    of_pair(pair, words, json!({ "rows": [pair.left, pair.right], "labels": [left, right] }))
}

fn question(part: Part, random: &mut Random) -> Sample {
    let example = Example::draw(part, random);
    let (pair, question, answer) = (example.pair, example.question.text(), example.answer());
    let fields = json!({ "rows": [pair.left, pair.right], "question": question, "answer": answer });
    of_pair(pair, vec![format!("{question}?"), format!("answer: {answer}")], fields)
}

fn caption(part: Part, random: &mut Random) -> Sample {
    let captions::Example { pair, words } = captions::Example::draw(part, random);
    let (caption, (left, right)) = (words.join(" "), pair.labels());
    let fields = json!({ "rows": [pair.left, pair.right], "labels": [left, right], "caption": caption });
    of_pair(pair, vec![caption], fields)
}

fn scene(part: Part, random: &mut Random) -> Sample {
    let scene = Scene::draw(part, random);
    let pixels = scene.pixels();
    let boxes: Vec<_> = scene.digits.iter().map(scenes::Placed::bounds).collect();
    let found: Vec<_> = scene.digits.iter().zip(&boxes).collect();
    let say = |&(digit, [x0, y0, x1, y1]): &(&scenes::Placed, &[usize; 4])| {
        format!("{} in columns {x0} to {} and rows {y0} to {}", digit.label(), x1 - 1, y1 - 1)
    };
    let fields = |&(digit, bounds): &(&scenes::Placed, &[usize; 4])| json!({ "row": digit.row, "label": digit.label(), "box": bounds });
    let words = found.iter().map(say).collect();
    let fields = json!({ "digits": found.iter().map(fields).collect::<Vec<_>>() });
    let size = (scenes::CANVAS, scenes::CANVAS);
    Sample { boxes, ..Sample::new(size, |y, x| pixels[(y, x)], words, fields) }
}

/// Eight frames: on the terminal in two rows with a letter for two pixels, in the drawing beside each other.
fn clip(part: Part, random: &mut Random) -> Sample {
    let clip = Clip::draw(part, random);
    let pixels = clip.pixels();
    let (label, direction) = (digits::label(clip.row), clip.direction.map_or("nowhere", |d| d.word()));
    let frames: Vec<Vec<String>> = (0..clips::FRAMES)
        .map(|t| draw::small(clips::CANVAS, clips::CANVAS, |y, x| pixels[(t, y, x)]))
        .collect();
    let mut drawing = draw::beside(&frames[..clips::FRAMES / 2], " | ");
    drawing.push(String::new());
    drawing.extend(draw::beside(&frames[clips::FRAMES / 2..], " | "));
    let pitch = clips::CANVAS + 2;
    let columns = clips::FRAMES * pitch - 2;
    let ink = |y: usize, x: usize| match x % pitch {
        x_in_frame if x_in_frame < clips::CANVAS => pixels[(x / pitch, y, x_in_frame)],
        _ => 0,
    };
    Sample {
        drawing,
        picture: picture((clips::CANVAS, columns), ink),
        boxes: (0..clips::FRAMES).map(|t| [t * pitch, 0, t * pitch + clips::CANVAS, clips::CANVAS]).collect(),
        words: vec![format!("{label} moves {direction}   (row {})", clip.row)],
        fields: json!({ "row": clip.row, "label": label, "direction": direction,
            "start": [clip.start.0, clip.start.1] }),
    }
}

/// Time goes to the right, low bands are at the bottom.
fn word(part: Part, random: &mut Random) -> Sample {
    let utterance = Utterance::draw(random.below(NUMBERS.len()), part, random);
    let picture = utterance.picture::<f64>();
    let ink =
        |y: usize, x: usize| (picture[(x, spoken::BANDS - 1 - y)] * f64::from(digits::INK)).round() as u8;
    let word = NUMBERS[utterance.word];
    let fields = json!({ "synthetic": true, "word": word, "speaker": utterance.speaker,
        "onset": utterance.onset, "duration": utterance.duration });
    let words = vec![format!("\"{word}\", speaker {},", utterance.speaker), "synthetic".to_string()];
    Sample::new((spoken::BANDS, spoken::FRAMES), ink, words, fields)
}
