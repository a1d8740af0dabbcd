//! Evidence for `eq-2.15-vl-bert-input`.

use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::text::TextInput;
use mmt_tokenizers::vl_bert::VlBertInput;
use ndarray::Array1;

use super::bert_input::SPECIAL;
use crate::{Property, properties};

/// Two texts of one word each and three regions.
fn example() -> VlBertInput {
    let text = TextInput::new(&[11], Some(&[21]), &SPECIAL, 8).expect("room for two words");
    VlBertInput::new(&text, 3).expect("words and regions")
}

/// The layout that the specification writes out: five tokens of text, three regions.
pub fn forward() {
    let input = example();
    assert_eq!(input.ids, [1, 11, 2, 21, 2]);
    assert_eq!(input.positions(), [0, 1, 2, 3, 4, 5, 5, 5, 6]);
    assert_eq!(input.all_segments(), [0, 0, 0, 1, 1, 2, 2, 2, 2]);
    assert_eq!(input.tokens(), 9);
}

/// Ids are not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    regions_share_a_position_that_no_other_token_has,
    every_token_has_a_position_and_a_segment,
    padding_changes_nothing,
    more_regions_move_nothing_but_the_end,
];

fn draw(random: &mut Random) -> (TextInput, usize) {
    let mut words = |n: usize| -> Vec<usize> { (0..n).map(|_| 4 + random.below(20)).collect() };
    let (a, b) = (words(6), words(6));
    let (p, q) = (1 + random.below(6), 1 + random.below(6));
    let b = (random.below(2) == 0).then(|| b[..q].to_vec());
    (TextInput::new(&a[..p], b.as_deref(), &SPECIAL, 32).unwrap(), 1 + random.below(6))
}

fn regions_share_a_position_that_no_other_token_has(random: &mut Random) {
    let (text, regions) = draw(random);
    let input = VlBertInput::new(&text, regions).unwrap();
    let (positions, n) = (input.positions(), text.ids.len());
    assert!(positions[..n].iter().copied().eq(0..n));
    assert!(positions[n..n + regions].iter().all(|&p| p == n));
    assert_eq!(positions[n + regions..], [n + 1]);
}

fn every_token_has_a_position_and_a_segment(random: &mut Random) {
    let (text, regions) = draw(random);
    let input = VlBertInput::new(&text, regions).unwrap();
    let segments = input.all_segments();
    assert_eq!([input.positions().len(), segments.len()], [input.tokens(); 2]);
    assert!(segments.is_sorted() && segments[0] == 0);
    assert_eq!(segments.iter().filter(|&&s| s == VlBertInput::IMAGE).count(), regions + 1);
}

fn padding_changes_nothing(random: &mut Random) {
    let (text, regions) = draw(random);
    let padded = text.clone().padded(40, &SPECIAL).unwrap();
    let of = |text: &TextInput| VlBertInput::new(text, regions).unwrap();
    assert_eq!(of(&padded), of(&text));
}

fn more_regions_move_nothing_but_the_end(random: &mut Random) {
    let (text, regions) = draw(random);
    let of = |regions| VlBertInput::new(&text, regions).unwrap().positions();
    let (few, more) = (of(regions), of(regions + 1));
    let image = text.ids.len() + regions;
    assert_eq!((&few[..image], few.last()), (&more[..image], more.last()));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let input = example();
    let numbers = |list: &[usize]| Array1::from_iter(list.iter().map(|&i| R::of(i as f64)));
    (cases.case("vl-bert.input").ids("ids", &Array1::from(input.ids.clone())))
        .out("positions", &numbers(&input.positions()))
        .out("segments", &numbers(&input.all_segments()));
    Ok(())
}
