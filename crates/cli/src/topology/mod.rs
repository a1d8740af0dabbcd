//! `mmt topology`: combinations of modalities as expressions, with what they are and what they cost.

pub mod known;
pub mod picture;
mod rails;
mod show;
mod small;

use mmt_equations::checks::topology::gradient_check;
use mmt_fusion::topology::{Cost, NAMED, Program, Sequence, Shape, kinds};
use mmt_tensor::testing::shake;
use mmt_tensor::{Dual, Random};
use serde_json::json;

use self::known::{Known, What};
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Align, BAD, GOOD, Precision, Terminal, paint, shorten, table};

/// Topologies of fusion: shapes, who influences whom, labels and exact costs of any expression
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List the named topologies
    List,
    /// Show every node of a topology: shape, whose tokens, who influences them; and its labels and cost
    Show {
        #[command(flatten)]
        what: What,
        /// Write the drawing DIR/topology.svg, in the colors of the modalities that influence each token
        #[arg(long)]
        svg: bool,
    },
    /// Check types and parameters, and hold the gradients against dual numbers in small sizes
    Check(What),
    /// Show what every node costs: operations, activations, parameters
    Cost(What),
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None | Some(Action::List) => list(terminal),
        Some(Action::Show { what, svg }) => show::run(&Known::of(what)?, *svg, terminal),
        Some(Action::Check(what)) => check(&Known::of(what)?, terminal),
        Some(Action::Cost(what)) => costs(&Known::of(what)?, terminal),
    }
}

fn list(terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "topology")?;
    let mut cells = vec![vec!["name".to_string(), "used by".to_string()]];
    for named in NAMED {
        let fields = json!({ "name": named.name, "text": (named.text)(), "systems": named.systems });
        terminal.event("topology", fields)?;
        cells.push(vec![named.name.to_string(), named.systems.to_string()]);
    }
    for line in table(&[Align::Left, Align::Left], &cells) {
        terminal.line(line)?;
    }
    terminal.advice("Show one: mmt topology show cross-concat --in a=9x32 --in t=7x32")?;
    Ok(Code::Ok)
}

/// `9x32`, or both of a pair.
fn size_of(shape: &Shape) -> String {
    let one = |s: &Sequence| format!("{}x{}", s.tokens(), s.width);
    match shape {
        Shape::Sequence(sequence) => one(sequence),
        Shape::Pair(a, b) => format!("{}, {}", one(a), one(b)),
    }
}

/// `12 345`
fn grouped(n: u128) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn costs(known: &Known, terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "topology")?;
    let mut cells =
        vec![["expression", "operations", "numbers kept", "parameters"].map(String::from).to_vec()];
    let rows = known.places.iter().map(String::as_str).zip(&known.each);
    for (name, cost) in rows.filter(|(_, cost)| **cost != Cost::default()).chain([("all", &known.all)]) {
        let fields = json!({ "expression": name, "flops": cost.flops.to_string(),
            "activations": cost.activations.to_string(), "parameters": cost.parameters.to_string() });
        terminal.event("cost", fields)?;
        let numbers = [cost.flops, cost.activations, cost.parameters].map(grouped);
        cells.push([vec![shorten(name, 34)], numbers.to_vec()].concat());
    }
    for line in table(&[Align::Left, Align::Right, Align::Right, Align::Right], &cells) {
        terminal.line(line)?;
    }
    terminal.advice("The backward takes twice as many operations.")?;
    Ok(Code::Ok)
}

fn check(known: &Known, terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "topology")?;
    known.warn(terminal)?;
    let (topology, inputs, sizes) = small::sizes(known)?;
    let random = &mut Random::seed(7);
    let checked = Program::<Dual>::new(topology, &inputs, sizes, random).and_then(|program| {
        let program = shake(&program, 1);
        let x = inputs.iter().map(|(m, (rows, d))| (m.clone(), random.uniform((rows.tokens(), *d), 1.0)));
        gradient_check(&program, &x.collect(), &inputs, random)
    });
    let checked = checked.map_err(|e| Failure::new(Code::CheckFailed, format!("in small sizes: {e}")))?;
    let holds = checked.difference() <= 1e-11;
    let count = kinds(&known.topology, &known.shapes, &known.sizes).map_or(0, |kinds| kinds.len());
    terminal.event(
        "check",
        json!({ "nodes": known.places.len(), "parts": count, "numbers": checked.numbers,
            "difference": checked.difference(), "holds": holds }),
    )?;
    terminal
        .line(format_args!("types       {} nodes and {count} sets of parameters fit", known.places.len()))?;
    let mark = if holds { paint(GOOD, "✓") } else { paint(BAD, "✗") };
    terminal.line(format_args!(
        "gradients   by hand against dual numbers: {} numbers, difference {:.1e} {mark}",
        grouped(checked.numbers as u128),
        checked.difference()
    ))?;
    Ok(if holds { Code::Ok } else { Code::CheckFailed })
}
