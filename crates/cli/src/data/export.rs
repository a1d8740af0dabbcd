//! `mmt data export` and `mmt data import`: files in formats that any language reads.

use std::path::{Path, PathBuf};

use mmt_golden::npy::Npy;
use mmt_golden::together::write_together;
use mmt_lab::data::digits::Part;
use mmt_lab::data::export::{Content, Exported, Exporter, exporter};
use mmt_lab::data::{DATA_SETS, DataSet, IMPORTED};
use mmt_lab::fsdd::{self, Recording, SHAPE, SPEAKERS, read_recordings};
use mmt_tensor::Random;
use ndarray::{Array1, Array3};
use serde_json::json;

use super::{Side, unknown};
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::terminal::{Precision, Terminal};

#[derive(clap::Args, Debug)]
pub struct ExportArgs {
    /// The data set
    id: String,
    /// The folder for ID-NAME.npy, ID-NAME.txt and the terms, ID-license.txt
    #[arg(long, value_name = "DIR")]
    npy: PathBuf,
    /// How many samples, of a set that is made when it is needed: 1000 if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: Option<u32>,
    /// From which part, of such a set: train if not given
    #[arg(long, value_enum)]
    part: Option<Side>,
}

#[derive(clap::Args, Debug)]
pub struct ImportArgs {
    /// Which data set: fsdd, the Free Spoken Digit Dataset
    id: String,
    /// Its folder of recordings: 3000 files such as 7_jackson_32.wav
    folder: PathBuf,
    /// Also write features, labels, speakers and takes to DIR/fsdd-NAME.npy, and the terms
    #[arg(long, value_name = "DIR")]
    npy: Option<PathBuf>,
}

/// Writes a set that is inside the program.
pub fn export(args: &ExportArgs, terminal: &Terminal) -> Done {
    let (set, how) = (DATA_SETS.iter().find(|set| set.id == args.id), exporter(&args.id));
    let (Some(set), Some(how)) = (set, how) else { return Err(unknown(&args.id)) };
    let random = &mut Random::seed(terminal.options.seed);
    let files = match how {
        Exporter::Whole(_) if args.count.is_some() || args.part.is_some() => {
            return Err(Failure::usage(format!("`{}` is exported whole: no --count, no --part", set.id)));
        }
        Exporter::Whole(export) => export(random),
        Exporter::Drawn(export) => {
            let part = args.part.unwrap_or(Side::Train);
            export(args.count.unwrap_or(1000) as usize, part.into(), random)
        }
    };
    terminal.start(terminal.precision(Precision::F64), "")?;
    terminal.line("")?;
    save(set, files, &args.npy, terminal)?;
    Ok(Code::Ok)
}

/// Reads a set that the user has, and says what is in it.
pub fn import(args: &ImportArgs, terminal: &Terminal) -> Done {
    let Some(set) = IMPORTED.iter().find(|set| set.id == args.id) else {
        let hint = did_you_mean(&args.id, IMPORTED.iter().map(|set| set.id));
        return Err(Failure::usage(format!("no data set to import is called `{}`", args.id)).hint(hint));
    };
    let recordings = read_recordings(&args.folder)?;
    terminal.start(terminal.precision(Precision::F32), "")?;
    let tests = recordings.iter().filter(|r| r.take.part() == Part::Test).count();
    let train = recordings.len() - tests;
    let seconds = |samples: usize| samples as f64 / f64::from(fsdd::RATE);
    let lengths = || recordings.iter().map(|r| seconds(r.samples));
    let (shortest, longest) = (lengths().fold(f64::INFINITY, f64::min), lengths().fold(0.0, f64::max));
    terminal.event(
        "imported",
        json!({ "id": set.id, "recordings": recordings.len(), "speakers": SPEAKERS.len(), "train": train,
            "test": tests, "shortest": shortest, "longest": longest, "license": set.license }),
    )?;
    terminal.line("")?;
    let count = recordings.len();
    terminal.line(format_args!("  {count} recordings by {} speakers, {}", SPEAKERS.len(), set.license))?;
    terminal.line(format_args!("  {train} to train, {tests} to test (takes 0 to 4)"))?;
    terminal.line(format_args!(
        "  {shortest:.2} to {longest:.2} seconds, each now {} frames x {} bands",
        SHAPE[0], SHAPE[1]
    ))?;
    if let Some(folder) = &args.npy {
        terminal.line("")?;
        save(set, features(&recordings), folder, terminal)?;
    }
    Ok(Code::Ok)
}

fn features(recordings: &[Recording]) -> Exported {
    let shape = (recordings.len(), SHAPE[0], SHAPE[1]);
    let features = Array3::from_shape_fn(shape, |(i, t, band)| recordings[i].features[(t, band)]);
    let bytes = |of: fn(&Recording) -> usize| {
        let numbers: Array1<u8> = recordings.iter().map(|r| of(r) as u8).collect();
        Content::Array(Npy::U8(numbers.into_dyn()))
    };
    vec![
        ("features", Content::Array(Npy::F32(features.into_dyn()))),
        ("labels", bytes(|r| r.take.digit)),
        ("speakers", bytes(|r| r.take.speaker)),
        ("takes", bytes(|r| r.take.number)),
        ("speaker-names", Content::Lines(SPEAKERS.map(str::to_string).to_vec())),
    ]
}

/// The files and what has to be said with them, all or none.
fn save(set: &DataSet, files: Exported, folder: &Path, terminal: &Terminal) -> Result<(), Failure> {
    let DataSet { id, content, split, source, license, notice, .. } = set;
    let terms =
        format!("{id}: {content}\nsplit: {split}\nsource: {source}\nlicense: {license}\nnotice: {notice}\n");
    let mut written = vec![];
    for (name, content) in files {
        let (ending, shape, bytes) = match content {
            Content::Array(array) => ("npy", json!(array.shape()), array.bytes()),
            Content::Lines(lines) => ("txt", json!([lines.len()]), (lines.join("\n") + "\n").into_bytes()),
        };
        written.push((format!("{id}-{name}.{ending}"), shape, bytes));
    }
    written.push((format!("{id}-license.txt"), json!(null), terms.into_bytes()));
    let (about, files): (Vec<_>, Vec<_>) =
        written.into_iter().map(|(name, shape, bytes)| ((name.clone(), shape), (name, bytes))).unzip();
    write_together(folder, &files)
        .map_err(|error| Failure::from(error).hint("--npy DIR chooses another folder"))?;
    for (name, shape) in about {
        let path = folder.join(name);
        terminal.event("saved", json!({ "path": path.display().to_string(), "shape": shape }))?;
        let shape = if shape.is_null() { String::new() } else { format!("   {shape}") };
        terminal.line(format_args!("saved {}{shape}", path.display()))?;
    }
    Ok(())
}
