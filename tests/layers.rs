//! Crates depend on each other in one direction.

use std::fs;

use mmt_tests::root;

/// Each crate with the crates that it may use.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("tensor", &[]),
    ("blocks", &["tensor"]),
    ("tokenizers", &["tensor", "blocks"]),
    ("fusion", &["tensor", "blocks"]),
    ("objectives", &["tensor", "blocks"]),
    ("efficiency", &["tensor", "blocks"]),
    ("golden", &["tensor"]),
    ("buggy", &[]),
    ("catalog", &["tensor", "blocks", "tokenizers", "fusion", "objectives", "efficiency", "golden"]),
    ("parity", &["tensor", "blocks", "tokenizers", "fusion", "objectives", "efficiency", "golden"]),
    ("lab", &["tensor", "blocks", "tokenizers", "fusion", "objectives", "efficiency", "golden"]),
    ("equations", &["tensor", "blocks", "tokenizers", "fusion", "objectives", "efficiency", "golden", "lab"]),
    ("report", &["tensor", "golden", "equations"]),
    (
        "cli",
        &[
            "tensor",
            "blocks",
            "tokenizers",
            "fusion",
            "objectives",
            "efficiency",
            "golden",
            "buggy",
            "catalog",
            "parity",
            "lab",
            "equations",
            "report",
        ],
    ),
];

#[test]
fn dependencies_point_down() {
    let mut crates: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    crates.sort();
    let mut known: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    known.sort_unstable();
    assert_eq!(crates, known, "a crate is missing from the table");
    for (name, may_use) in MAY_USE {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        // What the tests of a crate are held against is no part of it.
        let manifest = manifest.split("[dev-dependencies]").next().unwrap();
        for (other, _) in MAY_USE {
            let uses = manifest.contains(&format!("\nmmt-{other}.workspace"));
            assert!(!uses || may_use.contains(&other), "{name} depends on {other}");
        }
    }
}
