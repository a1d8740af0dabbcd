//! The numbers of an experiment as JSON.

use std::path::{Path, PathBuf};

use mmt_lab::experiments::{Band, Experiment, Outcome, Plan, Series};
use mmt_report::file;
use serde_json::{Value, json};

use crate::failure::{Code, Failure};
use crate::terminal::{BAD, BOLD, GOOD, Terminal, paint};

/// What a run of an experiment found, as it stands in its file.
pub struct Record {
    id: String,
    json: Value,
}

/// `91.4 %`, `90.1 to 92.6 %`, `at least 84 %`: the second one is that of each seed where there is no interval, and empty where
/// nothing was left to chance.
pub fn words(band: &Band) -> (String, String, String) {
    let (scale, unit) = if band.percent { (100.0, " %") } else { (1.0, "") };
    let digits = if band.percent { 1 } else { 3 };
    let number = |x: f64| format!("{:.digits$}", scale * x);
    let limit = |x: f64| format!("{}{unit}", (1e6 * scale * x).round() / 1e6);
    let measured = format!("{}{unit}", number(band.measured.mean));
    let each: Vec<String> = band.each.iter().map(|&x| number(x)).collect();
    let interval = if band.measured.low < band.measured.high {
        format!("{} to {}{unit}", number(band.measured.low), number(band.measured.high))
    } else if each.len() > 1 {
        format!("seeds: {}{unit}", each.join(", "))
    } else {
        String::new()
    };
    let limits = match (band.low, band.high) {
        (Some(low), Some(high)) => format!("{} to {}", limit(low), limit(high)),
        (Some(0.0), None) if band.order => "interval above 0".to_string(),
        (Some(low), None) if band.order => format!("at least {}, interval above 0", limit(low)),
        (Some(low), None) => format!("at least {}", limit(low)),
        (None, Some(high)) => format!("at most {}", limit(high)),
        (None, None) => String::new(),
    };
    (measured, interval, limits)
}

impl Record {
    pub fn of(experiment: &Experiment, plan: &Plan, outcome: &Outcome, seconds: f64) -> Self {
        let table =
            |t: &mmt_lab::experiments::Table| json!({ "title": t.title, "head": t.head, "rows": t.rows });
        let json = json!({
            "schema": "mmt-experiment/1", "id": experiment.id, "claim": experiment.claim, "method": experiment.method,
            "version": env!("CARGO_PKG_VERSION"), "seeds": plan.seeds, "seconds": seconds, "holds": outcome.holds(),
            "models": outcome.series.iter().map(model).collect::<Vec<_>>(),
            "verdicts": outcome.bands.iter().map(verdict).collect::<Vec<_>>(),
            "tables": outcome.tables.iter().map(table).collect::<Vec<_>>(), "notes": outcome.notes,
        });
        Record { id: experiment.id.to_string(), json }
    }

    fn path(id: &str, out: &Path) -> PathBuf {
        out.join(format!("{id}.json"))
    }

    /// Writes the file; returns where it is.
    pub fn write(&self, out: &Path) -> Result<PathBuf, Failure> {
        let path = Self::path(&self.id, out);
        let text = format!("{:#}\n", self.json);
        file::write(&path, text.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
        Ok(path)
    }

    /// The last run, if there is one.
    pub fn read(id: &str, out: &Path) -> Result<Option<Self>, Failure> {
        let path = Self::path(id, out);
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |why: &str| Failure::new(Code::InvalidData, format!("{}: {why}", path.display()));
        let bytes = mmt_golden::file::read_bytes(&path)?;
        let json: Value = serde_json::from_slice(&bytes).map_err(|e| wrong(&e.to_string()))?;
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or("");
        if text("schema") != "mmt-experiment/1" || text("id") != id {
            return Err(wrong(&format!("expected the schema mmt-experiment/1 and the id {id}")));
        }
        let verdicts = json.get("verdicts").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if !verdicts || json.get("holds").is_none_or(|holds| !holds.is_boolean()) {
            return Err(wrong("`verdicts` or `holds` is missing"));
        }
        Ok(Some(Record { id: id.to_string(), json }))
    }

    pub fn holds(&self) -> bool {
        self.json.get("holds").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The verdicts, one line each.
    pub fn show(&self, terminal: &Terminal) -> Result<(), Failure> {
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").to_string();
        let none = vec![];
        let verdicts = self.json.get("verdicts").and_then(Value::as_array).unwrap_or(&none);
        terminal
            .event("experiment", json!({ "id": self.id, "holds": self.holds(), "verdicts": verdicts }))?;
        terminal.line("")?;
        terminal.line(format_args!("{}   {}", paint(BOLD, &self.id), text(&self.json, "claim")))?;
        for verdict in verdicts {
            let holds = verdict.get("holds").and_then(Value::as_bool).unwrap_or(false);
            let mark = if holds { paint(GOOD, "✓") } else { paint(BAD, "✗") };
            let (claim, measured) = (text(verdict, "claim"), text(verdict, "measured_in_words"));
            terminal.line(format_args!(" {mark} {claim}: {measured}   {}", text(verdict, "band")))?;
        }
        Ok(())
    }
}

fn model(s: &Series) -> Value {
    let tested = |tests: &[mmt_lab::training::test::Test]| {
        tests.iter().map(mmt_lab::training::test::Test::accuracy).collect::<Vec<_>>()
    };
    let without: serde_json::Map<String, Value> =
        s.without.iter().map(|(m, tests)| (m.to_string(), json!(tested(tests)))).collect();
    json!({
        "name": s.name, "topology": s.topology, "parameters": s.parameters, "flops": s.flops.to_string(),
        "accuracy": s.accuracy(), "each": s.accuracies(), "curves": s.curves, "without": without,
    })
}

fn verdict(band: &Band) -> Value {
    let (measured, interval, limits) = words(band);
    json!({
        "claim": band.claim, "measured": band.measured.mean, "interval": [band.measured.low, band.measured.high], "each": band.each,
        "low": band.low, "high": band.high, "holds": band.holds(), "measured_in_words": measured,
        "interval_in_words": interval, "band": limits,
    })
}
