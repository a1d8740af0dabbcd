//! `mmt tokens --ehr`: the visits of patients.

use std::path::Path;

use mmt_lab::ontologies::{groups, read_ontology};
use mmt_lab::records::{Codes, RecordedVisit, read_patients};
use mmt_report::figures::visits::{self as drawn, Patient, Place, Visit, visits as drawing};
use mmt_tokenizers::ehr::{CodeSet, Ontology, PatientInput, Serialization, TooLong, VisitEncoder};
use serde_json::json;

use super::{left_out, save};
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, table};

/// Most codes of a patient that Med-BERT reads.
const LONGEST: usize = 512;

/// The sets and the sequence of every patient.
pub fn patients(path: &Path, trees: [Option<&Path>; 2], svg: bool, terminal: &Terminal) -> Done {
    let [diagnoses, medications] = trees.map(|tree| tree.map(read_ontology).transpose());
    let [diagnoses, medications] = [diagnoses, medications].map(|tree| tree.map_err(Failure::from));
    let codes = Codes::synthetic().with(diagnoses?, medications?);
    let groups = groups(&codes.diagnoses);
    let patients = read_patients(path, &codes)?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut drawn = vec![];
    for (i, visits) in patients.iter().enumerate() {
        terminal.line("")?;
        terminal.line(paint(BOLD, format!("patient {}, for G-BERT: a set of each kind per visit", i + 1)))?;
        sets(i, visits, &codes, terminal)?;
        terminal.line("")?;
        terminal.line(paint(BOLD, format!("patient {}, for Med-BERT: one sequence of diagnoses", i + 1)))?;
        let patient = patient(visits, &codes, &groups)?;
        sequence(i, &patient, terminal)?;
        drawn.push(patient);
    }
    if svg {
        save("ehr", &drawing(&drawn), terminal)?;
    }
    Ok(Code::Ok)
}

/// Ids of codes: `[PAD]`, `[CLS]` and `[MASK]` first, then medications, then diagnoses.
fn sets(patient: usize, visits: &[RecordedVisit], codes: &Codes, terminal: &Terminal) -> Result<(), Failure> {
    let first = VisitEncoder::<f64>::CODES;
    let heads = ["visit", "kind", "codes", "ids, [CLS] first"];
    let mut cells = vec![heads.map(|head| paint(BOLD, head)).to_vec()];
    for (number, visit) in visits.iter().enumerate() {
        let kinds = [
            ("diagnoses", &visit.diagnoses, first + codes.medications.leaves().len(), &codes.diagnoses),
            ("medications", &visit.medications, first, &codes.medications),
        ];
        for (kind, (name, codes, first, tree)) in kinds.into_iter().enumerate() {
            if codes.is_empty() {
                continue;
            }
            let ids: Vec<usize> = codes.iter().map(|code| first + code).collect();
            let set = CodeSet::new(&ids, kind);
            let labels: Vec<String> =
                set.ids.iter().map(|id| code_name(tree, id - first).to_string()).collect();
            let mut ids = vec![VisitEncoder::<f64>::CLS];
            ids.extend(set.ids);
            let fields = json!({ "patient": patient + 1, "visit": number + 1, "kind": name, "codes": labels,
                "ids": ids });
            terminal.event("set", fields)?;
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            cells.push(vec![(number + 1).to_string(), name.to_string(), labels.join(" "), ids.join(" ")]);
        }
    }
    let align = [Align::Right, Align::Left, Align::Left, Align::Left];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))
}

/// A patient as it is drawn; `groups` as [`groups()`] of the diagnoses.
pub fn patient(visits: &[RecordedVisit], codes: &Codes, groups: &[usize]) -> Result<Patient, Failure> {
    let lists: Vec<Vec<usize>> = visits.iter().map(|visit| visit.diagnoses.clone()).collect();
    let input = PatientInput::new(&lists, Serialization::WithinVisit, LONGEST, TooLong::KeepLatest)?;
    let input = input.expect("nobody is left out");
    let places = input.codes.into_iter().zip(input.visits).zip(input.places);
    let place = |((code, visit), place): ((usize, usize), usize)| {
        let name = code_name(&codes.diagnoses, code).to_string();
        Place { name, group: groups[code], visit, place }
    };
    Ok(Patient {
        visits: visits.iter().map(|visit| card(visit, codes, groups)).collect(),
        sequence: places.map(place).collect(),
    })
}

/// A visit as it is drawn, in the order of the record.
fn card(visit: &RecordedVisit, codes: &Codes, groups: &[usize]) -> Visit {
    let first = VisitEncoder::<f64>::CODES;
    let after = first + codes.medications.leaves().len();
    let diagnoses = visit.diagnoses.iter().map(|&code| drawn::Code {
        name: code_name(&codes.diagnoses, code).to_string(),
        id: after + code,
        group: groups[code],
    });
    let medications = visit.medications.iter().map(|&code| drawn::Code {
        name: code_name(&codes.medications, code).to_string(),
        id: first + code,
        group: 0,
    });
    Visit { diagnoses: diagnoses.collect(), medications: medications.collect() }
}

fn code_name(tree: &Ontology, code: usize) -> &str {
    tree.name(tree.leaves()[code])
}

/// The sequence of all diagnoses, with the number of the visit and the place in it of each.
fn sequence(number: usize, patient: &Patient, terminal: &Terminal) -> Result<(), Failure> {
    let heads = ["position", "code", "visit", "place"];
    let mut cells = vec![heads.map(|head| paint(BOLD, head)).to_vec()];
    for (at, Place { name, visit, place, .. }) in patient.sequence.iter().enumerate() {
        let fields = json!({ "patient": number + 1, "position": at, "code": name, "visit": visit,
            "place": place });
        terminal.event("code", fields)?;
        cells.push(vec![at.to_string(), name.clone(), visit.to_string(), place.to_string()]);
    }
    let align = [Align::Right, Align::Left, Align::Right, Align::Right];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))?;
    let all = patient.visits.iter().map(|visit| visit.diagnoses.len()).sum();
    left_out(patient.sequence.len(), all, "latest", terminal)
}
