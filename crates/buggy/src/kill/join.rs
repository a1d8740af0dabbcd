//! Parts of a matrix, made by several machines, as one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Killed, Matrix, Passed, Task, Trivial};
use crate::{CORRECT, catalogue};

/// A matrix, or a part of one, from its JSON.
///
/// # Errors
/// One line for what is missing, of another type, or not known to this program.
pub fn parse(text: &str) -> Result<Matrix, String> {
    let page: Value = serde_json::from_str(text).map_err(|e| format!("JSON: {e}"))?;
    if page["schema"] != "mmt-golden-kill/1" {
        return Err("not a kill matrix of schema mmt-golden-kill/1".to_string());
    }
    Ok(Matrix {
        killed: rows(&page, "killed", killed)?,
        passed: rows(&page, "must_pass", passed)?,
        trivial: rows(&page, "trivial", trivial)?,
        idle: reasons(&page)?,
        errors: strings(&page, "errors")?,
    })
}

fn rows<T>(page: &Value, name: &str, row: fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
    let list = page[name].as_array().ok_or_else(|| format!("no list `{name}`"))?;
    list.iter().map(row).collect()
}

fn word(row: &Value, name: &str) -> Result<String, String> {
    row[name].as_str().map(str::to_string).ok_or_else(|| format!("a row has no `{name}`"))
}

fn strings(row: &Value, name: &str) -> Result<Vec<String>, String> {
    let list = row[name].as_array().ok_or_else(|| format!("no list `{name}`"))?;
    let all: Option<Vec<String>> = list.iter().map(|x| x.as_str().map(str::to_string)).collect();
    all.ok_or_else(|| format!("`{name}` holds something else than words"))
}

fn reasons(page: &Value) -> Result<BTreeMap<String, String>, String> {
    let list = page["idle_cases"].as_object().ok_or("no `idle_cases`")?;
    let all = list.iter().map(|(id, why)| Some((id.clone(), why.as_str()?.to_string())));
    all.collect::<Option<_>>().ok_or_else(|| "`idle_cases` holds something else than words".to_string())
}

fn count(row: &Value, name: &str) -> Result<usize, String> {
    let n = row[name].as_u64().and_then(|n| usize::try_from(n).ok());
    n.ok_or_else(|| format!("`{name}` is not a count"))
}

/// A number, or `"nan"` for what has none.
fn number(x: &Value) -> Result<f64, String> {
    match x.as_str() {
        Some("nan") => Ok(f64::INFINITY),
        _ => x.as_f64().ok_or_else(|| "a score is no number".to_string()),
    }
}

fn killed(row: &Value) -> Result<Killed, String> {
    let id = word(row, "bug")?;
    let bug = *catalogue().find(|bug| bug.id == id).ok_or_else(|| format!("no bug `{id}`"))?;
    let list = row["cases"].as_object().ok_or("a row has no `cases`")?;
    let cases: Result<BTreeMap<String, f64>, String> =
        list.iter().map(|(id, score)| Ok((id.clone(), number(score)?))).collect();
    Ok(Killed {
        bug,
        profile: word(row, "profile")?,
        margin: number(&row["margin"])?,
        witness: (word(row, "case")?, word(row, "tensor")?),
        forward: row["seen_in_forward"].as_bool().unwrap_or(false),
        cases: cases?,
    })
}

fn passed(row: &Value) -> Result<Passed, String> {
    let id = word(row, "backend")?;
    let correct = *CORRECT.iter().find(|c| c.id == id).ok_or_else(|| format!("no backend `{id}`"))?;
    Ok(Passed {
        correct,
        profile: word(row, "profile")?,
        cases: count(row, "cases")?,
        worst: (number(&row["score"])?, word(row, "case")?, word(row, "tensor")?),
        failed: strings(row, "failed")?,
    })
}

fn trivial(row: &Value) -> Result<Trivial, String> {
    Ok(Trivial {
        id: word(row, "backend")?,
        profile: word(row, "profile")?,
        changed: count(row, "changed")?,
        missed: strings(row, "missed")?,
        cases: strings(row, "passes")?,
    })
}

