//! `mmt experiment` and `mmt attend`.

use std::fs;

use crate::common::{events, folder, mmt, refused, shown, text};

#[test]
fn an_experiment_leaves_its_page_and_its_numbers() {
    let folder = folder("experiment");
    let out = folder.to_str().unwrap();
    let output = mmt(&["experiment", "run", "x9", "--quick", "--out", out]);
    let said = text(&output.stdout);
    for part in
        ["x9-ln-gradients   at initialization", "Pre-LN, last layer: 24 layers over 6: 0.", "0.4 to 0.75"]
    {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let page = fs::read_to_string(folder.join("x9-ln-gradients.html")).unwrap();
    for word in ["<script", "http", "src=", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
    let numbers: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("x9-ln-gradients.json")).unwrap()).unwrap();
    assert_eq!(numbers["schema"], "mmt-experiment/1");
    assert_eq!(numbers["holds"], output.status.success());
    let list = events(&["--json", "experiment", "list", "--out", out]);
    let status = |id: &str| list.iter().find(|event| event["id"] == id).unwrap()["status"].clone();
    assert_eq!(status("x2-interaction"), "-");
    assert_ne!(status("x9-ln-gradients"), "-");
    let again = mmt(&["experiment", "report", "x9", "--out", out]);
    assert_eq!(again.status.code(), output.status.code());
    assert!(text(&again.stdout).contains("Pre-LN, last layer"));
    let path = folder.join("x9-ln-gradients.json");
    let wrong = [
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            r#"{"schema":"mmt-experiment/1","id":"x1"}"#,
            "expected the schema mmt-experiment/1 and the id x9-ln-gradients",
        ),
        (r#"{"schema":"mmt-experiment/1","id":"x9-ln-gradients"}"#, "`verdicts` or `holds` is missing"),
    ];
    for (json, why) in wrong {
        fs::write(&path, json).unwrap();
        let (code, error) = refused(&["experiment", "report", "--out", out]);
        assert_eq!((code, error), (3, format!("error: {}: {why}\n", path.display())));
        let list = events(&["--json", "experiment", "list", "--out", out]);
        assert!(list.iter().any(|e| e["id"] == "x9-ln-gradients" && e["status"] == "unreadable"));
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn wrong_experiments_are_refused() {
    let (code, error) = refused(&["experiment", "run", "y2"]);
    assert_eq!(code, 2);
    assert!(error.starts_with("error: no experiment is called `y2`\nhint: did you mean x"), "{error}");
    let (code, error) = refused(&["experiment", "report", "x2", "--out", "/nowhere"]);
    assert_eq!(code, 6);
    assert!(error.starts_with("error: x2: not run below /nowhere\n"), "{error}");
}

#[test]
fn a_trained_model_shows_what_it_looks_at() {
    let folder = folder("attend");
    let out = folder.to_str().unwrap();
    for topology in ["early-concat", "cross-concat", "bottleneck", "bidirectional"] {
        shown(&[
            "train",
            "--topology",
            topology,
            "--steps",
            "2",
            "--batch",
            "4",
            "--test",
            "10",
            "--out",
            out,
        ]);
    }
    for run in ["1", "2", "3", "4"] {
        let said = shown(&["attend", run, "--question", "larger", "--svg", "--out", out]);
        assert!(said.contains("which digit is larger? ") && said.contains("[CLS]"), "{said}");
        let page = fs::read_to_string(folder.join(format!("run-000{run}/attention.html"))).unwrap();
        // A bottleneck lets no word look at a patch.
        assert_eq!(page.contains("<svg"), run != "3");
        assert!(page.contains("<section>") && !page.contains("http"));
    }
    let (code, error) = refused(&["attend", "1", "--question", "biggest", "--out", out]);
    assert_eq!(code, 2);
    assert!(error.starts_with("error: no question is `biggest`\nhint: did you mean "), "{error}");
    shown(&["train", "--task", "two-bits", "--steps", "1", "--batch", "4", "--test", "10", "--out", out]);
    let (code, error) = refused(&["attend", "5", "--out", out]);
    assert_eq!(
        (code, error.as_str()),
        (2, "error: the run is of two-bits; questions are asked in digits-qa only\n")
    );
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_topology_is_drawn() {
    let folder = folder("drawn");
    let out = folder.to_str().unwrap();
    let said = shown(&["topology", "show", "cross-concat", "--svg", "--out", out]);
    assert!(said.contains('●') && said.contains("drawing "), "{said}");
    let svg = fs::read_to_string(folder.join("topology.svg")).unwrap();
    assert!(svg.contains("influenced by") && svg.contains("Ca 1"));
    shown(&["topology", "show", "Tf(1, 16000000, In a)"]);
    shown(&["topology", "check", "Tf(1, 16000000, In a)"]);
    shown(&[
        "topology",
        "check",
        "Sum[(1, Cat[Learn(f, 16), In a]), (1, In t)]",
        "--in",
        "a=16x32",
        "--in",
        "t=32x32",
    ]);
    fs::remove_dir_all(folder).unwrap();
}
