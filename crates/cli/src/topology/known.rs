//! What `mmt topology` is asked about: an expression with the sizes of its inputs, read and checked.

use mmt_fusion::topology::{Cost, Inputs, NAMED, Named, Shape, Sizes, Topology, cost, parse, shapes};
use mmt_tensor::Ragged;
use serde_json::json;

use crate::failure::Failure;
use crate::names::did_you_mean;
use crate::terminal::{Terminal, shorten};

#[derive(clap::Args, Debug)]
pub struct What {
    /// A name of `mmt topology list`, a system that uses it, or an expression: "Tf(1, 2, Cat[In a, In t])"
    topology: String,
    /// Tokens and width of a modality, for example a=9x32; 8 tokens of the width of the model if not said
    #[arg(long = "in", value_name = "M=NxD", value_parser = size)]
    inputs: Vec<(String, usize, usize)>,
    /// Width of the model
    #[arg(long, default_value_t = 32)]
    width: usize,
    /// Heads of attention
    #[arg(long, default_value_t = 4)]
    heads: usize,
    /// Hidden width of the feed-forward networks; four times the width if not said
    #[arg(long)]
    hidden: Option<usize>,
}

/// `a=9x32`
fn size(text: &str) -> Result<(String, usize, usize), String> {
    let parts = text.split_once('=').and_then(|(name, size)| Some((name, size.split_once('x')?)));
    let parsed = parts.and_then(|(name, (n, d))| Some((name.to_string(), n.parse().ok()?, d.parse().ok()?)));
    parsed.ok_or_else(|| "expected a modality, tokens and width: a=9x32".to_string())
}

/// A topology whose types fit.
pub struct Known {
    pub topology: Topology,
    pub places: Vec<String>,
    pub inputs: Inputs,
    pub sizes: Sizes,
    pub shapes: Vec<Shape>,
    pub each: Vec<Cost>,
    pub all: Cost,
    pub warnings: Vec<String>,
}

impl Known {
    /// Reads and checks what was asked for.
    pub fn of(what: &What) -> Result<Self, Failure> {
        let named = Named::find(&what.topology);
        let text = named.map_or_else(|| what.topology.clone(), |named| (named.text)());
        let text = text.as_str();
        let word = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if named.is_none() && word {
            let names = NAMED.iter().flat_map(|named| named.used_by().chain([named.name]));
            let hint = did_you_mean(text, names);
            return Err(Failure::usage(format!("no topology is called `{text}`")).hint(hint));
        }
        let parsed = parse(text).map_err(|e| Failure::usage(e.to_string()).hint(around(text, e.offset)))?;
        let topology = parsed.topology;
        let sizes = Sizes {
            width: what.width,
            heads: what.heads,
            hidden: what.hidden.unwrap_or(what.width.saturating_mul(4)),
        };
        let mut inputs: Inputs =
            topology.modalities().into_iter().map(|m| (m, (Ragged::one(8), what.width))).collect();
        let offered: Vec<String> = what.inputs.iter().map(|(m, ..)| m.clone()).collect();
        set_sizes(&what.inputs, &mut inputs)?;
        let wrong = |node: usize, error: &dyn std::fmt::Display| {
            let place = &parsed.places[node];
            Failure::usage(format!("{}: {error}", shorten(&text[place.clone()], 60)))
                .hint(around(text, place.start))
        };
        let shapes = shapes(&topology, &inputs, &sizes).map_err(|e| wrong(e.node, &e.error))?;
        topology.check_used().map_err(|e| wrong(e.node, &e.error))?;
        let last = topology.nodes().len() - 1;
        let (each, all) = cost(&topology, &shapes, &sizes).map_err(|e| wrong(last, &e))?;
        let places = parsed.places.iter().map(|place| text[place.clone()].to_string()).collect();
        let warnings = topology.warnings(&offered);
        Ok(Known { topology, places, inputs, sizes, shapes, each, all, warnings })
    }

    /// What is allowed and yet odd.
    pub fn warn(&self, terminal: &Terminal) -> Result<(), Failure> {
        for warning in &self.warnings {
            terminal.event("warning", json!({ "message": warning }))?;
            terminal.line(format_args!("warning     {warning}"))?;
        }
        Ok(())
    }
}

/// The text from a place on, which says where the mistake is.
pub fn around(text: &str, offset: usize) -> String {
    let rest = text.get(offset..).unwrap_or("");
    if rest.is_empty() {
        "at the end of the text".to_string()
    } else {
        format!("here: {}", shorten(&rest.replace(char::is_whitespace, " "), 60))
    }
}

/// The sizes of modalities that are given, each once and each one that the topology reads.
fn set_sizes(given: &[(String, usize, usize)], inputs: &mut Inputs) -> Result<(), Failure> {
    for (i, (modality, n, d)) in given.iter().enumerate() {
        if !inputs.contains_key(modality) {
            let known: Vec<&str> = inputs.keys().map(String::as_str).collect();
            let message =
                format!("--in {modality}: the topology reads no such modality, but {}", known.join(", "));
            return Err(Failure::usage(message));
        }
        if given[..i].iter().any(|(earlier, ..)| earlier == modality) {
            return Err(Failure::usage(format!("--in {modality}: given twice")));
        }
        inputs.insert(modality.clone(), (Ragged::one(*n), *d));
    }
    Ok(())
}
