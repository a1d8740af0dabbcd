//! How a comparison is told, and which exit code it has.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use mmt_golden::bundle::Bundle;
use mmt_golden::compare::{CaseReport, Status, Verdict};
use mmt_golden::report::Report;

use super::check::{Form, How};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Tells the result, and what the exit code is.
pub fn tell(bundle: &Bundle, cases: Vec<CaseReport>, how: &How, terminal: &Terminal) -> Done {
    let version = bundle.manifest.version.clone();
    let report = Report { version, profile: how.profile.name().to_string(), level: how.level, cases };
    let json = || report.json(&BTreeMap::new());
    let form = if terminal.options.json { Form::Json } else { how.report };
    let text = match form {
        Form::Text => report.text(),
        Form::Json => json().to_string(),
        Form::Junit => forgiven(&report, how).junit(),
        Form::Markdown => report.markdown(),
    };
    match &how.report_to {
        Some(path) => save(path, &text)?,
        None if terminal.options.json => terminal.event("report", json())?,
        None => terminal.line(text.trim_end())?,
    }
    if how.report_to.is_some() {
        terminal.line(report.conformance())?;
    }
    match () {
        () if report.count(Verdict::Invalid) > 0 => Ok(Code::InvalidData),
        () if report.count(Verdict::Crashed) > 0 => Ok(Code::CommandFailed),
        () if report.count(Verdict::Fail) > 0 => Ok(Code::CheckFailed),
        () if report.count(Verdict::Incomplete) > 0 && !how.allow_missing => Ok(Code::Incomplete),
        () if !report.cases.iter().any(CaseReport::tested) => Err(nothing_tested(&report)),
        () if report.cases.iter().any(misnamed) => Ok(Code::Incomplete),
        () => Ok(Code::Ok),
    }
}

/// Something is missing, and something is there that the case does not know: a name is wrong, which `--allow-missing` forgives not.
fn misnamed(case: &CaseReport) -> bool {
    case.status == Verdict::Incomplete && case.tensors.iter().any(|t| t.status == Status::Extra)
}

/// What may be missing is skipped for a server that runs tests.
fn forgiven(report: &Report, how: &How) -> Report {
    let mut report = report.clone();
    for case in report.cases.iter_mut().filter(|case| how.allow_missing && !misnamed(case)) {
        if case.status == Verdict::Incomplete {
            case.status = Verdict::Skipped;
        }
    }
    report
}

/// Where nothing was compared nothing is right.
fn nothing_tested(report: &Report) -> Failure {
    let (skipped, missing) = (report.count(Verdict::Skipped), report.count(Verdict::Incomplete));
    let message = format!("nothing was tested: {skipped} cases skipped, {missing} without an answer");
    Failure::new(Code::NothingSelected, message)
}

fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let mut ended = text.trim_end().to_string();
    let _ = writeln!(ended);
    std::fs::write(path, ended).map_err(|error| Failure::unwritten(path, &error))
}
