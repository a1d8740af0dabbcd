//! The page of errata is what the register of errata says and what its tests see.

use std::fmt::Write;

use mmt_equations::{errata, find};
use mmt_tests::{assert_file, root};

#[test]
fn the_page_of_errata_is_up_to_date() {
    let mut page = String::from(
        "# Errata of the note\n\nWritten by `just equations`. Each claim runs twice, as written and as corrected: \
         `mmt errata run`.\n",
    );
    for row in errata() {
        let written = (row.as_written)().expect_err("a claim that fails");
        let corrected = (row.as_corrected)().expect("a correction that holds");
        write!(
            page,
            "\n## {}\n\nSection {} of the note, formula `{}`.\n\n* **Claim:** {}\n* **Seen as written:** {}\n\
             * **Corrected:** {}\n* **Seen as corrected:** {}\n* **Source:** {}\n",
            row.id,
            row.section,
            row.equation,
            plain(row.claim),
            plain(&written),
            plain(row.correction),
            plain(&corrected),
            plain(row.source),
        )
        .unwrap();
    }
    assert_file(&root().join("docs/errata.md"), &page);
}

#[test]
fn every_claim_fails_as_written_and_holds_as_corrected() {
    for erratum in errata() {
        let written = (erratum.as_written)();
        assert!(written.is_err(), "{} holds as written: {}", erratum.id, written.unwrap());
        let corrected = (erratum.as_corrected)();
        assert!(corrected.is_ok(), "{} fails as corrected: {}", erratum.id, corrected.unwrap_err());
    }
}

#[test]
fn every_row_names_a_formula_of_the_register() {
    for erratum in errata() {
        assert!(find(erratum.equation).is_some(), "{}: {}", erratum.id, erratum.equation);
    }
}

/// One line, and no character that Markdown would read as markup.
fn plain(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").replace('_', "\\_").replace('*', "\\*")
}
