//! Samples of the data sets that are words: sentences and patients.

use mmt_lab::data::ehr;
use mmt_lab::data::text::{self, Exchange};
use mmt_tensor::Random;
use serde_json::json;

/// A sample in words and for machines.
pub type Told = (Vec<String>, serde_json::Value);

/// What draws a sample of a set without pictures.
pub fn teller(id: &str) -> Option<fn(&mut Random) -> Told> {
    Some(match id {
        "text" => |random| {
            let exchanges = text::exchanges(random.below(1 << 20) as u64);
            let Exchange { question, answer } = &exchanges[random.below(exchanges.len())];
            let (question, answer) = (question.join(" "), answer.join(" "));
            let fields = json!({ "question": question, "answer": answer });
            (vec![format!("{question}?"), format!("{answer}.")], fields)
        },
        "ehr" => |random| {
            let patient = ehr::patients(1, random).remove(0);
            let codes = |list: &[usize], name: fn(usize) -> String| {
                list.iter().map(|&code| name(code)).collect::<Vec<_>>()
            };
            let visits: Vec<_> = (patient.visits.iter())
                .map(|v| (codes(&v.diagnoses, ehr::diagnosis), codes(&v.medications, ehr::medication)))
                .collect();
            let complaint = ehr::COMPLAINTS[patient.complaint];
            let mut lines = vec![format!("synthetic patient with {complaint}")];
            lines.extend(visits.iter().enumerate().map(|(i, (diagnoses, medications))| {
                format!("visit {}: {}   {}", i + 1, diagnoses.join(" "), medications.join(" "))
            }));
            (lines, json!({ "synthetic": true, "complaint": complaint, "visits": visits }))
        },
        _ => return None,
    })
}
