//! A report as JUnit XML, which servers that run tests read.

use std::collections::BTreeMap;

use crate::compare::{CaseReport, Verdict};
use crate::report::{Report, block, word};

impl Report {
    /// For servers that run tests: a suite per family, a test per case.
    pub fn junit(&self) -> String {
        let mut families: BTreeMap<&str, Vec<&CaseReport>> = BTreeMap::new();
        for case in &self.cases {
            families.entry(&case.family).or_default().push(case);
        }
        let mut text =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mmt-golden\">\n".to_string();
        for (family, cases) in families {
            let count = |verdict| cases.iter().filter(|case| case.status == verdict).count();
            let failures = count(Verdict::Fail) + count(Verdict::Incomplete);
            text += &format!(
                "  <testsuite name=\"{family}\" tests=\"{}\" failures=\"{failures}\" errors=\"{}\" skipped=\"{}\">\n",
                cases.len(),
                count(Verdict::Crashed) + count(Verdict::Invalid),
                count(Verdict::Skipped)
            );
            cases.iter().for_each(|case| text += &testcase(case, &self.profile));
            text += "  </testsuite>\n";
        }
        text + "</testsuites>\n"
    }
}

fn testcase(case: &CaseReport, profile: &str) -> String {
    let name = format!("    <testcase classname=\"{}\" name=\"{} {profile}\"", case.family, case.id);
    let escape = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let text = escape(&block(case, profile).join("\n"));
    match case.status {
        Verdict::Pass => format!("{name}/>\n"),
        Verdict::Skipped => format!("{name}><skipped/></testcase>\n"),
        Verdict::Crashed | Verdict::Invalid => {
            format!("{name}><error message=\"{}\">{text}</error></testcase>\n", word(case.status))
        }
        Verdict::Fail | Verdict::Incomplete => {
            format!("{name}><failure message=\"{}\">{text}</failure></testcase>\n", word(case.status))
        }
    }
}
