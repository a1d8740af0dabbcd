//! `mmt tokens`: the tokens of a text, of patients, of a picture or of a sound, as models read them.

pub mod patients;
mod regions;
mod seen;
mod text;

use std::path::PathBuf;

use mmt_report::{file, svg};
use serde_json::json;

use crate::failure::{Done, Failure};
use crate::terminal::Terminal;

/// The tokens of a text, patients, a picture or a sound, as models read them
///
/// Exit code: 0 done, 2 the command line is wrong, 3 a file is invalid.
#[derive(clap::Args, Debug)]
#[group(multiple = true)]
#[command(override_usage = "mmt tokens <--text STR | --ehr FILE | --image FILE | --wav FILE> [OPTIONS]")]
pub struct Args {
    /// A text: its words, or with --vocab its pieces
    #[arg(long, value_name = "STR", conflicts_with = "ehr")]
    text: Option<String>,
    /// A file with a word piece on every line, `vocab.txt`, for --text
    #[arg(long, value_name = "FILE", requires = "text", conflicts_with_all = ["ehr", "image", "wav"])]
    vocab: Option<PathBuf>,
    /// A file with a visit on every line, `D01 D07 | M02`, and an empty line between patients; the codes are those of the
    /// synthetic data set `ehr`, or those of --diagnoses and --medications
    #[arg(long, value_name = "FILE")]
    ehr: Option<PathBuf>,
    /// A file with a diagnosis on every line and its classes up to the root, `I10 hypertension heart root`, for --ehr
    #[arg(long, value_name = "FILE", requires = "ehr", conflicts_with_all = ["text", "image", "wav"])]
    diagnoses: Option<PathBuf>,
    /// The same of medications, for --ehr
    #[arg(long, value_name = "FILE", requires = "ehr", conflicts_with_all = ["text", "image", "wav"])]
    medications: Option<PathBuf>,
    /// A PNG file: its patches. Transparent pixels lie on white paper
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "ehr"])]
    image: Option<PathBuf>,
    /// Rows and columns of a patch, for --image
    #[arg(long, value_name = "N", default_value_t = 16, requires = "image", conflicts_with_all = ["text", "ehr", "wav"], value_parser = clap::value_parser!(u16).range(1..))]
    patch: u16,
    /// Leave out what does not fill a patch at the right and the lower edge, for --image
    #[arg(long, requires = "image", group = "cutting", conflicts_with_all = ["boxes", "text", "ehr", "wav"])]
    crop: bool,
    /// A file with a box on every line, `left top right bottom` in pixels and what it shows, for --image: regions instead of patches
    #[arg(long, value_name = "FILE", requires = "image", conflicts_with_all = ["patch", "text", "ehr", "wav"])]
    boxes: Option<PathBuf>,
    /// A WAV file: its spectrogram and the patches of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "ehr", "image"])]
    wav: Option<PathBuf>,
    /// Also write a drawing to DIR/tokens-image.svg, tokens-regions.svg, tokens-sound.svg, tokens-text.svg or
    /// tokens-ehr.svg
    #[arg(long, group = "drawing")]
    svg: bool,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    if let (Some(path), Some(boxes)) = (&args.image, &args.boxes) {
        return regions::regions(path, boxes, args.svg, terminal);
    }
    if let Some(path) = &args.image {
        return seen::image(path, (usize::from(args.patch), args.crop), args.svg, terminal);
    }
    if let Some(path) = &args.wav {
        return seen::sound(path, args.svg, terminal);
    }
    match (&args.text, &args.vocab, &args.ehr) {
        (Some(text), Some(vocab), _) => text::pieces(text, vocab, args.svg, terminal),
        (Some(text), None, _) => text::words(text, args.svg, terminal),
        (None, _, Some(path)) => {
            let trees = [args.diagnoses.as_deref(), args.medications.as_deref()];
            patients::patients(path, trees, args.svg, terminal)
        }
        (None, _, None) => {
            Err(Failure::usage("what to read: --text STR, --ehr FILE, --image FILE or --wav FILE"))
        }
    }
}

/// Says how many of all tokens a model reads, if not all of them.
fn left_out(read: usize, all: usize, which: &str, terminal: &Terminal) -> Result<(), Failure> {
    if read >= all {
        return Ok(());
    }
    terminal.event("left_out", json!({ "tokens": all, "read": read, "which": which }))?;
    terminal.line(format_args!("the {which} {read} of {all}: models read no more"))
}

/// Writes the drawing of `kind`.
fn save(kind: &str, drawing: &str, terminal: &Terminal) -> Result<(), Failure> {
    let path = terminal.options.out().join(format!("tokens-{kind}.svg"));
    file::write(&path, svg::alone(drawing).as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    terminal.event("saved", json!({ "path": path.display().to_string() }))?;
    terminal.line("")?;
    terminal.line(format_args!("saved {}", path.display()))
}
