//! `mmt explain`: a formula and its gradient with the reader's own numbers.

mod attention;
mod ffn;
mod inputs;
mod layer_norm;
mod multi_head;
mod sheet;
mod show;
mod softmax;

use clap::ValueEnum;
use mmt_equations::register;
use mmt_tensor::{Real, Result};
use ndarray::Array2;

use crate::equations::unknown;
use crate::failure::{Done, Failure};
use crate::names::selects;
use crate::terminal::Terminal;
use inputs::Input;
use sheet::Sheet;

/// A formula and its gradient with your own numbers
///
/// Worked examples: eq-0.2 softmax, eq-1.1 attention, eq-1.3 multi-head attention, eq-1.7 feed-forward network,
/// eq-1.12 layer normalization. Exit code 1: a gradient does not agree with the exact derivative.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The id, or its number: eq-1.1
    id: String,
    /// Show the gradient too, and hold it against dual numbers
    #[arg(long)]
    backward: bool,
    /// Rows: queries or tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    n: Option<u8>,
    /// Keys, or the hidden width of a feed-forward network
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    m: Option<u8>,
    /// Width of a row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    d: Option<u8>,
    /// Heads of multi-head attention
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    heads: Option<u8>,
    /// An input, row by row: Q=1,0;0,1
    #[arg(long, value_name = "NAME=ROWS", allow_hyphen_values = true)]
    set: Vec<String>,
    /// Who may see whom
    #[arg(long, value_enum)]
    mask: Option<MaskKind>,
    /// Leave the sum over the row out of the gradient of the softmax, to see what breaks
    #[arg(long)]
    drop_rowsum: bool,
    /// Leave the scale out of the gradient of the scores, to see what breaks
    #[arg(long)]
    drop_scale: bool,
    /// Leave the mean of the gradient out of that of the layer norm, to see what breaks
    #[arg(long)]
    drop_mean: bool,
    /// Print the formulas in LaTeX
    #[arg(long)]
    tex: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MaskKind {
    /// Every query sees every key
    None,
    /// A query sees the keys up to its own position
    Causal,
}

/// What an example is told besides its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    n: usize,
    m: usize,
    d: usize,
    heads: usize,
    causal: bool,
    dropped: Option<Term>,
}

/// A term of a gradient that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// `rowsum(dP * P)`
    Rowsum,
    /// `1 / √d`
    Scale,
    /// `mean(g)`
    Mean,
}

impl Term {
    fn name(self) -> &'static str {
        match self {
            Term::Rowsum => "sum over the row",
            Term::Scale => "scale",
            Term::Mean => "mean of the gradient",
        }
    }
}

/// A worked example.
trait Lesson {
    /// The id of the formula.
    const ID: &'static str;
    /// The name of the formula in words.
    const NAME: &'static str;
    /// `n`, `m`, `d`, if nobody says otherwise.
    const SIZES: [usize; 3];
    /// Terms of the gradient that can be left out.
    const TERMS: &'static [Term];
    /// Whether it has a mask.
    const MASKED: bool;
    /// Whether it has heads.
    const HEADS: bool = false;

    /// The inputs, of which the last is the gradient of the output.
    fn inputs(settings: &Settings) -> Vec<Input>;
    /// The formula.
    fn forward<R: Real>(inputs: &[Array2<R>], settings: &Settings) -> Result<Array2<R>>;
    /// Everything there is to see, and the hand-derived gradients of all inputs but the last.
    fn teach(inputs: &[Array2<f64>], settings: &Settings) -> Result<Lecture>;
}

/// What an example shows.
struct Lecture {
    /// Stands behind the shapes of the inputs.
    note: String,
    forward: Sheet,
    backward: Sheet,
    gradients: Vec<Array2<f64>>,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let mut done = None;
    let mut ids = Vec::new();
    macro_rules! lessons {
        ($($lesson:ty),*) => {$(
            ids.push(<$lesson>::ID);
            if done.is_none() && selects(&args.id, <$lesson>::ID) {
                done = Some(show::explain::<$lesson>(args, terminal));
            }
        )*};
    }
    lessons!(
        softmax::Softmax,
        attention::Attention,
        multi_head::MultiHeads,
        ffn::FeedForward,
        layer_norm::Norm
    );
    done.unwrap_or_else(|| match register().find(|row| selects(&args.id, row.id)) {
        Some(row) => Err(Failure::usage(format!("there is no worked example of {}", row.id)).hint(format!(
            "mmt equations show {}; worked examples: {}",
            row.id,
            ids.join(", ")
        ))),
        None => Err(unknown(&args.id)),
    })
}

fn settings<L: Lesson>(args: &Args) -> std::result::Result<Settings, Failure> {
    let flags =
        [(args.drop_rowsum, Term::Rowsum), (args.drop_scale, Term::Scale), (args.drop_mean, Term::Mean)];
    let mut dropped = flags.into_iter().filter(|(set, _)| *set).map(|(_, term)| term);
    let first = dropped.next();
    if dropped.next().is_some() {
        return Err(Failure::usage("only one term can be left out at a time"));
    }
    if let Some(term) = first.filter(|term| !L::TERMS.contains(term)) {
        return Err(Failure::usage(format!("{}: there is no {} to leave out", L::ID, term.name())));
    }
    if args.mask.is_some() && !L::MASKED {
        return Err(Failure::usage(format!("{} has no mask", L::ID)));
    }
    if args.heads.is_some() && !L::HEADS {
        return Err(Failure::usage(format!("{} has no heads", L::ID)));
    }
    let size = |given: Option<u8>, i: usize| given.map_or(L::SIZES[i], usize::from);
    Ok(Settings {
        n: size(args.n, 0),
        m: size(args.m, 1),
        d: size(args.d, 2),
        heads: args.heads.map_or(2, usize::from),
        causal: args.mask == Some(MaskKind::Causal),
        dropped: first,
    })
}
