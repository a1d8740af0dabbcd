//! The program `mmt`.

mod parity;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Multimodal Transformers: every formula forward and backward, proved by tests
#[derive(Parser, Debug)]
#[command(name = "mmt", version)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Parity(parity::Args),
}

fn main() -> ExitCode {
    let done = match &Program::parse().verb {
        Verb::Parity(args) => parity::run(args),
    };
    done.unwrap_or_else(|error| match error.kind() {
        // The reader has seen enough: `mmt .. | head`.
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    })
}
