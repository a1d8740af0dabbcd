//! Bugs whose answers are those of a program: of everything, of the forward alone, or of the first wrong array alone.

use std::cmp::Ordering;

use mmt_buggy::{Arithmetic, BugInfo, catalogue, run_as};
use mmt_golden::bundle::tolerance_of;
use mmt_golden::compare::{CaseReport, Match, Part, Status, judge};
use mmt_golden::file::Tensors;
use mmt_golden::manifest::{CaseEntry, TensorEntry};
use mmt_golden::tolerance::u_store;
use mmt_tensor::{Profile, parallel};
use ndarray::ArrayD;

use super::convert::{answers, inputs};

/// What every bug answers that the family of a case may show.
pub fn candidates(case: &CaseEntry, truth: &Tensors) -> Vec<(&'static BugInfo, Tensors)> {
    let bugs: Vec<_> = catalogue().filter(|bug| bug.families.contains(&case.family.as_str())).collect();
    let given = inputs(truth);
    let ran = parallel::map(bugs.len(), 1 << 30, |i| {
        let arithmetic = Arithmetic::of_profile("f64").ok()?;
        let answer = run_as(&case.op, &case.config, &given, Some(bugs[i].id), arithmetic).ok()?;
        Some((bugs[i], answers(answer)))
    });
    ran.into_iter().flatten().collect()
}

/// The bugs whose answers are those of a program that fails, the nearest first.
///
/// A program may have another backward than the one that belongs to its wrong forward: where nothing is that of a bug as a whole,
/// the arrays of the forward are compared alone, and then the first that is wrong.
pub fn matches(
    case: &CaseEntry,
    truth: &Tensors,
    bugs: &[(&'static BugInfo, Tensors)],
    got: &Tensors,
    report: &CaseReport,
    profile: Profile,
) -> Vec<Match> {
    let apart = parallel::map(bugs.len(), 1 << 30, |i| all_apart(case, truth, &bugs[i].1, got, profile));
    let first = report.first_divergence.clone().map(Part::Array);
    for part in [Part::All, Part::Forward].into_iter().chain(first) {
        let of = |key: &str| match &part {
            Part::All => true,
            Part::Forward => !key.contains("/grad_"),
            Part::Array(name) => key == name,
        };
        let named = bugs.iter().zip(&apart).filter_map(|((bug, _), apart)| {
            let score = near(apart.iter().filter(|apart| of(&apart.key)))?;
            Some(Match { bug: bug.id.to_string(), text: bug.text.to_string(), score, part: part.clone() })
        });
        let mut list: Vec<Match> = named.collect();
        list.sort_by(|a, b| a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal));
        if !list.is_empty() {
            return list;
        }
    }
    vec![]
}

/// An array of an answer beside that of a bug, in a wide and in a narrow measure.
struct Apart {
    key: String,
    /// How far the bug is from the truth.
    bug: [f64; 2],
    /// How far the answer is from the bug.
    got: [f64; 2],
    /// How far the answer is from the truth.
    truth: [f64; 2],
}

/// The share of its distance from the truth that an answer may be away from a bug that changes little.
const SHARE: f64 = 0.25;

/// How far arrays are from those of a bug, if they are its own: within what is allowed, where the bug is not.
///
/// In the wide measure a bug that changes much may have its own rounding. One that changes little cannot be told from the truth in
/// it: it is looked for in the narrow one. In both the answer has to be much nearer to the bug than to the truth.
fn near<'a>(list: impl Iterator<Item = &'a Apart> + Clone) -> Option<f64> {
    let largest = |of: fn(&Apart) -> [f64; 2], i: usize| list.clone().map(|a| of(a)[i]).fold(0.0, f64::max);
    (0..2).find_map(|i| {
        let (bug, got, truth) = (largest(|a| a.bug, i), largest(|a| a.got, i), largest(|a| a.truth, i));
        (bug > 1.0 && got <= 1.0 && got <= SHARE * truth).then_some(got)
    })
}

/// Every array that the answer, the bug and the truth have; nothing if one of them has another shape.
fn all_apart(
    case: &CaseEntry,
    truth: &Tensors,
    bug: &Tensors,
    got: &Tensors,
    profile: Profile,
) -> Vec<Apart> {
    let checked = case.tensors.iter().filter(|entry| entry.profiles.contains_key(profile.name()));
    let there = checked.filter(|entry| bug.contains_key(&entry.key) && got.contains_key(&entry.key));
    let list: Option<Vec<Apart>> = there.map(|entry| one_apart(entry, truth, bug, got, profile)).collect();
    list.unwrap_or_default()
}

