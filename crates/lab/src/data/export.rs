//! Data sets in formats that any language reads: arrays, and lines of text.

use mmt_golden::npy::Npy;
use mmt_tensor::Random;
use ndarray::{Array, Array1, Array2, Array3, Array4, Dimension, Ix, arr1};

use super::captions::{self, NUMBERS};
use super::clips::{self, Clip, Direction};
use super::digit_pairs::Pair;
use super::digits::{self, Part, SIZE};
use super::digits_qa::{self, Question};
use super::ehr;
use super::scenes::{self, Placed, Scene};
use super::spoken::{self, Utterance};
use super::text;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// For `NAME.npy`.
    Array(Npy),
    /// For `NAME.txt`: a sample, or the name of a class, on every line.
    Lines(Vec<String>),
}

/// The files of a data set, by the end of their names.
pub type Exported = Vec<(&'static str, Content)>;

/// What makes the files of a set.
#[derive(Clone, Copy, Debug)]
pub enum Exporter {
    /// All there is.
    Whole(fn(&mut Random) -> Exported),
    /// So many samples from one part.
    Drawn(fn(usize, Part, &mut Random) -> Exported),
}

/// How a set is exported; `None` for an unknown name.
pub fn exporter(id: &str) -> Option<Exporter> {
    Some(match id {
        "digits" => Exporter::Whole(all_digits),
        "digit-pairs" => Exporter::Drawn(pairs),
        "digits-qa" => Exporter::Drawn(questions),
        "captions" => Exporter::Drawn(pairs_with_captions),
        "scenes" => Exporter::Drawn(all_scenes),
        "clips" => Exporter::Drawn(all_clips),
        "spoken" => Exporter::Drawn(utterances),
        "text" => Exporter::Whole(sentences),
        "ehr" => Exporter::Drawn(patients),
        _ => return None,
    })
}

fn bytes<D: Dimension>(array: Array<u8, D>) -> Content {
    Content::Array(Npy::U8(array.into_dyn()))
}

fn numbers<D: Dimension>(array: Array<i64, D>) -> Content {
    Content::Array(Npy::I64(array.into_dyn()))
}

fn lines<T: ToString>(lines: impl IntoIterator<Item = T>) -> Content {
    Content::Lines(lines.into_iter().map(|line| line.to_string()).collect())
}

fn labels(labels: impl Iterator<Item = usize>) -> Content {
    bytes(labels.map(|label| label as u8).collect::<Array1<u8>>())
}

fn rows(rows: impl Iterator<Item = usize>) -> Content {
    numbers(rows.map(|row| row as i64).collect::<Array1<i64>>())
}

fn all_digits(_: &mut Random) -> Exported {
    let pixel = |(i, y, x): (Ix, Ix, Ix)| digits::pixels(i)[(y, x)];
    vec![
        ("images", bytes(Array3::from_shape_fn((digits::COUNT, SIZE, SIZE), pixel))),
        ("labels", bytes(arr1(digits::LABELS))),
    ]
}

fn of_pairs(pairs: &[Pair]) -> Exported {
    let pixel = |(i, y, x): (Ix, Ix, Ix)| pairs[i].pixel(y, x);
    let both = |(i, side): (Ix, Ix)| [pairs[i].left, pairs[i].right][side];
    let shape = (pairs.len(), 2);
    vec![
        ("images", bytes(Array3::from_shape_fn((pairs.len(), SIZE, 2 * SIZE), pixel))),
        ("labels", bytes(Array2::from_shape_fn(shape, |at| digits::label(both(at)) as u8))),
        ("rows", numbers(Array2::from_shape_fn(shape, |at| both(at) as i64))),
    ]
}

fn pairs(count: usize, part: Part, random: &mut Random) -> Exported {
    of_pairs(&(0..count).map(|_| Pair::draw(part, random)).collect::<Vec<_>>())
}

fn questions(count: usize, part: Part, random: &mut Random) -> Exported {
    let examples = digits_qa::draw(count, part, random);
    let mut files = of_pairs(&examples.iter().map(|e| e.pair).collect::<Vec<_>>());
    let place = |question| Question::ALL.iter().position(|q| *q == question).expect("one of four");
    files.push(("questions", labels(examples.iter().map(|e| place(e.question)))));
    files.push(("question-texts", lines(Question::ALL.map(Question::text))));
    files.push(("answers", labels(examples.iter().map(|e| e.answer()))));
    files
}

fn pairs_with_captions(count: usize, part: Part, random: &mut Random) -> Exported {
    let examples: Vec<_> = (0..count).map(|_| captions::Example::draw(part, random)).collect();
    let mut files = of_pairs(&examples.iter().map(|e| e.pair).collect::<Vec<_>>());
    files.push(("captions", lines(examples.iter().map(|e| e.words.join(" ")))));
    files
}

/// The digits of all scenes follow each other; those of scene `i` are `offsets[i]..offsets[i + 1]`.
fn all_scenes(count: usize, part: Part, random: &mut Random) -> Exported {
    let scenes: Vec<_> = (0..count).map(|_| Scene::draw(part, random)).collect();
    let pictures: Vec<_> = scenes.iter().map(Scene::pixels).collect();
    let digits: Vec<&Placed> = scenes.iter().flat_map(|scene| &scene.digits).collect();
    let ends = scenes.iter().scan(0, |end, scene| {
        *end += scene.digits.len();
        Some(*end)
    });
    let shape = (count, scenes::CANVAS, scenes::CANVAS);
    let bounds: Vec<_> = digits.iter().map(|digit| digit.bounds()).collect();
    vec![
        ("images", bytes(Array3::from_shape_fn(shape, |(i, y, x)| pictures[i][(y, x)]))),
        ("offsets", rows(std::iter::once(0).chain(ends))),
        ("labels", labels(digits.iter().map(|digit| digit.label()))),
        ("boxes", numbers(Array2::from_shape_fn((digits.len(), 4), |(i, side)| bounds[i][side] as i64))),
        ("rows", rows(digits.iter().map(|digit| digit.row))),
    ]
}

fn all_clips(count: usize, part: Part, random: &mut Random) -> Exported {
    let clips: Vec<_> = (0..count).map(|_| Clip::draw(part, random)).collect();
    let videos: Vec<_> = clips.iter().map(|clip| clip.pixels()).collect();
    let shape = (count, clips::FRAMES, clips::CANVAS, clips::CANVAS);
    let place =
        |clip: &Clip| Direction::ALL.iter().position(|d| clip.direction == Some(*d)).expect("one of four");
    vec![
        ("videos", bytes(Array4::from_shape_fn(shape, |(i, t, y, x)| videos[i][(t, y, x)]))),
        ("labels", labels(clips.iter().map(|clip| digits::label(clip.row)))),
        ("directions", labels(clips.iter().map(place))),
        ("direction-names", lines(Direction::ALL.map(Direction::word))),
        ("rows", rows(clips.iter().map(|clip| clip.row))),
    ]
}

/// Every file says in its name that nobody spoke.
fn utterances(count: usize, part: Part, random: &mut Random) -> Exported {
    let list: Vec<_> =
        (0..count).map(|_| Utterance::draw(random.below(NUMBERS.len()), part, random)).collect();
    let pictures: Vec<Array2<f32>> = list.iter().map(Utterance::picture).collect();
    let shape = (count, spoken::FRAMES, spoken::BANDS);
    let pictures = Array3::from_shape_fn(shape, |(i, t, band)| pictures[i][(t, band)]);
    vec![
        ("synthetic-pictures", Content::Array(Npy::F32(pictures.into_dyn()))),
        ("synthetic-words", labels(list.iter().map(|u| u.word))),
        ("synthetic-speakers", labels(list.iter().map(|u| u.speaker))),
        ("word-names", lines(NUMBERS)),
    ]
}

fn sentences(random: &mut Random) -> Exported {
    let exchanges = text::exchanges(random.below(1 << 20) as u64);
    vec![
        ("verse", lines(text::VERSE.lines())),
        ("synthetic-questions", lines(exchanges.iter().map(|e| e.question.join(" ")))),
        ("synthetic-answers", lines(exchanges.iter().map(|e| e.answer.join(" ")))),
    ]
}

/// As `mmt tokens --ehr` reads them.
fn patients(count: usize, _: Part, random: &mut Random) -> Exported {
    let patients = ehr::patients(count, random);
    let join = |codes: &[usize], name: fn(usize) -> String| {
        codes.iter().map(|&code| name(code)).collect::<Vec<_>>().join(" ")
    };
    let visits = patients.iter().flat_map(|patient| {
        let visit = |v: &ehr::Visit| {
            format!("{} | {}", join(&v.diagnoses, ehr::diagnosis), join(&v.medications, ehr::medication))
        };
        patient.visits.iter().map(visit).chain(std::iter::once(String::new())).collect::<Vec<_>>()
    });
    vec![
        ("synthetic-visits", lines(visits)),
        ("synthetic-complaints", labels(patients.iter().map(|patient| patient.complaint))),
        ("complaint-names", lines(ehr::COMPLAINTS)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DATA_SETS;

    fn export(id: &str, count: usize, part: Part, seed: u64) -> Exported {
        let random = &mut Random::seed(seed);
        match exporter(id).unwrap() {
            Exporter::Whole(export) => export(random),
            Exporter::Drawn(export) => export(count, part, random),
        }
    }

    fn array<'a>(files: &'a Exported, name: &str) -> &'a Npy {
        match files.iter().find(|(n, _)| *n == name) {
            Some((_, Content::Array(array))) => array,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn every_set_is_exported_and_a_seed_gives_the_same_bytes() {
        for set in &DATA_SETS {
            for part in [Part::Train, Part::Test] {
                let files = export(set.id, 7, part, 1);
                assert_eq!(files, export(set.id, 7, part, 1));
                assert_eq!(files == export(set.id, 7, part, 2), set.id == "digits", "{}", set.id);
            }
        }
        assert!(exporter("fsdd").is_none());
    }

    #[test]
    fn arrays_have_a_sample_per_row() {
        for (id, name, shape) in [
            ("digits", "images", vec![1797, 8, 8]),
            ("digits", "labels", vec![1797]),
            ("digit-pairs", "images", vec![5, 8, 16]),
            ("digits-qa", "answers", vec![5]),
            ("captions", "labels", vec![5, 2]),
            ("scenes", "images", vec![5, 24, 24]),
            ("scenes", "offsets", vec![6]),
            ("clips", "videos", vec![5, 8, 16, 16]),
            ("spoken", "synthetic-pictures", vec![5, 16, 20]),
            ("ehr", "synthetic-complaints", vec![5]),
        ] {
            assert_eq!(array(&export(id, 5, Part::Test, 1), name).shape(), shape, "{id} {name}");
        }
    }

    #[test]
    fn the_digits_of_a_scene_are_found_by_their_offsets() {
        let files = export("scenes", 50, Part::Train, 3);
        let (Npy::I64(offsets), Npy::I64(boxes), Npy::U8(images)) =
            (array(&files, "offsets"), array(&files, "boxes"), array(&files, "images"))
        else {
            panic!("types");
        };
        assert_eq!(offsets[49 + 1], boxes.shape()[0] as i64);
        for i in 0..50 {
            let (mut inside, from, to) = (0_u64, offsets[i] as usize, offsets[i + 1] as usize);
            assert!((1..=scenes::MOST).contains(&(to - from)));
            for digit in from..to {
                let [x0, y0, x1, y1] = [0, 1, 2, 3].map(|side| boxes[[digit, side]] as usize);
                let part = images.slice(ndarray::s![i, y0..y1, x0..x1]);
                inside += part.iter().map(|&ink| u64::from(ink)).sum::<u64>();
            }
            let picture = images.slice(ndarray::s![i, .., ..]);
            assert_eq!(inside, picture.iter().map(|&ink| u64::from(ink)).sum::<u64>());
        }
    }

    #[test]
    fn exported_patients_are_read_again() {
        let files = export("ehr", 9, Part::Train, 4);
        let Content::Lines(visits) = &files[0].1 else { panic!("lines") };
        let read = crate::records::parse_patients(visits.join("\n").as_bytes()).unwrap();
        let made = ehr::patients(9, &mut Random::seed(4));
        assert_eq!(read.len(), made.len());
        for (read, made) in read.iter().flatten().zip(made.iter().flat_map(|patient| &patient.visits)) {
            assert_eq!((&read.diagnoses, &read.medications), (&made.diagnoses, &made.medications));
        }
    }
}
