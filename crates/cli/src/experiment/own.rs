//! The figures that an experiment draws beside those of its models.

use mmt_lab::experiments::{Example, Figure, Line};
use mmt_report::experiment::Drawing;
use mmt_report::figures::lines::{self, Axes, Scale, lines};
use mmt_report::figures::missing::{Row, missing};
use mmt_report::figures::shares::{Share, shares};

use super::drawings::{percent, strings};
use crate::attention::{heads, matrix};

/// What an experiment draws itself.
pub fn figure(figure: &Figure) -> Vec<Drawing> {
    match figure {
        Figure::Lines { title, across, up, lines: list, logarithmic } => {
            vec![plain_lines(title, (across, up), list, *logarithmic)]
        }
        Figure::Sides(layers) => vec![sides(layers)],
        Figure::Missing { columns, rows } => vec![without(columns, rows)],
        Figure::Example(example) => looks(example),
    }
}

fn plain_lines(title: &str, (across, up): (&str, &str), list: &[Line], logarithmic: bool) -> Drawing {
    let line =
        |(color, l): (usize, &Line)| lines::Line { name: l.name.clone(), color, points: l.points.clone() };
    let all: Vec<lines::Line> = list.iter().enumerate().map(line).collect();
    let scale = if logarithmic { Scale::Logarithmic } else { Scale::Linear };
    let rows = all.iter().flat_map(|line| {
        line.points.iter().map(|p| vec![line.name.clone(), format!("{}", p[0]), format!("{:.4}", p[1])])
    });
    Drawing {
        rows: rows.collect(),
        svg: lines(&all, &Axes { across, up, scale }, title, title),
        caption: title.to_string(),
        head: strings(&["line", across, up]),
    }
}

fn sides(layers: &[Vec<(String, f64, f64)>]) -> Drawing {
    let share = |(question, left, right): &(String, f64, f64)| Share {
        question: question.clone(),
        left: *left,
        right: *right,
    };
    let all: Vec<Vec<Share>> = layers.iter().map(|layer| layer.iter().map(share).collect()).collect();
    let rows = layers.iter().enumerate().flat_map(|(l, layer)| {
        layer.iter().map(move |(q, left, right)| {
            vec![format!("{}", l + 1), q.clone(), format!("{left:.2}"), format!("{right:.2}")]
        })
    });
    let title = "Which side each layer looks at";
    Drawing {
        rows: rows.collect(),
        svg: shares(&all, title, "Mean attention of the class token to the left and to the right digit."),
        caption: "early-concat: mean weights of the class token over 500 questions and all seeds."
            .to_string(),
        head: strings(&["layer", "question", "left digit", "right digit"]),
    }
}

fn without(columns: &[String], list: &[(String, Vec<f64>)]) -> Drawing {
    let rows: Vec<Row> =
        list.iter().map(|(name, parts)| Row { name: name.clone(), parts: parts.clone() }).collect();
    let cells = list.iter().map(|(name, parts)| {
        std::iter::once(name.clone()).chain(parts.iter().map(|&p| percent(p))).collect()
    });
    Drawing {
        rows: cells.collect(),
        svg: missing(columns, &rows, "Without a modality", "Accuracy with both modalities and without each."),
        caption: "The number is the worst of the three.".to_string(),
        head: std::iter::once("model".to_string()).chain(columns.iter().cloned()).collect(),
    }
}

/// The class token in the last layer that has it, head by head, and the words over the patches.
fn looks(example: &Example) -> Vec<Drawing> {
    let Some(last) = example.looks.iter().rev().find(|look| look.sees("text", "image")) else {
        return vec![];
    };
    let question = example.words[1..].join(" ");
    let verdict = if example.answered == example.answer { "correct" } else { "wrong" };
    let said = format!("{}: {question}? {}, {verdict}", example.name, example.answered);
    let svg = heads(&example.picture, last, &said);
    let matrix = matrix(&example.words, last, "words over patches, mean of the heads");
    vec![
        Drawing { svg, caption: format!("{said}. One panel for each head."), head: vec![], rows: vec![] },
        Drawing {
            svg: matrix,
            caption: "Row and column of the patch; in percent of each word's weight.".to_string(),
            head: vec![],
            rows: vec![],
        },
    ]
}
