//! A bug whose answer is that of a program.

use std::fmt;

use serde::Serialize;

use crate::outcome::number;
use crate::report::score;

/// The part of an answer that is that of a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Every array.
    All,
    /// What is no gradient.
    Forward,
    /// The array of this name, the first that is wrong.
    Array(String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Part::All => "all",
            Part::Forward => "forward",
            Part::Array(key) => key,
        })
    }
}

/// A bug whose answer was found in that of a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// Its name in the catalogue.
    pub bug: String,
    /// What it does.
    pub text: String,
    /// How far the answer is from that of the bug.
    #[serde(serialize_with = "number")]
    pub score: f64,
    /// Of which part of the answer.
    #[serde(serialize_with = "word")]
    pub part: Part,
}

fn word<S: serde::Serializer>(x: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(x)
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.part {
            Part::All => f.write_str("matches")?,
            Part::Forward => f.write_str("the forward alone matches")?,
            Part::Array(key) => write!(f, "{key} alone matches")?,
        }
        write!(f, " bug '{}': {} (score {})", self.bug, self.text, score(self.score))
    }
}
