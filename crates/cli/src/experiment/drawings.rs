//! The numbers of an experiment as figures.

use mmt_fusion::topology::{parse, shapes};
use mmt_lab::experiments::{Band, Outcome, Series};
use mmt_lab::net::SIZES;
use mmt_lab::stats::{Estimate, accuracy as accuracy_of, mean};
use mmt_report::experiment::Drawing;
use mmt_report::figures::lines::{self, Axes, Scale, lines};
use mmt_report::figures::scatter::{Point, scatter};
use mmt_report::figures::topology::topology;
use mmt_report::figures::verdicts::{Bar, verdicts};

use crate::topology::picture::steps;

pub fn percent(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

pub fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| s.to_string()).collect()
}

/// The accuracy of every series with its interval.
pub fn estimates(outcome: &Outcome) -> Vec<Estimate> {
    outcome.series.iter().map(|s| accuracy_of(&s.values(), s.pictures())).collect()
}

/// Bars with their bands.
pub fn accuracy(outcome: &Outcome, estimates: &[Estimate]) -> Drawing {
    let band_of = |s: &Series| {
        let claim = format!("accuracy of {}", s.name);
        let band: Option<&Band> = outcome.bands.iter().find(|band| band.claim == claim);
        band.map(|band| (band.low.unwrap_or(0.0), band.high.unwrap_or(1.0)))
    };
    let bars: Vec<Bar> = (outcome.series.iter().zip(estimates).enumerate())
        .map(|(color, (s, estimate))| {
            let (interval, seeds) = ((estimate.low, estimate.high), s.accuracies());
            Bar { name: s.name.clone(), color, accuracy: s.accuracy(), interval, seeds, band: band_of(s) }
        })
        .collect();
    let alone = outcome
        .series
        .iter()
        .filter(|s| !s.topology.contains("Cat") && s.topology.matches("In ").count() == 1);
    let across: Vec<(f64, String)> = alone.map(|s| (s.accuracy(), format!("{} alone", s.name))).collect();
    let across = if across.len() == 2 { across } else { vec![] };
    let rows = bars.iter().map(|b| {
        let each: Vec<String> = b.seeds.iter().map(|&a| percent(a)).collect();
        vec![
            b.name.clone(),
            percent(b.accuracy),
            percent(b.interval.0),
            percent(b.interval.1),
            each.join(", "),
        ]
    });
    Drawing {
        rows: rows.collect(),
        svg: verdicts(&bars, &across, "Accuracy", "Right answers of every model, with intervals and bands."),
        caption:
            "Bars are means over the seeds, dots the seeds, lines the intervals; the gray field is the band."
                .to_string(),
        head: strings(&["model", "accuracy", "from", "to", "each seed"]),
    }
}

/// Accuracy over steps.
pub fn learning(outcome: &Outcome) -> Drawing {
    let line = |(color, s): (usize, &Series)| {
        let point = |i: usize| {
            let values: Vec<f64> = s.curves.iter().map(|curve| curve[i].1).collect();
            let (low, high) =
                (values.iter().copied().fold(1.0, f64::min), values.iter().copied().fold(0.0, f64::max));
            [s.curves[0][i].0 as f64, mean(&values), low, high]
        };
        lines::Line { name: s.name.clone(), color, points: (0..s.curves[0].len()).map(point).collect() }
    };
    let all: Vec<lines::Line> = outcome.series.iter().enumerate().map(line).collect();
    let axes = Axes { across: "steps", up: "accuracy", scale: Scale::Percent };
    let rows = all.iter().flat_map(|line| {
        line.points.iter().map(|p| {
            vec![line.name.clone(), format!("{}", p[0]), percent(p[1]), percent(p[2]), percent(p[3])]
        })
    });
    Drawing {
        rows: rows.collect(),
        svg: lines(&all, &axes, "Accuracy while training", "Accuracy over steps, one line per model."),
        caption:
            "A flat stretch is a plateau and not an inability: what matters is where a line goes after it."
                .to_string(),
        head: strings(&["model", "step", "mean", "least", "most"]),
    }
}

/// Cost and accuracy.
pub fn cost(outcome: &Outcome, estimates: &[Estimate]) -> Drawing {
    let points: Vec<Point> = (outcome.series.iter().zip(estimates).enumerate())
        .map(|(color, (s, estimate))| {
            let (cost, interval) = (s.flops as f64 / 1e3, (estimate.low, estimate.high));
            Point { name: s.name.clone(), color, cost, accuracy: s.accuracy(), interval }
        })
        .collect();
    let row = |s: &Series| {
        vec![s.name.clone(), s.flops.to_string(), s.parameters.to_string(), percent(s.accuracy())]
    };
    Drawing {
        svg: scatter(&points, "thousand operations", "Cost and accuracy", "Accuracy over operations."),
        caption: "Models on the upper left give more for less.".to_string(),
        head: strings(&["model", "operations", "parameters", "accuracy"]),
        rows: outcome.series.iter().map(row).collect(),
    }
}

/// A topology for each model.
pub fn topologies(outcome: &Outcome) -> Vec<Drawing> {
    outcome.series.iter().filter_map(drawn).collect()
}

fn drawn(s: &Series) -> Option<Drawing> {
    let parsed = parse(&s.topology).ok()?.topology;
    let shapes = shapes(&parsed, &s.nets.first()?.task.example_shapes(1, SIZES.width), &SIZES).ok()?;
    // All of the task, so that a modality has one color in all drawings.
    let names: Vec<String> = s.nets.first()?.task.modalities().iter().map(|m| m.name.to_string()).collect();
    let svg = topology(&names, &steps(&parsed, &shapes, &names), &s.name, &s.topology);
    Some(Drawing { svg, caption: format!("{}: {}", s.name, s.topology), head: vec![], rows: vec![] })
}
