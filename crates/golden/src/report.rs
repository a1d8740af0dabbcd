//! A comparison as text, JSON and Markdown; `junit.rs` has it for servers that run tests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::compare::{CaseReport, Status, TensorReport, Verdict};
use crate::line::line;

/// All cases that were compared.
#[derive(Clone)]
pub struct Report {
    /// Of the bundle.
    pub version: String,
    /// What the program claims to compute in.
    pub profile: String,
    /// Up to which level it was asked.
    pub level: u8,
    /// In the order of the bundle.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// How many cases came out in a way.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.status == verdict).count()
    }

    /// One line: the level that was reached.
    pub fn conformance(&self) -> String {
        let (pass, all) = (self.count(Verdict::Pass), self.cases.len());
        let part = match self.cases.iter().filter(|case| case.in_part()).count() {
            0 => String::new(),
            n => format!(", {n} judged in part"),
        };
        let skipped = match self.count(Verdict::Skipped) {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        let major = self.version.rsplit_once('.').map_or(self.version.as_str(), |(start, _)| start);
        let level = if pass == all { format!("L{}", self.level) } else { "no level".to_string() };
        format!("mmt-golden {major} {level}/{}, {pass} of {all}{part}{skipped}", self.profile)
    }

    /// The cases that did not pass, the worst first.
    fn worst(&self) -> Vec<&CaseReport> {
        let mut list: Vec<&CaseReport> =
            self.cases.iter().filter(|case| case.status != Verdict::Pass).collect();
        list.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        list
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut lines = vec![];
        for case in self.worst() {
            lines.extend(block(case, &self.profile));
        }
        lines.push(self.conformance());
        lines.join("\n")
    }

    /// For programs: see `mmt golden schema report`.
    pub fn json(&self, environment: &BTreeMap<String, String>) -> Value {
        json!({
            "schema": "mmt-golden-report/1",
            "tool": env!("CARGO_PKG_VERSION"),
            "bundle": self.version,
            "profile": self.profile,
            "level": format!("L{}", self.level),
            "environment": environment,
            "conformance": self.conformance(),
            "totals": {
                "pass": self.count(Verdict::Pass),
                "fail": self.count(Verdict::Fail),
                "incomplete": self.count(Verdict::Incomplete),
                "skipped": self.count(Verdict::Skipped),
                "crashed": self.count(Verdict::Crashed),
                "invalid": self.count(Verdict::Invalid),
            },
            "cases": self.cases,
        })
    }

    /// For a page.
    pub fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n", self.conformance());
        text += "| case | result | score | first divergence | what it looks like |\n|---|---|---|---|---|\n";
        let passing = self.cases.iter().filter(|case| case.status == Verdict::Pass);
        for case in self.worst().into_iter().chain(passing) {
            let first = case.first_divergence.as_deref().unwrap_or("");
            let (score, hint) = (score(case.score), looks(case).join("; ").replace('|', "\\|"));
            text += &format!("| `{}` | {} | {score} | {first} | {hint} |\n", case.id, word(case.status));
        }
        text
    }
}

/// What stands in place of a verdict.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Incomplete => "incomplete",
        Verdict::Skipped => "skipped",
        Verdict::Crashed => "CRASHED",
        Verdict::Invalid => "INVALID",
    }
}

/// A score: few digits, and powers of ten where it is large or small.
pub fn score(x: f64) -> String {
    match x {
        0.0 => "0".to_string(),
        x if !x.is_finite() => x.to_string(),
        x if (0.001..1000.0).contains(&x) => format!("{x:.3}"),
        x => format!("{x:.1e}"),
    }
}

/// What a failure looks like: the hints of its first divergence, and the bug that it is.
fn looks(case: &CaseReport) -> Vec<String> {
    let first = case.first_divergence.as_deref().and_then(|key| case.tensor(key));
    let mut list = first.map_or(vec![], |tensor| tensor.hints.clone());
    list.extend(case.matches.iter().map(ToString::to_string));
    list.extend(case.note.clone());
    list
}

/// What is missing, and what is there that the case does not know.
fn absent(case: &CaseReport) -> String {
    let of = |status| case.tensors.iter().filter(move |t| t.status == status).map(|t| t.key.as_str());
    let missing = of(Status::Missing).filter(|key| !key.contains("/act/"));
    let missing: Vec<&str> = missing.map(|key| key.trim_start_matches("main/")).collect();
    let unknown: Vec<&str> = of(Status::Extra).collect();
    let others = if unknown.is_empty() { "" } else { "; unknown " };
    let short = unknown.iter().any(|key| missing.contains(key));
    let hint = if short { ": names begin with main/" } else { "" };
    format!("missing {}{others}{}{hint}", missing.join(", "), unknown.join(", "))
}

