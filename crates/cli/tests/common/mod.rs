//! How tests run the program.
#![allow(dead_code)] // every test program uses its own part

use std::path::PathBuf;
use std::process::{Command, Output};

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mmt"));
    command.args(arguments).env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

pub fn mmt(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard output of a command that succeeds.
pub fn shown(arguments: &[&str]) -> String {
    let output = mmt(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Exit code and standard error of a command that fails and says nothing on standard output.
pub fn refused(arguments: &[&str]) -> (i32, String) {
    let output = mmt(arguments);
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    (output.status.code().unwrap(), text(&output.stderr))
}

pub fn events(arguments: &[&str]) -> Vec<serde_json::Value> {
    let events: Vec<serde_json::Value> =
        shown(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["schema"] == "mmt-event/1"));
    events
}

/// A folder of one test, empty.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mmt-cli-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}
