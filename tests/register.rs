//! The register, the marks in the sources and the page of equations say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use mmt_equations::register;
use mmt_tests::{assert_file, root, sources};

/// File and formula of every mark: a doc line that starts with `**eq-..**`.
fn marks() -> BTreeMap<String, (String, String)> {
    let mut marks = BTreeMap::new();
    for (file, text) in sources() {
        let lines: Vec<&str> =
            text.lines().map(|l| l.trim_start().trim_start_matches("///").trim()).collect();
        for (i, line) in lines.iter().enumerate() {
            let Some((id, _)) = line.strip_prefix("**eq-").and_then(|l| l.split_once("**")) else { continue };
            let math = lines[i..].iter().skip_while(|l| **l != "```math").skip(1);
            let formula: Vec<&str> = math.take_while(|l| **l != "```").copied().collect();
            let old = marks.insert(format!("eq-{id}"), (file.clone(), formula.join("\n")));
            assert!(old.is_none(), "eq-{id} is marked twice, in {} and in {file}", old.unwrap().0);
        }
    }
    marks
}

#[test]
fn every_mark_has_a_row_and_every_row_a_mark() {
    let marked: BTreeSet<String> = marks().into_keys().filter(|id| !id.ends_with(", backward")).collect();
    let rows: BTreeSet<String> = register().map(|row| row.id.to_string()).collect();
    assert_eq!(rows.len(), register().count(), "two rows share an id");
    assert_eq!(marked, rows);
}

#[test]
fn the_page_of_equations_is_up_to_date() {
    let marks = marks();
    let mut page = String::from("# Equations\n\nWritten by `just equations`.\n");
    for row in register() {
        let (file, formula) = &marks[row.id];
        writeln!(page, "\n## §{} {}\n\n```math\n{formula}\n```\n", row.section, row.id).unwrap();
        writeln!(page, "`{}` in [{file}](../{file})", row.code).unwrap();
    }
    assert_file(&root().join("docs/equations.md"), &page);
}
