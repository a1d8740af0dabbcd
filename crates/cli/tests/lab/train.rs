//! `mmt train`.

use std::fs;

use crate::common::{events, folder, refused, shown};

#[test]
fn a_training_leaves_its_model_its_log_and_its_curve() {
    let folder = folder("train");
    let out = folder.to_str().unwrap();
    let arguments =
        ["train", "--task", "digits-qa", "--steps", "20", "--batch", "8", "--questions", "50", "--out", out];
    let text = shown(&arguments);
    for part in [
        "task      digits-qa, both, early concatenation, batches of 8",
        "schedule  up to 3e-3 at step 4, down to 0 at step 20",
        "   step     loss   acc(train)         lr   grad norm   ms/step",
        " of 50 questions about unseen handwriting\n     left ",
        "run-0001: model.safetensors, log.jsonl, curve.svg",
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
    assert!(model.keys().any(|name| name == "fusion.joint.blocks.1.attn.w_q.weight"), "{:?}", model.keys());

    // The same seed gives the same model, in another folder.
    shown(&arguments);
    let bytes = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
    assert_eq!(bytes("run-0001"), bytes("run-0002"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_training_tells_its_steps_as_events() {
    let folder = folder("train-json");
    let out = folder.to_str().unwrap();
    let events = events(&[
        "--json",
        "train",
        "--see",
        "text",
        "--steps",
        "10",
        "--batch",
        "4",
        "--questions",
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
    assert_eq!((&events[0]["precision"], &events[1]["see"]), (&"f64".into(), &"text only".into()));
    for key in ["step", "loss", "right", "rate", "grad_norm", "ms_per_step"] {
        assert!(events[2][key].is_number(), "{key}");
    }
    assert!(events[12]["by_question"]["larger"].is_number());
    let model = mmt_golden::file::read(&folder.join("run-0001/model.safetensors")).unwrap();
    assert!(model.values().all(|array| array.data.dtype() == "F64"));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn wrong_trainings_are_refused_before_they_begin() {
    let (code, error) = refused(&["train", "--task", "digit-qa"]);
    assert_eq!(code, 2);
    assert_eq!(error, "error: no task is called `digit-qa`\nhint: did you mean digits-qa?\n");
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
}
