//! Evidence for `eq-1.28-bert-input`.

use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::text::{SpecialIds, TextInput};
use ndarray::Array1;

use crate::{Property, properties};

pub(super) const SPECIAL: SpecialIds = SpecialIds { pad: 0, cls: 1, sep: 2, mask: 3 };

/// The layout that the specification writes out, section 7, and texts that have to be cut.
pub fn forward() {
    let of = |a: &[usize], b, longest| TextInput::new(a, b, &SPECIAL, longest).unwrap();
    let pair = of(&[11, 12], Some(&[21]), 8);
    assert_eq!(pair.ids, [1, 11, 12, 2, 21, 2]);
    assert_eq!(pair.segments, [0, 0, 0, 0, 1, 1]);
    let padded = pair.padded(8, &SPECIAL).unwrap();
    assert_eq!(padded.ids, [1, 11, 12, 2, 21, 2, 0, 0]);
    assert_eq!(padded.segments, [0, 0, 0, 0, 1, 1, 0, 0]);
    assert_eq!(padded.keep, [true, true, true, true, true, true, false, false]);
    let alone = of(&[11, 12], None, 8);
    assert_eq!((alone.ids, alone.segments), (vec![1, 11, 12, 2], vec![0; 4]));
    assert_eq!(of(&[11, 12, 13, 14], Some(&[21, 22]), 7).ids, [1, 11, 12, 2, 21, 22, 2]);
    assert_eq!(of(&[11, 12], Some(&[21, 22, 23]), 6).ids, [1, 11, 12, 2, 21, 2]);
    assert_eq!(of(&[11, 12, 13], None, 4).ids, [1, 11, 12, 2]);
}

/// Ids are not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    marks_survive_every_cut,
    the_longer_text_is_cut_first,
    exchanged_texts_change_places_and_segments,
    only_words_may_be_hidden,
];

struct Drawn {
    a: Vec<usize>,
    b: Vec<usize>,
    longest: usize,
}

/// Texts of ids from 4 on, and a length that may be too short for them.
fn draw(random: &mut Random) -> Drawn {
    let mut text = |n: usize| -> Vec<usize> { (0..n).map(|_| 4 + random.below(30)).collect() };
    let (a, b) = (text(12), text(12));
    let (p, q) = (1 + random.below(12), 1 + random.below(12));
    Drawn { a: a[..p].to_vec(), b: b[..q].to_vec(), longest: 5 + random.below(24) }
}

fn join(a: &[usize], b: &[usize], longest: usize) -> TextInput {
    TextInput::new(a, Some(b), &SPECIAL, longest).unwrap()
}

/// The two texts of a joined sequence.
fn texts(input: &TextInput) -> (&[usize], &[usize]) {
    let sep = input.ids.iter().position(|&id| id == SPECIAL.sep).unwrap();
    (&input.ids[1..sep], &input.ids[sep + 1..input.ids.len() - 1])
}

fn marks_survive_every_cut(random: &mut Random) {
    let Drawn { a, b, longest } = draw(random);
    let input = join(&a, &b, longest);
    let (cut_a, cut_b) = texts(&input);
    assert!(a.starts_with(cut_a) && b.starts_with(cut_b) && !cut_a.is_empty() && !cut_b.is_empty());
    assert_eq!(input.ids.len(), longest.min(a.len() + b.len() + 3));
    assert_eq!((input.ids[0], input.ids.last()), (SPECIAL.cls, Some(&SPECIAL.sep)));
    let zeros = input.segments.iter().filter(|&&s| s == 0).count();
    assert_eq!(zeros, cut_a.len() + 2);
    assert!(input.segments.is_sorted() && input.segments.len() == input.ids.len());
}

fn the_longer_text_is_cut_first(random: &mut Random) {
    let Drawn { a, b, longest } = draw(random);
    let input = join(&a, &b, longest);
    let (cut_a, cut_b) = texts(&input);
    // The shorter text loses tokens only when nothing longer is left.
    if cut_a.len() < a.len() {
        assert!(cut_a.len() + 1 >= cut_b.len());
    }
    if cut_b.len() < b.len() {
        assert!(cut_b.len() + 1 >= cut_a.len());
    }
}

fn exchanged_texts_change_places_and_segments(random: &mut Random) {
    let Drawn { a, b, .. } = draw(random);
    let (one, two) = (join(&a, &b, 64), join(&b, &a, 64));
    assert_eq!((texts(&one), texts(&two)), ((&a[..], &b[..]), (&b[..], &a[..])));
    // The first token of `b` stands behind `[CLS] a [SEP]` in segment 1, and behind `[CLS]` in segment 0.
    assert_eq!((one.ids[a.len() + 2], one.segments[a.len() + 2]), (b[0], 1));
    assert_eq!((two.ids[1], two.segments[1]), (b[0], 0));
}

fn only_words_may_be_hidden(random: &mut Random) {
    let Drawn { a, b, longest } = draw(random);
    let input = join(&a, &b, longest).padded(longest.max(27), &SPECIAL).unwrap();
    let maskable = input.maskable(&SPECIAL);
    assert!(input.ids.iter().zip(maskable).all(|(&id, maskable)| maskable == (id > SPECIAL.sep)));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b) = (vec![11, 12, 13, 14], vec![21, 22]);
    let input = TextInput::new(&a, Some(&b), &SPECIAL, 7)?.padded(9, &SPECIAL)?;
    let numbers = |list: &[usize]| Array1::from_iter(list.iter().map(|&i| R::of(i as f64)));
    (cases.case("text-input.bert.cut-and-padded").ids("a", &Array1::from(a)).ids("b", &Array1::from(b)))
        .out("ids", &numbers(&input.ids))
        .out("segments", &numbers(&input.segments));
    Ok(())
}
