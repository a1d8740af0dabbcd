//! What comes out of an experiment.

use super::{Band, Series};
use crate::net::looks::Look;

/// Results, verdicts, and what can be drawn.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was trained.
    pub series: Vec<Series>,
    /// The verdicts.
    pub bands: Vec<Band>,
    /// Further numbers.
    pub tables: Vec<Table>,
    /// Drawings beside those of the series.
    pub figures: Vec<Figure>,
    /// What has to be known to read the numbers.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Whether every claim holds.
    pub fn holds(&self) -> bool {
        self.bands.iter().all(Band::holds)
    }

    /// A series by name.
    ///
    /// # Panics
    /// If there is none.
    pub fn series(&self, name: &str) -> &Series {
        self.series.iter().find(|series| series.name == name).expect("a series of this experiment")
    }
}

/// Numbers in rows and columns, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What they are.
    pub title: String,
    /// The names of the columns.
    pub head: Vec<String>,
    /// As many cells in each.
    pub rows: Vec<Vec<String>>,
}

/// A drawing beside those of the series.
#[derive(Clone, Debug)]
pub enum Figure {
    /// Lines over a horizontal axis.
    Lines {
        /// What is shown.
        title: String,
        /// The horizontal axis.
        across: &'static str,
        /// The vertical axis.
        up: &'static str,
        /// Names with points.
        lines: Vec<Line>,
        /// Whether both axes are logarithmic.
        logarithmic: bool,
    },
    /// How much the class token looks at the left and the right half of a picture: by layer and question.
    Sides(Vec<Vec<(String, f64, f64)>>),
    /// Accuracy with everything, and without each modality: name, then parts in the order of the columns.
    Missing {
        /// `everything`, `without image`, ..
        columns: Vec<String>,
        /// Names with accuracies.
        rows: Vec<(String, Vec<f64>)>,
    },
    /// What a net looks at in one example.
    Example(Box<Example>),
}

/// Points of a line, with a range at each.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Across, up, and the lower and upper end of the range.
    pub points: Vec<[f64; 4]>,
}

/// A sample with the answer to it and the weights of every layer.
#[derive(Clone, Debug)]
pub struct Example {
    /// The topology.
    pub name: String,
    /// Rows of pixels from 0 to 1.
    pub picture: Vec<Vec<f64>>,
    /// The words, the class token first.
    pub words: Vec<String>,
    /// The right answer.
    pub answer: usize,
    /// The net's answer.
    pub answered: usize,
    /// Every layer's weights.
    pub looks: Vec<Look>,
}
