//! `mmt topology`: combinations of modalities as expressions, with what they are and what they cost.

mod known;

use mmt_equations::checks::topology::gradient_check;
use mmt_fusion::topology::{
    Cost, Inputs, NAMED, Program, Sequence, Shape, Sizes, Timing, kinds, provenance, taxonomy,
};
use mmt_tensor::testing::shake;
use mmt_tensor::{Dual, Ragged, Random};
use serde_json::json;

use self::known::{Known, What};
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Align, BAD, BOLD, GOOD, Precision, Terminal, paint, shorten, table, wrap};

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
    Show(What),
    /// Check types and parameters, and hold the gradients against dual numbers in small sizes
    Check(What),
    /// Show what every node costs: operations, activations, parameters
    Cost(What),
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None | Some(Action::List) => list(terminal),
        Some(Action::Show(what)) => show(&Known::of(what)?, terminal),
        Some(Action::Check(what)) => check(&Known::of(what)?, terminal),
        Some(Action::Cost(what)) => costs(&Known::of(what)?, terminal),
    }
}

fn list(terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "topology")?;
    let mut cells = vec![vec!["name".to_string(), "used by".to_string()]];
    for named in NAMED {
        let fields = json!({ "name": named.name, "text": named.text, "systems": named.systems });
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

fn show(known: &Known, terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "topology")?;
    for line in wrap(&known.topology.to_string(), 76) {
        terminal.line(paint(BOLD, line))?;
    }
    terminal.line("")?;
    let influence = provenance(&known.topology, &known.shapes);
    let mut cells =
        vec![["node", "expression", "shape", "tokens of", "influenced by"].map(String::from).to_vec()];
    for (i, place) in known.places.iter().enumerate() {
        let own = match &known.shapes[i] {
            Shape::Sequence(s) | Shape::Pair(s, _) => {
                let names = s.segments.iter().map(|s| set(s.origin.iter()));
                names.collect::<Vec<_>>().join(" ")
            }
        };
        let by = influence[i][0].iter().map(|known| set(known.iter())).collect::<Vec<_>>().join(" ");
        let fields = json!({ "node": i, "expression": place, "shape": size_of(&known.shapes[i]), "tokens_of": own,
            "influenced_by": by });
        terminal.event("node", fields)?;
        cells.push(vec![i.to_string(), shorten(place, 30), size_of(&known.shapes[i]), own, by]);
    }
    for line in table(&[Align::Right, Align::Left, Align::Left, Align::Left, Align::Left], &cells) {
        terminal.line(line)?;
    }
    terminal.line("")?;
    labels(known, terminal)?;
    known.warn(terminal)?;
    Ok(Code::Ok)
}

/// `a+t`, or `_` for nobody.
fn set<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "_".to_string() } else { names.join("+") }
}

fn labels(known: &Known, terminal: &Terminal) -> Result<(), Failure> {
    let Cost { flops, activations, parameters } = known.all;
    if let Ok(labels) = taxonomy(&known.topology, &known.shapes) {
        let (stream, position) = (format!("{:?}", labels.stream).to_lowercase(), labels.position());
        let timing = match labels.timing {
            Timing::None => "no interaction".to_string(),
            timing => format!("{timing:?} interaction").to_lowercase(),
        };
        let fields =
            json!({ "stream": stream, "timing": timing, "position": position, "depth": labels.depth });
        terminal.event("taxonomy", fields)?;
        terminal.line(format_args!(
            "taxonomy    {stream}-stream, {timing}, position {position:.2} of {} layers (eq-3-taxonomy)",
            labels.depth
        ))?;
    }
    let fields = json!({ "flops": flops.to_string(), "activations": activations.to_string(),
        "parameters": parameters.to_string() });
    terminal.event("cost", fields)?;
    terminal.line(format_args!("cost        {} operations forward, exact (eq-3-cost)", grouped(flops)))?;
    terminal.line(format_args!(
        "            {} numbers kept (eq-3-mem), {} parameters",
        grouped(activations),
        grouped(parameters)
    ))
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
    // In small sizes, equal where they were equal, so that the check takes no time.
    let small = |d: usize| if d == known.sizes.width { 8 } else { 2 + 2 * (d % 5) };
    let sizes = Sizes { width: 8, heads: 2, hidden: 12 };
    let inputs: Inputs = (known.inputs.iter())
        .map(|(m, (rows, d))| (m.clone(), (Ragged::one(rows.tokens().min(4)), small(*d))))
        .collect();
    let random = &mut Random::seed(7);
    let checked = Program::<Dual>::new(known.topology.clone(), &inputs, sizes, random).and_then(|program| {
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
