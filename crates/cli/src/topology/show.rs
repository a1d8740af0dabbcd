//! `mmt topology show`: every node of a topology, its labels and its cost.

use std::collections::BTreeSet;

use mmt_fusion::topology::{Cost, Shape, Timing, ViltClass, provenance, taxonomy, vilt_class, vilt_costs};
use mmt_report::figures::topology::topology;
use mmt_report::{file, svg};
use serde_json::json;

use super::known::Known;
use super::rails::rails;
use super::{grouped, picture, size_of};
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, shorten, table, wrap};

/// Shows it, and draws it if that is asked for.
pub fn run(known: &Known, svg: bool, terminal: &Terminal) -> Done {
    show(known, terminal)?;
    if svg { drawing(known, terminal) } else { Ok(Code::Ok) }
}

fn show(known: &Known, terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "topology")?;
    for line in wrap(&known.topology.to_string(), 76) {
        terminal.line(paint(BOLD, line))?;
    }
    terminal.line("")?;
    let influence = provenance(&known.topology, &known.shapes);
    let mut cells =
        vec![["node", "", "expression", "shape", "tokens of", "influenced by"].map(String::from).to_vec()];
    let rails = rails(&known.topology);
    for (i, place) in known.places.iter().enumerate() {
        let sequences = match &known.shapes[i] {
            Shape::Sequence(s) => vec![s],
            Shape::Pair(a, b) => vec![a, b],
        };
        // Of a pair both, as in its shape.
        let own = sequences.iter().map(|s| sets(s.segments.iter().map(|s| &s.origin)));
        let own = own.collect::<Vec<_>>().join(", ");
        let by = influence[i].iter().map(|known| sets(known.iter())).collect::<Vec<_>>().join(", ");
        let fields = json!({ "node": i, "expression": place, "shape": size_of(&known.shapes[i]), "tokens_of": own,
            "influenced_by": by });
        terminal.event("node", fields)?;
        let (rail, size) = (rails[i].clone(), size_of(&known.shapes[i]));
        cells.push(vec![i.to_string(), rail, shorten(place, 28), size, own, by]);
    }
    let left = Align::Left;
    for line in table(&[Align::Right, left, left, left, left, left], &cells) {
        terminal.line(line)?;
    }
    terminal.line("")?;
    labels(known, terminal)?;
    known.warn(terminal)?;
    Ok(Code::Ok)
}

fn drawing(known: &Known, terminal: &Terminal) -> Done {
    let text = known.topology.to_string();
    let names = known.topology.modalities();
    let steps = picture::steps(&known.topology, &known.shapes, &names);
    let drawing = topology(&names, &steps, "Topology", &text);
    let path = terminal.options.out().join("topology.svg");
    file::write(&path, svg::alone(&drawing).as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    terminal.event("drawing", json!({ "path": path.display().to_string() }))?;
    terminal.advice(format_args!("drawing     {}", path.display()))?;
    Ok(Code::Ok)
}

/// One word for each segment: `a+t`, or `_` for nobody.
fn sets<'a>(segments: impl Iterator<Item = &'a BTreeSet<String>>) -> String {
    let word = |names: &BTreeSet<String>| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() { "_".to_string() } else { names.join("+") }
    };
    segments.map(word).collect::<Vec<_>>().join(" ")
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
        class(known, terminal)?;
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

/// ViLT's class of a topology of two modalities, the first of them as the picture and the second as the text.
fn class(known: &Known, terminal: &Terminal) -> Result<(), Failure> {
    let [a, t] = &known.topology.modalities()[..] else { return Ok(()) };
    let costs = vilt_costs(&known.topology, &known.shapes, &known.each, (a, t), |cost| cost.flops);
    let Ok(class) = vilt_class(costs.0, costs.1, costs.2) else { return Ok(()) };
    let said = match class {
        Some(ViltClass::A) => format!("(a), operations of {a} > {t} > both"),
        Some(ViltClass::B) => format!("(b), operations of {a} = {t} > both"),
        Some(ViltClass::C) => format!("(c), operations of {a} > both > {t}"),
        Some(ViltClass::D) => format!("(d), operations of both > {a} = {t}"),
        None => "none of ViLT's four".to_string(),
    };
    let letter = class.map(|class| format!("{class:?}").to_lowercase());
    let fields = json!({ "letter": letter, "visual": costs.0, "textual": costs.1, "interaction": costs.2 });
    terminal.event("class", fields)?;
    terminal.line(format_args!("class       {said} (eq-3-vilt-class)"))
}