fn one_apart(
    entry: &TensorEntry,
    truth: &Tensors,
    bug: &Tensors,
    got: &Tensors,
    profile: Profile,
) -> Option<Apart> {
    let key = &entry.key;
    let of = |tensors: &Tensors| tensors.get(key)?.real::<f64>();
    let (b, g, y) = (of(bug)?, of(got)?, of(truth)?);
    if b.shape() != g.shape() || b.shape() != y.shape() {
        return None;
    }
    let tol = tolerance_of(truth, key, profile.name(), &entry.shape).ok()?;
    let unit = u_store(profile);
    // Where the truth is zero its tolerance is nothing, and a wrong array that is not zero is rounded.
    let largest = b.iter().filter(|b| b.is_finite()).fold(0.0_f64, |m, b| m.max(b.abs()));
    let wide = tol.mapv(|tol| tol + 64.0 * unit * largest);
    let narrow = &tol + &b.mapv(|b| if b.is_finite() { 4.0 * unit * b.abs() } else { 0.0 });
    let both = |x: &ArrayD<f64>, y: &ArrayD<f64>| [&wide, &narrow].map(|tol| far(key, x, y, tol, profile));
    Some(Apart { key: key.clone(), bug: both(&b, &y), got: both(&g, &b), truth: both(&g, &y) })
}

/// The largest difference in units of what is allowed; none where both are no numbers at the same places.
fn far(key: &str, x: &ArrayD<f64>, y: &ArrayD<f64>, tol: &ArrayD<f64>, profile: Profile) -> f64 {
    let report = judge(key, (x, y, tol), profile, 0.0);
    let alike = || x.iter().zip(y).all(|(x, y)| x.is_nan() == y.is_nan());
    if report.status == Status::Nan && alike() { 0.0 } else { report.score }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmt_golden::bundle::Bundle;
    use mmt_golden::compare::{Settings, Verdict, compare};
    use std::path::Path;

    /// An answer that a program computed with a bug, in single precision.
    fn planted(case: &CaseEntry, truth: &Tensors, bug: &str) -> Tensors {
        let arithmetic = Arithmetic::of_profile("f32").unwrap();
        answers(run_as(&case.op, &case.config, &inputs(truth), Some(bug), arithmetic).unwrap())
    }

    /// How many wrong answers there were, and how many were given the name of their bug.
    #[derive(Default)]
    struct Named {
        failed: usize,
        whole: usize,
        forward: usize,
        names: usize,
    }

    fn named(bundle: &Bundle, id: &str) -> (Named, Vec<String>) {
        let profile = Profile::F32;
        let case = bundle.case(id).unwrap();
        let truth = bundle.read(case).unwrap();
        let bugs = candidates(case, &truth);
        let (mut count, mut missed) = (Named::default(), vec![]);
        for (bug, _) in &bugs {
            let wrong = planted(case, &truth, bug.id);
            let settings = Settings { profile, level: 5 };
            let ask = |got: &Tensors| {
                let report = compare(case, &truth, got, settings).unwrap();
                let found = matches(case, &truth, &bugs, got, &report, profile);
                (report, found.iter().any(|found| found.bug == bug.id), found.len())
            };
            let (report, whole, names) = ask(&wrong);
            if report.status != Verdict::Fail {
                continue;
            }
            count.failed += 1;
            count.names += names;
            count.whole += usize::from(whole);
            // The same forward with the backward of the right one.
            let mut mixed = wrong.clone();
            for (key, right) in truth.iter().filter(|(key, _)| key.contains("/grad_")) {
                mixed.insert(key.clone(), right.clone());
            }
            let (report, forward, _) = ask(&mixed);
            let seen = report.status == Verdict::Fail;
            count.forward += usize::from(forward || !seen);
            if !whole || (seen && !forward) {
                missed
                    .push(format!("{id} {} whole {whole} forward {forward} score {}", bug.id, report.score));
            }
        }
        (count, missed)
    }

    #[test]
    fn nine_of_ten_bugs_have_their_name_with_any_backward() {
        let folder = std::env::var("MMT_BUNDLE")
            .unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden").to_string());
        let bundle = Bundle::open(Path::new(&folder)).unwrap();
        let mut total = Named::default();
        for case in bundle.manifest.cases.iter().filter(|case| case.level == "op") {
            let (count, missed) = named(&bundle, &case.id);
            missed.iter().for_each(|line| println!("{line}"));
            total.failed += count.failed;
            total.whole += count.whole;
            total.forward += count.forward;
            total.names += count.names;
        }
        println!(
            "{} failed, {} whole, {} forward, {} names",
            total.failed, total.whole, total.forward, total.names
        );
        assert!(total.failed > 100, "{}", total.failed);
        assert!(10 * total.whole >= 9 * total.failed && 10 * total.forward >= 9 * total.failed);
    }
}
