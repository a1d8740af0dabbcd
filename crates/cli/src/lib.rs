//! The program `mmt`.
//!
//! One file per verb: a struct `Args` for clap, whose doc comment is the help, and
//! `run(&Args, &Terminal) -> Done`. Only `terminal.rs` writes to the terminal.

mod attend;
mod attention;
mod bench;
mod completions;
mod data;
mod draw;
mod equations;
mod errata;
mod eval;
mod experiment;
mod explain;
mod failure;
mod golden;
mod interrupt;
mod names;
mod parity;
mod progress;
mod runs;
mod terminal;
mod tokens;
mod topology;
mod tour;
mod train;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;

use crate::failure::{Code, Done, Failure};
use crate::terminal::{Options, Terminal};

/// The memory of large arrays is used again: fresh pages cost more than the arithmetic of a small product.
#[global_allocator]
static ALLOCATOR: mmt_tensor::alloc::Recycling = mmt_tensor::alloc::Recycling;

/// Multimodal Transformers: every formula forward and backward, proved by tests
///
/// Without a verb: the tour. Exit codes: 0 done and every check passed, 1 a check failed, 2 the command line is wrong,
/// 3 a file is invalid, 4 it was interrupted or something is missing, 5 a command that was started failed, 6 nothing is
/// selected.
#[derive(Parser, Debug)]
#[command(name = "mmt", version, max_term_width = 80)]
struct Program {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Tour(tour::Args),
    Equations(equations::Args),
    Verify(verify::Args),
    Explain(explain::Args),
    Errata(errata::Args),
    Topology(topology::Args),
    Data(data::Args),
    Tokens(tokens::Args),
    Train(train::Args),
    Eval(eval::Args),
    Attend(attend::Args),
    Experiment(experiment::Args),
    Parity(parity::Args),
    Golden(golden::Args),
    Bench(bench::Args),
    Completions(completions::Args),
}

fn run(verb: &Verb, terminal: &Terminal) -> Done {
    match verb {
        Verb::Tour(args) => tour::run(args, terminal),
        Verb::Equations(args) => equations::run(args, terminal),
        Verb::Verify(args) => verify::run(args, terminal),
        Verb::Explain(args) => explain::run(args, terminal),
        Verb::Errata(args) => errata::run(args, terminal),
        Verb::Topology(args) => topology::run(args, terminal),
        Verb::Data(args) => data::run(args, terminal),
        Verb::Tokens(args) => tokens::run(args, terminal),
        Verb::Train(args) => train::run(args, terminal),
        Verb::Eval(args) => eval::run(args, terminal),
        Verb::Attend(args) => attend::run(args, terminal),
        Verb::Experiment(args) => experiment::run(args, terminal),
        Verb::Parity(args) => parity::run(args, terminal),
        Verb::Golden(args) => golden::run(args, terminal),
        Verb::Bench(args) => bench::run(args, terminal),
        Verb::Completions(args) => completions::run(args, terminal, &mut command()),
    }
}

/// Starts the threads that verbs compute on; 0 for as many as the machine or `RAYON_NUM_THREADS` says.
fn start_threads(count: usize) -> Result<(), Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count).stack_size(STACK).build_global();
    pool.map_err(|e| {
        Failure::new(Code::Usage, format!("the threads cannot be started: {e}")).hint("--threads 1")
    })
}

/// Bytes of stack of a thread: those of a main thread, because the first of them runs the verb.
const STACK: usize = 8 << 20;

/// Runs the program and returns its exit code.
pub fn main() -> ExitCode {
    let Program { verb, options } =
        Program::from_arg_matches(&command().get_matches()).unwrap_or_else(|e| e.exit());
    let verb = verb.unwrap_or(Verb::Tour(tour::Args::default()));
    match start_threads(options.threads.map_or(0, usize::from)) {
        // Inside of the pool: a loop that is split then wakes one thread less, and nobody waits for all of them.
        Ok(()) => rayon::scope(|_| {
            let terminal = Terminal::new(options);
            end(run(&verb, &terminal), &terminal)
        }),
        Err(failure) => end(Err(failure), &Terminal::new(options)),
    }
}

/// The command line of the program, in which `-1` is a number and never an option.
fn command() -> clap::Command {
    fn with_negative_numbers(command: clap::Command) -> clap::Command {
        command.allow_negative_numbers(true).mut_subcommands(with_negative_numbers)
    }
    with_negative_numbers(Program::command())
}

/// The exit code, once everything is said.
fn end(done: Done, terminal: &Terminal) -> ExitCode {
    match done.and_then(|code| terminal.flush().map(|()| code)) {
        Ok(code) => code.into(),
        Err(failure) => {
            complain(&failure, terminal);
            failure.code().into()
        }
    }
}

/// `error: ..` and `hint: ..` on standard error, and an event with `--json`.
fn complain(failure: &Failure, terminal: &Terminal) {
    let hint = match failure {
        Failure::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return,
        Failure::Told { hint, .. } => hint.as_deref(),
        Failure::Output(_) => None,
    };
    let (code, message) = (failure.code() as u8, failure.to_string());
    // The exit code tells it even if the pipe is closed by now.
    let _ = terminal.event("error", json!({ "code": code, "message": message, "hint": hint }));
    terminal.complain(&format!("{} {message}", terminal::paint(terminal::BAD, "error:")));
    if let Some(hint) = hint {
        terminal.complain(&format!("{} {hint}", terminal::paint(terminal::BOLD, "hint:")));
    }
}
