//! `mmt tokens`: the tokens of a text, of patients, of a picture or of a sound, as models read them.

use std::path::{Path, PathBuf};

use mmt_golden::file::FileError;
use mmt_lab::data::ehr::{CATEGORIES, diagnosis, medication};
use mmt_lab::records::{RecordedVisit, read_patients};
use mmt_lab::words::read_word_piece;
use mmt_tokenizers::ehr::{CodeSet, PatientInput, Serialization, TooLong, VisitEncoder};
use mmt_tokenizers::text::Reading;
use mmt_tokenizers::text::words::for_each_word;
use serde_json::json;

use crate::failure::{Code, Done, Failure};
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, table};
use crate::tokens_seen;

/// The tokens of a text, patients, a picture or a sound, as models read them
///
/// Exit code: 0 done, 2 the command line is wrong, 3 a file is invalid.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = true)]
pub struct Args {
    /// A text: its words, or with --vocab its pieces
    #[arg(long, value_name = "STR", conflicts_with = "ehr")]
    text: Option<String>,
    /// A file with a word piece on every line, `vocab.txt`, for --text
    #[arg(long, value_name = "FILE", requires = "text")]
    vocab: Option<PathBuf>,
    /// A file with a visit on every line, `D01 D07 | M02`, and an empty line between patients; the codes are those of the
    /// synthetic data set `ehr`
    #[arg(long, value_name = "FILE")]
    ehr: Option<PathBuf>,
    /// A PNG file, gray or RGB: its patches
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "ehr"])]
    image: Option<PathBuf>,
    /// Rows and columns of a patch, for --image
    #[arg(long, value_name = "N", default_value_t = 16, requires = "image", value_parser = clap::value_parser!(u16).range(1..))]
    patch: u16,
    /// A WAV file: its spectrogram and the patches of it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["text", "ehr", "image"])]
    wav: Option<PathBuf>,
}

/// Most codes of a patient that Med-BERT reads.
const LONGEST: usize = 512;

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    if let Some(path) = &args.image {
        return tokens_seen::image(path, usize::from(args.patch), terminal);
    }
    if let Some(path) = &args.wav {
        return tokens_seen::sound(path, terminal);
    }
    match (&args.text, &args.vocab, &args.ehr) {
        (Some(text), Some(vocab), _) => pieces(text, vocab, terminal),
        (Some(text), None, _) => words(text, terminal),
        (None, _, Some(path)) => patients(path, terminal),
        (None, _, None) => {
            Err(Failure::usage("what to read: --text STR, --ehr FILE, --image FILE or --wav FILE"))
        }
    }
}

fn invalid(error: &FileError) -> Failure {
    Failure::new(Code::InvalidData, error.to_string())
}

/// What a reader of the terminal may see of a text.
fn visible(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn words(text: &str, terminal: &Terminal) -> Done {
    let mut rows = vec![];
    for_each_word(text, 0, Reading::UNCASED, |word| {
        rows.push((word.letters.clone(), word.span(0..word.letters.len())));
    });
    if rows.is_empty() {
        return Err(Failure::usage("--text: no word"));
    }
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut cells = vec![["word", "bytes"].map(|head| paint(BOLD, head)).to_vec()];
    for (word, bytes) in rows {
        terminal.event("word", json!({ "word": word, "bytes": [bytes.start, bytes.end] }))?;
        cells.push(vec![visible(&word), format!("{}..{}", bytes.start, bytes.end)]);
    }
    table(&[Align::Left, Align::Right], &cells).iter().try_for_each(|line| terminal.line(line))?;
    terminal.advice("Pieces and their ids: --vocab vocab.txt, the file of a published model")?;
    Ok(Code::Ok)
}

fn pieces(text: &str, vocab: &Path, terminal: &Terminal) -> Done {
    let reader = read_word_piece(vocab, Reading::UNCASED).map_err(|error| invalid(&error))?;
    let encoding = reader.encode(text, None, LONGEST)?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut cells = vec![["position", "id", "piece", "bytes"].map(|head| paint(BOLD, head)).to_vec()];
    for (at, (&id, span)) in encoding.input.ids.iter().zip(&encoding.spans).enumerate() {
        let piece = reader.vocabulary().word(id)?;
        let bytes = span.as_ref().map(|span| [span.start, span.end]);
        terminal.event("token", json!({ "position": at, "id": id, "piece": piece, "bytes": bytes }))?;
        let bytes = bytes.map_or(String::new(), |[start, end]| format!("{start}..{end}"));
        cells.push(vec![at.to_string(), id.to_string(), visible(piece), bytes]);
    }
    let align = [Align::Right, Align::Right, Align::Left, Align::Right];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))?;
    Ok(Code::Ok)
}

