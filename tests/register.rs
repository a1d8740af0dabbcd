//! The register, the marks in the sources and the page of equations say the same.

use std::collections::{BTreeMap, BTreeSet};

use mmt_equations::page::{self, Card, Mark};
use mmt_equations::register;
use mmt_report::math;
use mmt_tests::{assert_file, root, sources};

/// File and text of every mark, by id and whether it is the backward.
fn marks() -> BTreeMap<(String, bool), (String, Mark)> {
    let mut marks = BTreeMap::new();
    for (file, text) in sources().into_iter().filter(|(file, _)| !file.starts_with("crates/equations/")) {
        for mark in page::marks(&text) {
            let key = (mark.id.clone(), mark.backward);
            let old = marks.insert(key, (file.clone(), mark));
            assert!(old.is_none(), "{old:?} is marked again in {file}");
        }
    }
    marks
}

/// The cards of all rows, in the order of the note.
fn cards() -> Vec<Card> {
    let marks = marks();
    let card = |row: &mmt_equations::Equation| {
        let (file, forward) = &marks[&(row.id.to_string(), false)];
        let backward = marks.get(&(row.id.to_string(), true)).map(|(_, mark)| mark);
        page::card(row.section, row.code, file, forward, backward)
    };
    register().map(card).collect()
}

#[test]
fn every_mark_has_a_row_and_every_row_a_mark() {
    let marked: BTreeSet<String> = marks().into_keys().filter(|(_, back)| !back).map(|(id, _)| id).collect();
    let rows: BTreeSet<String> = register().map(|row| row.id.to_string()).collect();
    assert_eq!(rows.len(), register().count(), "two rows share an id");
    assert_eq!(marked, rows);
}

#[test]
fn every_formula_has_a_sentence_shapes_and_a_derivation() {
    let mut wrong = vec![];
    for (card, row) in cards().iter().zip(register()) {
        let mut need = |there: bool, what: &str| {
            if !there {
                wrong.push(format!("{}: no {what}", card.id));
            }
        };
        need(card.title.ends_with(['.', ')']), "sentence");
        need(!card.formula().is_empty(), "formula");
        if row.backward.is_some() {
            need(!card.shapes.is_empty(), "line of shapes");
            need(card.backward.contains("```math"), "formula of the gradient");
            need(card.backward.contains("Derivation"), "derivation");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_formula_can_be_drawn() {
    for card in cards() {
        for formula in card.formulas() {
            let html = math::display(&formula);
            assert!(html.is_ok(), "{}: {}", card.id, html.unwrap_err());
        }
    }
}

#[test]
fn the_page_of_equations_is_up_to_date() {
    let cards = cards();
    let page = page::render(&cards);
    assert_eq!(page::parse(&page), cards, "the program cannot read the page");
    assert_file(&root().join("docs/equations.md"), &page);
}
