//! `mmt data`.

use crate::common::{events, folder, refused, shown, text};

#[test]
fn all_sets_are_listed_with_their_terms() {
    let out = shown(&["data"]);
    assert_eq!(out, shown(&["data", "list"]));
    for part in ["digits   116805 bytes   CC BY 4.0", "digits-qa   generated   ", "split", "notice", "source"]
    {
        assert!(out.contains(part), "{part} is missing in\n{out}");
    }
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let events = events(&["--json", "data"]);
    assert_eq!(events.len(), 1 + mmt_lab::data::DATA_SETS.len());
    for event in &events[1..] {
        assert_eq!(event["event"], "data");
        for key in ["id", "content", "split", "source", "license", "notice"] {
            assert!(!event[key].as_str().unwrap().is_empty(), "{key}");
        }
    }
}

#[test]
fn samples_are_drawn() {
    for id in ["digits", "digit-pairs", "digits-qa", "captions", "scenes", "clips", "spoken"] {
        let out = shown(&["data", "show", id, "--count", "5", "--part", "test"]);
        assert!(out.contains('█'), "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        assert_eq!(out, shown(&["data", "show", id, "--count", "5", "--part", "test"]));
        assert_ne!(out, shown(&["data", "show", id, "--count", "5", "--part", "test", "--seed", "5"]));
        let events = events(&["--json", "data", "show", id]);
        assert_eq!(events.iter().filter(|event| event["event"] == "sample").count(), 4);
    }
    assert!(shown(&["data", "show", "digits-qa"]).contains("which digit is "));
    let output = crate::common::program(&["data", "show", "digits"]).env("LC_ALL", "C").output().unwrap();
    assert!(output.stdout.is_ascii(), "{}", text(&output.stdout));
}

#[test]
fn every_set_can_be_shown_and_what_is_synthetic_says_so() {
    for set in &mmt_lab::data::DATA_SETS {
        let out = shown(&["data", "show", set.id]);
        let synthetic = ["spoken", "ehr"].contains(&set.id);
        assert_eq!(out.matches("synthetic").count(), if synthetic { 4 } else { 0 }, "{out}");
        for event in events(&["--json", "data", "show", set.id]).iter().filter(|e| e["event"] == "sample") {
            assert_eq!(event["synthetic"] == true, synthetic, "{event}");
        }
    }
    let folder = folder("data-synthetic");
    shown(&["data", "show", "spoken", "--count", "3", "--svg", "--out", folder.to_str().unwrap()]);
    let svg = std::fs::read_to_string(folder.join("spoken.svg")).unwrap();
    assert_eq!(svg.matches(", synthetic</text>").count(), 3, "{svg}");
    assert!(svg.contains("<desc>synthetic speech: "), "{svg}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn boxes_are_said_and_drawn() {
    let folder = folder("data-boxes");
    let arguments = ["--json", "data", "show", "scenes", "--svg", "--out", folder.to_str().unwrap()];
    let events = events(&arguments);
    let boxes: usize = (events.iter().filter(|event| event["event"] == "sample"))
        .map(|event| event["digits"].as_array().unwrap().len())
        .sum();
    let svg = std::fs::read_to_string(folder.join("scenes.svg")).unwrap();
    assert_eq!(svg.matches("class=\"box\"").count(), boxes);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn samples_are_written_as_a_drawing() {
    let folder = folder("data");
    let out = shown(&["data", "show", "digits", "--svg", "--out", folder.to_str().unwrap()]);
    let path = folder.join("digits.svg");
    assert!(out.ends_with(&format!("saved {}\n", path.display())), "{out}");
    let svg = std::fs::read_to_string(&path).unwrap();
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.trim_end().ends_with("</svg>")
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn unknown_sets_are_refused() {
    let (code, error) = refused(&["data", "show", "digit-qa"]);
    assert_eq!(code, 2);
    assert_eq!(
        error,
        "error: no data set is called `digit-qa`\nhint: did you mean digits-qa, digits or digit-pairs?\n"
    );
    assert_eq!(refused(&["data", "show", "digits", "--count", "0"]).0, 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder("data-file");
    std::fs::write(&folder, "a file").unwrap();
    let out = folder.to_str().unwrap();
    let output = crate::common::mmt(&["data", "show", "digits", "--svg", "--out", out]);
    assert_eq!(output.status.code(), Some(3));
    let error = text(&output.stderr);
    assert!(error.starts_with(&format!("error: {out}/digits.svg: cannot be written: ")), "{error}");
    assert!(error.ends_with("hint: --out DIR chooses another folder\n"), "{error}");
    std::fs::remove_file(folder).unwrap();
}