fn patients(path: &Path, terminal: &Terminal) -> Done {
    let patients = read_patients(path).map_err(|error| invalid(&error))?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    for (i, visits) in patients.iter().enumerate() {
        terminal.line("")?;
        terminal.line(paint(BOLD, format!("patient {}, for G-BERT: a set of each kind per visit", i + 1)))?;
        sets(i, visits, terminal)?;
        terminal.line("")?;
        terminal.line(paint(BOLD, format!("patient {}, for Med-BERT: one sequence of diagnoses", i + 1)))?;
        sequence(i, visits, terminal)?;
    }
    Ok(Code::Ok)
}

/// Ids of codes: `[PAD]`, `[CLS]` and `[MASK]` first, then medications, then diagnoses.
fn sets(patient: usize, visits: &[RecordedVisit], terminal: &Terminal) -> Result<(), Failure> {
    let first = VisitEncoder::<f64>::CODES;
    let heads = ["visit", "kind", "codes", "ids, [CLS] first"];
    let mut cells = vec![heads.map(|head| paint(BOLD, head)).to_vec()];
    for (number, visit) in visits.iter().enumerate() {
        let kinds = [
            ("diagnoses", &visit.diagnoses, first + CATEGORIES, diagnosis as fn(usize) -> String),
            ("medications", &visit.medications, first, medication),
        ];
        for (kind, (name, codes, first, label)) in kinds.into_iter().enumerate() {
            if codes.is_empty() {
                continue;
            }
            let ids: Vec<usize> = codes.iter().map(|code| first + code).collect();
            let set = CodeSet::new(&ids, kind);
            let labels: Vec<String> = set.ids.iter().map(|id| label(id - first)).collect();
            let mut ids = vec![VisitEncoder::<f64>::CLS];
            ids.extend(set.ids);
            let fields = json!({ "patient": patient + 1, "visit": number + 1, "kind": name, "codes": labels,
                "ids": ids });
            terminal.event("set", fields)?;
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            cells.push(vec![(number + 1).to_string(), name.to_string(), labels.join(" "), ids.join(" ")]);
        }
    }
    let align = [Align::Right, Align::Left, Align::Left, Align::Left];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))
}

fn sequence(patient: usize, visits: &[RecordedVisit], terminal: &Terminal) -> Result<(), Failure> {
    let codes: Vec<Vec<usize>> = visits.iter().map(|visit| visit.diagnoses.clone()).collect();
    let input = PatientInput::new(&codes, Serialization::WithinVisit, LONGEST, TooLong::KeepLatest)?;
    let PatientInput { codes, visits, places } = input.expect("nobody is left out");
    let heads = ["position", "code", "visit", "place"];
    let mut cells = vec![heads.map(|head| paint(BOLD, head)).to_vec()];
    for (at, ((code, visit), place)) in codes.into_iter().zip(visits).zip(places).enumerate() {
        let code = diagnosis(code);
        let fields = json!({ "patient": patient + 1, "position": at, "code": code, "visit": visit,
            "place": place });
        terminal.event("code", fields)?;
        cells.push(vec![at.to_string(), code, visit.to_string(), place.to_string()]);
    }
    let align = [Align::Right, Align::Left, Align::Right, Align::Right];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))
}