/// The parts as one, with its rows in the order of `tasks`.
///
/// # Errors
/// One line for the first row that no part has.
pub fn join(parts: &[Matrix], tasks: &[(Task, String)]) -> Result<Matrix, String> {
    let mut all =
        Matrix { errors: parts.iter().flat_map(|m| m.errors.clone()).collect(), ..Matrix::default() };
    for (task, profile) in tasks {
        let id = match task {
            Task::Bug(bug) => bug.id,
            Task::Correct(correct) => correct.id,
            Task::Trivial(id) => id,
        };
        let found = parts.iter().any(|part| take(part, task, profile, &mut all));
        if !found && all.errors.is_empty() {
            return Err(format!("no part has the row `{id}` in {profile}"));
        }
    }
    all.idle = parts.first().map(|part| part.idle.clone()).unwrap_or_default();
    all.idle.retain(|id, _| parts.iter().all(|part| part.idle.contains_key(id)));
    Ok(all)
}

/// Copies the row of a task; whether there is one.
fn take(part: &Matrix, task: &Task, profile: &str, all: &mut Matrix) -> bool {
    match task {
        Task::Bug(bug) => {
            let row = part.killed.iter().find(|row| row.bug.id == bug.id && row.profile == profile);
            all.killed.extend(row.cloned());
            row.is_some()
        }
        Task::Correct(correct) => {
            let row = part.passed.iter().find(|row| row.correct.id == correct.id && row.profile == profile);
            all.passed.extend(row.cloned());
            row.is_some()
        }
        Task::Trivial(id) => {
            let row = part.trivial.iter().find(|row| row.id == *id && row.profile == profile);
            all.trivial.extend(row.cloned());
            row.is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kill::{Case, Judged, json, matrix, row, tasks};

    /// A case of one linear map, and a comparator that calls every changed tensor three tolerances off.
    fn case() -> Case {
        let x = crate::Tensor::f64(&[2, 2], vec![1.0, 2.0, 3.0, 5.0]);
        let inputs: crate::Tensors =
            ["in/x", "param/weight", "cot/y"].map(|key| (key.to_string(), x.clone())).into();
        let config = serde_json::json!({"bias": false});
        let truth = crate::run("linear", &config, &inputs, None).unwrap();
        let profiles = vec!["f32".to_string()];
        let (id, family, op) = ("linear.a.b".to_string(), "linear".to_string(), "linear".to_string());
        Case { id, family, op, config, inputs, truth, profiles, note: String::new() }
    }

    #[test]
    fn parts_that_are_joined_are_the_whole() {
        let cases = [case()];
        let judge = |case: &Case, _: &str, answer: &crate::Tensors| -> Vec<Judged> {
            let off = |(key, x): (&String, &crate::Tensor)| {
                let score = if case.truth.get(key) == Some(x) { 0.0 } else { 3.0 };
                Judged { key: key.clone(), score, strong: true }
            };
            answer.iter().map(off).collect()
        };
        let list = tasks(&["f32"]);
        let of = |list: Vec<&(Task, String)>| {
            matrix(list.into_iter().map(|task| row(task, &cases, &judge)).collect(), &cases)
        };
        let whole = of(list.iter().collect());
        let part = |k: usize| of(list.iter().skip(k).step_by(3).collect());
        let parts: Vec<Matrix> = (0..3).map(|k| parse(&json(&part(k)).to_string()).unwrap()).collect();
        assert_eq!(json(&join(&parts, &list).unwrap()), json(&whole));
        assert!(!whole.killed.is_empty() && whole.idle.is_empty());
        let missing = join(&parts[..2], &list).unwrap_err();
        assert!(missing.starts_with("no part has the row `"), "{missing}");
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        for (text, why) in [
            ("{", "JSON: "),
            ("{}", "not a kill matrix"),
            (r#"{"schema":"mmt-golden-kill/1"}"#, "no list `killed`"),
            (r#"{"schema":"mmt-golden-kill/1","killed":[{"bug":"none"}]}"#, "no bug `none`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
