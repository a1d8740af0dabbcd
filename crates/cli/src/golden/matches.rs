//! Bugs whose answers are those of a program: of everything, of the forward alone, or of the first wrong array alone.

use std::cmp::Ordering;

use mmt_buggy::{Arithmetic, Bug, BugInfo, TILE, TILED, catalogue, run_tiled};
use mmt_golden::bundle::tolerance_of;
use mmt_golden::compare::{CaseReport, Match, Part, Status, judge};
use mmt_golden::file::Tensors;
use mmt_golden::manifest::{CaseEntry, TensorEntry};
use mmt_golden::tolerance::u_store;
use mmt_tensor::{Profile, parallel};
use ndarray::ArrayD;

use super::convert::{answers, inputs};

/// A bug with what it answers to a case.
pub struct Candidate {
    /// The bug.
    pub bug: &'static BugInfo,
    /// What it does, with the keys that it takes at a time where that matters.
    text: String,
    /// Its answer.
    answer: Tensors,
}

/// Keys that kernels take at a time: those of the catalogue first.
const TILES: [usize; 8] = [TILE, 1, 2, 4, 16, 32, 64, 128];

/// What every bug answers that the family of a case may show; one of a kernel in tiles, for several of them.
pub fn candidates(case: &CaseEntry, truth: &Tensors) -> Vec<Candidate> {
    let bugs = catalogue().filter(|bug| bug.families.contains(&case.family.as_str()));
    let tiled = |bug: &BugInfo| Bug::of(bug.id).is_some_and(|bug| TILED.contains(&bug));
    let with = |bug: &'static BugInfo| {
        TILES[..if tiled(bug) { TILES.len() } else { 1 }].iter().map(move |tile| (bug, *tile))
    };
    let tasks: Vec<(&'static BugInfo, usize)> = bugs.flat_map(with).collect();
    let given = inputs(truth);
    let ran = parallel::map(tasks.len(), 1 << 30, |i| {
        let ((bug, tile), arithmetic) = (tasks[i], Arithmetic::of_profile("f64").ok()?);
        let answer = run_tiled(&case.op, &case.config, &given, Some(bug.id), arithmetic, tile).ok()?;
        let tiles = if tiled(bug) { format!(", in tiles of {tile} keys") } else { String::new() };
        Some(Candidate { bug, text: format!("{}{tiles}", bug.text), answer: answers(answer) })
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
    bugs: &[Candidate],
    got: &Tensors,
    report: &CaseReport,
    profile: Profile,
) -> Vec<Match> {
    let apart = parallel::map(bugs.len(), 1 << 30, |i| all_apart(case, truth, &bugs[i].answer, got, profile));
    let first = report.first_divergence.clone().map(Part::Array);
    for part in [Part::All, Part::Forward].into_iter().chain(first) {
        let of = |key: &str| match &part {
            Part::All => true,
            Part::Forward => !key.contains("/grad_"),
            Part::Array(name) => key == name,
        };
        let named = bugs.iter().zip(&apart).filter_map(|(Candidate { bug, text, .. }, apart)| {
            let score = near(apart.iter().filter(|apart| of(&apart.key)))?;
            Some(Match { bug: bug.id.to_string(), text: text.clone(), score, part: part.clone() })
        });
        let mut list: Vec<Match> = named.collect();
        list.sort_by(|a, b| a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal));
        // Of several tiles that give the same numbers, the first.
        let mut seen = vec![];
        list.retain(|found| {
            !seen.contains(&found.bug) && {
                seen.push(found.bug.clone());
                true
            }
        });
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
    use mmt_buggy::run_as;
    use mmt_golden::bundle::Bundle;
    use mmt_golden::compare::{Settings, Verdict, compare};
    use std::collections::BTreeSet;
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
        let ids: BTreeSet<&str> = bugs.iter().map(|candidate| candidate.bug.id).collect();
        for bug in ids {
            let wrong = planted(case, &truth, bug);
            let settings = Settings { profile, level: 5 };
            let ask = |got: &Tensors| {
                let report = compare(case, &truth, got, settings).unwrap();
                let found = matches(case, &truth, &bugs, got, &report, profile);
                (report, found.iter().any(|found| found.bug == bug), found.len())
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
                missed.push(format!("{id} {} whole {whole} forward {forward} score {}", bug, report.score));
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

    #[test]
    fn a_kernel_in_tiles_has_its_name_with_their_size() {
        let bundle = Bundle::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")).unwrap();
        let case = bundle.manifest.cases.iter().find(|case| case.family == "sdpa").unwrap();
        let truth = bundle.read(case).unwrap();
        let bugs = candidates(case, &truth);
        for bug in ["online_accumulator", "online_sum", "online_nothing"] {
            let arithmetic = Arithmetic::of_profile("f32").unwrap();
            let got = run_tiled(&case.op, &case.config, &inputs(&truth), Some(bug), arithmetic, 2).unwrap();
            let got = answers(got);
            let report = compare(case, &truth, &got, Settings { profile: Profile::F32, level: 5 }).unwrap();
            let found = matches(case, &truth, &bugs, &got, &report, Profile::F32);
            assert!(found[0].bug == bug && found[0].text.ends_with(", in tiles of 2 keys"), "{found:?}");
            assert_eq!(found.iter().filter(|found| found.bug == bug).count(), 1, "{found:?}");
        }
    }
}
