//! `mmt golden run`: runs the command of a backend on every case, and checks what it answers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use mmt_golden::bundle::Bundle;
use mmt_golden::compare::{CaseReport, Verdict};
use mmt_golden::file::reason;
use mmt_golden::manifest::CaseEntry;

use super::answers::{UNFINISHED, forget, forget_invalid, path_of, place_of, read_if_there};
use super::check::{How, chosen, compare_all};
use super::open;
use super::told::tell;
use crate::failure::{Code, Done, Failure};
use crate::interrupt;
use crate::terminal::Terminal;

/// Run the command of a backend on every case, and check its answers
///
/// In the words of the command `{case}` stands for the file of a case, `{id}` for its name, `{bundle}` for the folder of the bundle,
/// `{profile}` for the profile, `{layout}` for the way in which inputs lie in memory, and `{out}` for the file that it has to write. Exit code 77 of the command says that it does not have the operation of a case; if it has none of them, nothing was tested, which is no success.
/// With --out the answers stay in that folder, those in another layout in a folder of its name; without it they are deleted.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    #[command(flatten)]
    how: How,
    /// How the command is to lay out its inputs: `contiguous`, `transposed` (the last two axes stored the other way round),
    /// `sliced` (every second number of a wider array, NaN between them), `aliased` (views of one buffer), or `all` of them
    #[arg(long, value_name = "LAYOUT", default_value = "contiguous", value_parser = LAYOUTS)]
    layout: String,
    /// Seconds that the command may take for a case
    #[arg(long, value_name = "S", default_value_t = 60)]
    timeout: u64,
    /// The command and its words
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// What `--layout` may be.
const LAYOUTS: [&str; 5] = ["contiguous", "transposed", "sliced", "aliased", "all"];

/// The exit code of a command that does not have the operation of a case.
const SKIP: i32 = 77;

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    if args.layout != "contiguous" && !args.command.iter().any(|word| word.contains("{layout}")) {
        let message = format!("--layout {}: no word of the command holds {{layout}}", args.layout);
        return Err(Failure::usage(message));
    }
    let bundle = open(&args.bundle)?;
    let tasks = tasks(args, &chosen(&bundle, &args.how)?)?;
    interrupt::catch()?;
    let kept = terminal.options.out.as_deref();
    let temporary = std::env::temp_dir().join(format!("mmt-golden-run-{}", std::process::id()));
    let folder = kept.unwrap_or(&temporary);
    for (layout, cases) in &tasks {
        forget(cases, &place_of(folder, layout))?;
    }
    let bar = terminal.progress(tasks.iter().map(|(_, cases)| cases.len() as u64).sum(), "run");
    let ended = all_compared(args, &bundle, &tasks, folder, &bar);
    bar.finish_and_clear();
    // What is not kept is of no use any more.
    let _ = fs::remove_dir_all(if kept.is_none() { folder.to_path_buf() } else { folder.join(UNFINISHED) });
    let mut reports = ended?;
    reports.sort_by(|a, b| a.id.cmp(&b.id));
    tell(&bundle, reports, &args.how, terminal)
}

/// A layout, and the cases that have it.
type Task<'a> = (&'static str, Vec<&'a CaseEntry>);

/// The layouts that are asked for.
fn tasks<'a>(args: &Args, cases: &[&'a CaseEntry]) -> Result<Vec<Task<'a>>, Failure> {
    let asked = |layout: &&str| args.layout == "all" || args.layout == *layout;
    let having = |layout: &'static str| {
        let has = |case: &&&CaseEntry| case.layouts.iter().any(|other| other == layout);
        (layout, cases.iter().filter(has).copied().collect::<Vec<_>>())
    };
    let list: Vec<Task> = LAYOUTS[..4].iter().filter(|layout| asked(layout)).map(|l| having(l)).collect();
    if list.iter().all(|(_, cases)| cases.is_empty()) {
        return Err(Failure::new(Code::NothingSelected, format!("no case has the layout `{}`", args.layout)));
    }
    Ok(list)
}

