//! The page of equations: from doc comments to cards, and from the page back to cards.

use mmt_equations::page::{Card, card, marks, parse, render};

const SOURCE: &str = r"
    /// Doubles [`every`](a::b()) number of [`x`].
    ///
    /// **eq-9.9-twice**
    /// ```math
    /// y = 2 x
    /// ```
    ///
    /// `x: [n]` → `y: [n]`
    ///
    /// Computed as a sum.
    ///
    /// # Errors
    /// None.
    pub fn twice() {}

    /// Gradient.
    ///
    /// **eq-9.9-twice, backward**, with `g`:
    /// ```math
    /// \bar x = 2 \bar y
    /// ```
    ///
    /// Derivation: linear.
    pub fn twice_backward() {}
";

#[test]
fn a_card_has_all_parts_of_the_comment() {
    let marks = marks(SOURCE);
    assert_eq!(marks.len(), 2);
    let card = card("9", "a::twice", "a/twice.rs", &marks[0], Some(&marks[1]));
    assert_eq!(card.title, "Doubles `every` number of `x`.");
    assert_eq!(card.shapes, "`x: [n]` → `y: [n]`");
    assert_eq!(card.forward, "```math\ny = 2 x\n```\n\nComputed as a sum.");
    assert_eq!(card.formulas().collect::<Vec<_>>(), ["y = 2 x", r"\bar x = 2 \bar y"]);
    assert!(card.backward.starts_with("Gradient.\n\nWith `g`:\n```math\n"), "{}", card.backward);
    assert!(card.backward.ends_with("Derivation: linear."));
}

#[test]
fn a_page_is_read_as_it_was_written() {
    let marks = marks(SOURCE);
    let whole = card("9", "a::twice", "a/twice.rs", &marks[0], Some(&marks[1]));
    let short = Card { shapes: String::new(), backward: String::new(), ..whole.clone() };
    let cards = [whole, short];
    assert_eq!(parse(&render(&cards)), cards);
}