/// A failure: the case, where it begins, the worst other arrays, and what it looks like.
pub fn block(case: &CaseReport, profile: &str) -> Vec<String> {
    let bad: Vec<&TensorReport> = case.tensors.iter().filter(|t| t.status.fails()).collect();
    let all = case.tensors.iter().filter(|t| t.status != Status::Missing).count();
    let mut lines = vec![];
    let what = match case.status {
        Verdict::Fail => format!("score {}   ({} of {all} tensors fail)", score(case.score), bad.len()),
        Verdict::Incomplete => absent(case),
        _ => String::new(),
    };
    lines.push(format!("{} {}  {profile}   {what}", word(case.status), case.id).trim_end().to_string());
    lines.extend(case.summary.iter().map(|summary| format!("  {summary}")));
    if let Some(first) = case.first_divergence.as_deref().and_then(|key| case.tensor(key)) {
        lines.push(format!("  first divergence  {}", line(first, profile)));
        let mut others: Vec<&&TensorReport> = bad.iter().filter(|t| t.key != first.key).collect();
        others.sort_by(|a, b| b.score.total_cmp(&a.score));
        lines.extend(others.iter().take(3).map(|t| format!("  {}", line(t, profile))));
    }
    lines.extend(looks(case).into_iter().map(|hint| format!("  hint  {hint}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::judge;
    use mmt_tensor::Profile;
    use ndarray::arr1;

    fn report() -> Report {
        let of = |list: &[f64]| arr1(list).into_dyn();
        let mut tensor =
            judge("main/out/y", (&of(&[1.0, 4.0]), &of(&[1.0, 2.0]), &of(&[0.5, 0.5])), Profile::F32, 0.0);
        tensor.hints = vec!["2.0000 x want = 2".to_string()];
        let case = |id: &str, status, tensors: Vec<TensorReport>| CaseReport {
            id: id.to_string(),
            family: "linear".to_string(),
            status,
            score: tensors.first().map_or(0.0, |t| t.score),
            first_divergence: tensors.first().map(|t| t.key.clone()),
            summary: crate::parts::summary(&tensors),
            matches: None,
            note: None,
            tensors,
        };
        let cases = vec![
            case("linear.a.normal", Verdict::Pass, vec![]),
            case("linear.b.normal", Verdict::Fail, vec![tensor]),
            case("linear.c.normal", Verdict::Skipped, vec![]),
        ];
        Report { version: "1.0.0".to_string(), profile: "f32".to_string(), level: 1, cases }
    }

    #[test]
    fn text_says_what_and_where() {
        let want = "\
FAIL linear.b.normal  f32   score 4.000   (1 of 1 tensors fail)
  first divergence  main/out/y  1 of 2 bad, score 4.000; worst (1) got 4.000000e0 want 2.000000e0 tol 5.0e-1, 8.4e6 ulp
  hint  2.0000 x want = 2
skipped linear.c.normal  f32
mmt-golden 1.0 no level/f32, 1 of 3, 1 skipped";
        assert_eq!(report().text(), want);
    }

    #[test]
    fn servers_of_tests_get_a_suite_per_family() {
        let text = report().junit();
        assert!(
            text.contains(
                "<testsuite name=\"linear\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">"
            ),
            "{text}"
        );
        assert!(text.contains("<testcase classname=\"linear\" name=\"linear.a.normal f32\"/>"), "{text}");
        assert!(text.contains("<failure message=\"FAIL\">FAIL linear.b.normal"), "{text}");
    }

    #[test]
    fn the_schema_has_the_fields_of_a_report() {
        let schema: Value = serde_json::from_str(crate::schema::REPORT).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let required = |value: &Value| {
            let mut list: Vec<String> = value["required"]
                .as_array()
                .unwrap()
                .iter()
                .map(|key| key.as_str().unwrap().to_string())
                .collect();
            list.sort();
            list
        };
        let report = report().json(&BTreeMap::new());
        let case = &schema["properties"]["cases"]["items"];
        let tensor = &case["properties"]["tensors"]["items"];
        for (told, schema) in
            [(&report, &schema), (&report["cases"][1], case), (&report["cases"][1]["tensors"][0], tensor)]
        {
            assert_eq!(keys(told), keys(&schema["properties"]));
            assert_eq!(keys(told), required(schema));
        }
    }

    #[test]
    fn programs_get_every_number_and_pages_a_table() {
        let json = report().json(&BTreeMap::new());
        assert_eq!(json["totals"]["fail"], 1);
        assert_eq!(json["cases"][1]["tensors"][0]["score"], 4.0);
        assert_eq!(json["cases"][1]["tensors"][0]["status"], "fail");
        let page = report().markdown();
        assert!(
            page.contains("| `linear.b.normal` | FAIL | 4.000 | main/out/y | 2.0000 x want = 2 |"),
            "{page}"
        );
    }
}