/// Every layout after the other; cases in another than the usual one have its name behind theirs.
fn all_compared(
    args: &Args,
    bundle: &Bundle,
    tasks: &[Task],
    folder: &Path,
    bar: &ProgressBar,
) -> Result<Vec<CaseReport>, Failure> {
    let mut all = vec![];
    for task in tasks {
        let (unfinished, place) = (folder.join(UNFINISHED), place_of(folder, task.0));
        for new in [&unfinished, &place] {
            fs::create_dir_all(new).map_err(|error| Failure::unwritten(new, &error))?;
        }
        let mut reports = compared(args, bundle, task, [&unfinished, &place], bar)?;
        if task.0 != "contiguous" {
            reports.iter_mut().for_each(|report| report.id = format!("{} {}", report.id, task.0));
        }
        all.extend(reports);
    }
    Ok(all)
}

/// Runs the command for every case, and compares what it answered.
fn compared(
    args: &Args,
    bundle: &Bundle,
    (layout, cases): &Task,
    [unfinished, folder]: [&Path; 2],
    bar: &ProgressBar,
) -> Result<Vec<CaseReport>, Failure> {
    let mut reports = vec![];
    for (done, case) in cases.iter().enumerate() {
        let out = path_of(unfinished, &case.id);
        let failed = answer(args, case, layout, &out)?;
        if failed.is_none() && out.exists() {
            let path = path_of(folder, &case.id);
            fs::rename(&out, &path).map_err(|error| Failure::unwritten(&path, &error))?;
        }
        reports.extend(failed);
        if interrupt::asked() {
            let message = format!("interrupted after {done} of {} cases", cases.len());
            return Err(Failure::new(Code::Incomplete, message));
        }
        bar.inc(1);
    }
    let answered: Vec<&CaseEntry> =
        cases.iter().copied().filter(|case| reports.iter().all(|report| report.id != case.id)).collect();
    reports.extend(compare_all(bundle, &answered, &args.how, &|case| read_if_there(folder, case))?);
    forget_invalid(&reports, folder);
    Ok(reports)
}

/// Runs the command for a case, which is to write `out`; a report if it did not answer.
fn answer(args: &Args, case: &CaseEntry, layout: &str, out: &Path) -> Result<Option<CaseReport>, Failure> {
    let place = |word: &String| {
        let path = |path: &Path| path.display().to_string();
        word.replace("{case}", &path(&args.bundle.join(&case.file)))
            .replace("{id}", &case.id)
            .replace("{bundle}", &path(&args.bundle))
            .replace("{profile}", args.how.profile.name())
            .replace("{layout}", layout)
            .replace("{out}", &path(out))
    };
    let words: Vec<String> = args.command.iter().map(place).collect();
    let (program, rest) = words.split_first().ok_or_else(|| Failure::usage("no command"))?;
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| Failure::new(Code::CommandFailed, format!("{program}: {}", reason(&error))))?;
    let limit = Duration::from_secs(args.timeout);
    let ended = wait(&mut child, limit)
        .map_err(|error| Failure::new(Code::CommandFailed, format!("{program}: {}", reason(&error))))?;
    let without = |verdict, note: String| Ok(Some(CaseReport::without(case, verdict, &note)));
    match ended {
        None => without(Verdict::Crashed, format!("no answer within {} s", args.timeout)),
        Some(status) if status.success() => Ok(None),
        Some(status) if status.code() == Some(SKIP) => without(Verdict::Skipped, "not supported".to_string()),
        Some(status) => without(Verdict::Crashed, format!("the command ended with {status}")),
    }
}

/// Waits for a command; `None` if it takes too long or Ctrl-C is pressed, and then it is stopped.
fn wait(child: &mut std::process::Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit || interrupt::asked() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
