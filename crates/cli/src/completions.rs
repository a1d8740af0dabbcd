//! `mmt completions`: scripts for shells.

use clap::Command;
use clap_complete::Shell;

use crate::failure::{Code, Done};
use crate::terminal::Terminal;

/// Print a completion script for a shell
///
/// For example `mmt completions bash > ~/.local/share/bash-completion/completions/mmt`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the verb. The script is all that is printed.
pub fn run(args: &Args, terminal: &Terminal, program: &mut Command) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, program, "mmt", &mut script);
    let script = String::from_utf8_lossy(&script);
    terminal.event("script", serde_json::json!({ "shell": args.shell.to_string(), "text": script }))?;
    terminal.line(script.trim_end())?;
    Ok(Code::Ok)
}
