//! Samples of the data sets that are words: sentences and patients.

use mmt_lab::data::ehr;
use mmt_lab::data::text::{self, Exchange};
use mmt_lab::ontologies::groups;
use mmt_lab::records::{Codes, RecordedVisit};
use mmt_report::figures::pieces::{Piece, PieceKind, pieces};
use mmt_report::figures::visits::{Patient, visits};
use mmt_report::svg;
use mmt_tensor::Random;
use serde_json::json;

use crate::failure::Failure;
use crate::tokens::patients::patient;

/// A sample in words, for machines, and to be drawn.
pub struct Told {
    pub lines: Vec<String>,
    pub fields: serde_json::Value,
    drawn: Drawn,
}

/// What is drawn of a sample.
enum Drawn {
    /// One token each.
    Words(Vec<String>),
    Patient(Vec<RecordedVisit>),
}

/// What draws a sample of a set without pictures.
pub fn teller(id: &str) -> Option<fn(&mut Random) -> Told> {
    match id {
        "text" => Some(exchange),
        "ehr" => Some(synthetic_patient),
        _ => None,
    }
}

fn exchange(random: &mut Random) -> Told {
    let exchanges = text::exchanges(random.below(1 << 20) as u64);
    let Exchange { question, answer } = &exchanges[random.below(exchanges.len())];
    let words = question.iter().chain(answer).map(ToString::to_string).collect();
    let (question, answer) = (question.join(" "), answer.join(" "));
    let fields = json!({ "question": question, "answer": answer });
    Told { lines: vec![format!("{question}?"), format!("{answer}.")], fields, drawn: Drawn::Words(words) }
}

fn synthetic_patient(random: &mut Random) -> Told {
    let patient = ehr::patients(1, random).remove(0);
    let codes =
        |list: &[usize], name: fn(usize) -> String| list.iter().map(|&code| name(code)).collect::<Vec<_>>();
    let visits: Vec<_> = (patient.visits.iter())
        .map(|v| (codes(&v.diagnoses, ehr::diagnosis), codes(&v.medications, ehr::medication)))
        .collect();
    let complaint = ehr::COMPLAINTS[patient.complaint];
    let mut lines = vec![format!("synthetic patient with {complaint}")];
    lines.extend(visits.iter().enumerate().map(|(i, (diagnoses, medications))| {
        format!("visit {}: {}   {}", i + 1, diagnoses.join(" "), medications.join(" "))
    }));
    let fields = json!({ "synthetic": true, "complaint": complaint, "visits": visits });
    let visit =
        |visit: ehr::Visit| RecordedVisit { diagnoses: visit.diagnoses, medications: visit.medications };
    Told { lines, fields, drawn: Drawn::Patient(patient.visits.into_iter().map(visit).collect()) }
}

/// All samples below each other.
pub fn drawing(told: &[Told], title: &str) -> Result<String, Failure> {
    let codes = Codes::synthetic();
    let groups = groups(&codes.diagnoses);
    let (mut sentences, mut patients) = (vec![], Vec::<Patient>::new());
    for Told { lines, drawn, .. } in told {
        match drawn {
            Drawn::Words(words) => sentences.push(pieces(&lines.join(" "), &chips(words))),
            Drawn::Patient(visits) => patients.push(patient(visits, &codes, &groups)?),
        }
    }
    Ok(if patients.is_empty() { svg::side_by_side(&sentences, 1, title) } else { visits(&patients) })
}

fn chips(words: &[String]) -> Vec<Piece> {
    let chip =
        |word: &String| Piece { piece: word.clone(), kind: PieceKind::Start, id: None, typed: String::new() };
    words.iter().map(chip).collect()
}
