//! `mmt train` and `mmt eval`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{events, folder, mmt, program, refused, shown, text};

fn bytes(folder: &Path, run: &str) -> Vec<u8> {
    fs::read(folder.join(run).join("model.safetensors")).unwrap()
}

#[test]
fn a_training_leaves_its_model_its_settings_its_log_and_its_curve() {
    let folder = folder("train");
    let out = folder.to_str().unwrap();
    let arguments =
        ["train", "--task", "digits-qa", "--steps", "20", "--batch", "8", "--test", "50", "--out", out];
    let text = shown(&arguments);
    for part in [
        "task      digits-qa: a question about two handwritten digits",
        "topology  early-concat: Tf(1, 2, Cat[In image, In text])",
        "schedule  batches of 8, up to 3e-3 at step 4, down to 0 after step 20",
        "   step     loss   acc(train)         lr   grad norm   ms/step",
        " of 50 samples that training never shows\n     left ",
        "run-0001: model.safetensors, run.json, log.jsonl, curve.svg",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let rows = text.lines().filter(|line| line.starts_with("     ") && line.contains(" % ")).count();
    assert_eq!(rows, 10, "{text}");
    assert!(text.lines().filter(|line| !line.starts_with("saved")).all(|line| line.chars().count() <= 80));

    let run = folder.join("run-0001");
    let log = fs::read_to_string(run.join("log.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 22);
    assert_eq!((&lines[0]["schema"], &lines[20]["step"]), (&"mmt-log/1".into(), &20.into()));
    assert!(lines[21]["accuracy"].is_number());
    assert!(fs::read_to_string(run.join("curve.svg")).unwrap().contains("<polyline"));
    let model = mmt_golden::file::read(&run.join("model.safetensors")).unwrap();
    let name = "program.parts.1.blocks.1.attn.w_q.weight";
    assert!(model.contains_key(name), "{:?}", model.keys());
    assert!(!run.join("checkpoint.safetensors").exists());

    // The same seed gives the same model, in another folder, and the same test.
    shown(&arguments);
    assert_eq!(bytes(&folder, "run-0001"), bytes(&folder, "run-0002"));
    let again = shown(&["eval", "1", "--test", "50", "--out", out]);
    let line = text.lines().find(|line| line.starts_with("test ")).unwrap();
    assert!(again.contains(line), "{line} is missing in\n{again}");
    let blind = shown(&["eval", run.to_str().unwrap(), "--without", "image", "--test", "50"]);
    assert!(blind.contains(" of 50 samples"), "{blind}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_training_tells_its_steps_as_events() {
    let folder = folder("train-json");
    let out = folder.to_str().unwrap();
    let events = events(&[
        "--json",
        "train",
        "--topology",
        "text",
        "--steps",
        "10",
        "--batch",
        "4",
        "--test",
        "20",
        "--precision",
        "f64",
        "--out",
        out,
    ]);
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["start", "train"]);
    assert_eq!(names[2..12], ["step"; 10]);
    assert_eq!(names[12..], ["test", "saved"]);
    let topology = (&events[1]["topology"], &events[1]["name"]);
    assert_eq!(topology, (&"Tf(1, 2, In text)".into(), &"text".into()));
    assert_eq!(&events[0]["precision"], "f64");
    for key in ["step", "loss", "right", "rate", "grad_norm", "ms_per_step"] {
        assert!(events[2][key].is_number(), "{key}");
    }
    assert!(events[12]["by_kind"]["larger"].is_number());
    let model = mmt_golden::file::read(&folder.join("run-0001/model.safetensors")).unwrap();
    assert!(model.values().all(|array| array.data.dtype() == "F64"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn every_task_can_be_trained() {
    let folder = folder("train-tasks");
    let out = folder.to_str().unwrap();
    for (task, topology) in
        [("digits-spoken", "early-sum"), ("digits-three", "others"), ("two-bits", "bottleneck")]
    {
        let arguments = ["train", "--task", task, "--topology", topology, "--steps", "2", "--batch", "4"];
        let text = shown(&[&arguments[..], &["--test", "20", "--drop", "0.5", "--out", out]].concat());
        assert!(text.contains("missing   50 % of the samples lose a modality"), "{text}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn wrong_trainings_are_refused_before_they_begin() {
    let (code, error) = refused(&["train", "--task", "digit-qa"]);
    assert_eq!(code, 2);
    assert_eq!(
        error,
        "error: no task is called `digit-qa`\nhint: did you mean digits-qa, digits-three or digits-spoken?\n"
    );
    let (code, error) = refused(&["train", "--rate", "0"]);
    assert_eq!((code, error.as_str()), (2, "error: train: rate: must be positive, got 0\n"));
    let (code, error) = refused(&["train", "--rate", "NaN"]);
    assert_eq!((code, error.as_str()), (2, "error: train: rate: must be positive, got NaN\n"));
    let (code, error) = refused(&["train", "--steps", "0"]);
    assert_eq!(code, 2);
    assert!(
        error.starts_with("error: invalid value '0' for '--steps <N>': 0 is not in 1..=10000000"),
        "{error}"
    );
    let (code, error) = refused(&["train", "--topology", "early-concatt"]);
    assert_eq!(code, 2);
    assert!(
        error.starts_with("error: no topology is called `early-concatt`\nhint: did you mean early-concat")
    );
    let (code, error) = refused(&["train", "--topology", "mbt"]);
    assert_eq!(code, 2);
    let expected =
        "error: `mbt` is not trained by name, but its expression can be\nhint: mmt topology show mbt\n";
    assert_eq!(error, expected);
    let (code, error) = refused(&["train", "--topology", "Tf(1, 2, Cat[In image, In smell])"]);
    assert_eq!(code, 2);
    assert_eq!(
        error,
        "error: In smell: digits-qa has no modality `smell`, but image, text\nhint: here: In smell])\n"
    );
    let (code, error) = refused(&["train", "--topology", "Tf(1, 2, In image"]);
    assert_eq!((code, error.as_str()), (2, "error: expected `)`\nhint: at the end of the text\n"));
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_training_begins() {
    let folder = folder("train-out");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    let (code, error) = refused(&["train", "--steps", "1000000", "--out", file.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(error.contains("cannot be written"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

/// A number that grows without end: the step is named, and what to do about it.
#[test]
fn a_training_that_diverges_names_the_step() {
    let folder = folder("train-wild");
    let output = mmt(&["train", "--steps", "50", "--rate", "1e38", "--out", folder.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.starts_with("error: the training diverges in step "), "{error}");
    assert!(error.contains("\nhint: a smaller rate: --rate 3.3e37\n"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

/// `mmt train | head -1`
#[test]
fn a_training_whose_reader_leaves_is_saved() {
    let folder = folder("train-pipe");
    let out = folder.to_str().unwrap();
    let mut child = program(&["train", "--steps", "20", "--batch", "4", "--test", "20", "--out", out])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert!(said.starts_with("saved ") && said.contains("run-0001"), "{said}");
    assert!(folder.join("run-0001/model.safetensors").exists());
    fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn a_training_that_is_interrupted_goes_on_to_the_same_bits() {
    let folder = folder("train-interrupt");
    let out = folder.to_str().unwrap();
    let arguments = ["train", "--topology", "late", "--steps", "400", "--test", "20", "--out", out];
    let mut child = program(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let run = folder.join("run-0001");
    // The first checkpoint says that it has begun.
    while !run.join("checkpoint.safetensors").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it ends before it is interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.starts_with("interrupted after step ") && said.contains("go on: mmt train --resume"),
        "{said}"
    );
    let part = shown(&["eval", "1", "--test", "20", "--out", out]);
    assert!(part.contains(" of 20 samples"), "{part}");

    shown(&["train", "--resume", "1", "--out", out]);
    shown(&arguments);
    assert_eq!(bytes(&folder, "run-0001"), bytes(&folder, "run-0002"));
    let log = |run: &str| fs::read(folder.join(run).join("log.jsonl")).unwrap();
    assert_eq!(log("run-0001"), log("run-0002"));
    let (code, error) = refused(&["train", "--resume", "1", "--out", out]);
    assert_eq!(code, 2);
    assert!(error.contains("run-0001: the training is finished\nhint: mmt eval "), "{error}");

    // Parameters of another topology.
    let (code, error) = refused(&["eval", "1", "--topology", "cross", "--out", out]);
    assert_eq!(code, 3);
    assert!(
        error.ends_with("`program.parts.1.w_k.bias` is missing\n") || error.contains("is missing"),
        "{error}"
    );
    let (code, error) = refused(&["eval", "1", "--topology", "Tf(1, 2, In image)", "--out", out]);
    assert_eq!(code, 3);
    assert!(error.contains("belongs to no parameter of this topology"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn runs_that_are_none_are_refused() {
    let folder = folder("train-none");
    let out = folder.to_str().unwrap();
    let (code, error) = refused(&["eval", "1", "--out", out]);
    assert_eq!(code, 3);
    assert!(error.ends_with("run-0001/run.json: no such file or directory\n"), "{error}");
    fs::create_dir_all(folder.join("run-0001")).unwrap();
    fs::write(folder.join("run-0001/run.json"), "{\"schema\": 7").unwrap();
    let (code, error) = refused(&["eval", "1", "--out", out]);
    assert_eq!(code, 3);
    assert!(error.contains("run.json: EOF while parsing"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}
