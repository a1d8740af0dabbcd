//! `mmt parity` as a reader of the terminal and as a script sees it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity")
}

fn mmt(folder: &Path, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mmt")).arg("parity").arg(folder).args(options).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with a copy of a case, changed.
fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let folder = env::temp_dir().join(format!("mmt-cli-parity-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(fixtures().join("op_softmax_s.json"), folder.join("op_softmax_s.json")).unwrap();
    let mut bytes = fs::read(fixtures().join("op_softmax_s.safetensors")).unwrap();
    change(&mut bytes);
    fs::write(folder.join("op_softmax_s.safetensors"), bytes).unwrap();
    folder
}

#[test]
fn all_cases_are_run_and_nothing_fails_in_either_precision() {
    for precision in ["f64", "f32"] {
        let output = mmt(&fixtures(), &["--precision", precision]);
        assert_eq!(code(&output), 0, "{}", text(&output.stdout));
        let out = text(&output.stdout);
        let first = out.lines().next().unwrap();
        assert!(first.starts_with("mmt 0.1.0") && first.contains(precision), "{first}");
        let last = out.lines().last().unwrap();
        let pages = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
        let cases = pages.filter(|path| path.extension().is_some_and(|end| end == "json")).count();
        assert!(last.contains(" pass, 0 fail, ") && last.ends_with(&format!("in {cases} cases")), "{last}");
        assert_eq!(out, text(&mmt(&fixtures(), &["--precision", precision]).stdout), "the order is fixed");
    }
}

#[test]
fn a_pattern_selects_cases() {
    let output = mmt(&fixtures(), &["--case", "op_soft*"]);
    assert!(text(&output.stdout).ends_with("in 1 cases\n"));
    assert_eq!(code(&output), 0);
    let output = mmt(&fixtures(), &["--case", "nothing*"]);
    assert_eq!(code(&output), 6);
    assert!(text(&output.stderr).ends_with("fits `nothing*`\n"));
}

#[test]
fn with_json_every_line_is_an_object() {
    let output = mmt(&fixtures(), &["--case", "op_softmax", "--json"]);
    let out = text(&output.stdout);
    let lines: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["schema"] == "mmt-event/1"));
    assert_eq!(lines[0]["event"], "start");
    assert_eq!((&lines[1]["event"], &lines[1]["record"]), (&"record".into(), &"softmax_dim0".into()));
    assert_eq!(lines[1]["verdict"], "pass");
    assert_eq!(lines.last().unwrap()["fail"], 0);
}

#[test]
fn a_wrong_number_is_a_failure() {
    // The last byte of the file belongs to the mask: the stored outputs no longer fit it.
    let folder = changed("wrong", |bytes| *bytes.last_mut().unwrap() ^= 1);
    let output = mmt(&folder, &[]);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!((code(&output), text(&output.stderr).as_str()), (1, ""));
    let out = text(&output.stdout);
    let failed: Vec<&str> = out.lines().filter(|line| line.starts_with(" FAIL")).collect();
    assert!(failed.len() == 1 && failed[0].contains("op_softmax_s/softmax_masked_neg_inf"), "{failed:?}");
}

#[test]
fn a_truncated_file_is_invalid_data() {
    let folder = changed("cut", |bytes| bytes.truncate(bytes.len() - 5));
    let output = mmt(&folder, &[]);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(code(&output), 3);
    let error = text(&output.stderr);
    assert!(error.contains("op_softmax_s.safetensors: byte ") && error.lines().count() == 1, "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_invalid_data() {
    let output = mmt(Path::new("no/such/folder"), &[]);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).starts_with("error: no/such/folder: "));
    let output = Command::new(env!("CARGO_BIN_EXE_mmt")).arg("parity").output().unwrap();
    assert_eq!(code(&output), 2);
}
