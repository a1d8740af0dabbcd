//! Errata of section 2.4 of the note: health records.

use mmt_tensor::{Random, Result};
use mmt_tokenizers::ehr::{
    CodeSet, CodeSystem, Ontology, SYSTEMS, VisitCode, VisitConfig, VisitEncoder, atc_path, code_order,
};
use ndarray::Array2;

use super::{Erratum, Outcome, judge};
use crate::checks::ontology_embedding::tree;

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C19",
        section: "2.4",
        claim: "G-BERT reads ICD and CPT codes",
        correction: "ICD-9 diagnoses and ATC medications; that it needs no position encoding (PE, the note writes PI) is right: \
                     a visit in any order gives the same bits",
        source: "released code of G-BERT, data/EDA.py; Rasmy et al. 2021, table 1",
        equation: "eq-2.13-visit-encoder",
        as_written: g_bert_reads_procedures,
        as_corrected: g_bert_reads_medications_without_order,
    },
    Erratum {
        id: "ERR-C20",
        section: "2.4",
        claim: "Med-BERT reads all systems of codes, in the order of their importance",
        correction: "diagnoses only, ICD-9 and ICD-10: the marks that say how important a code is, such as that the patient came \
                     with it, are those of diagnoses. Other codes would stand in the order in which somebody wrote them down",
        source: "Rasmy et al. 2021, methods and table 1",
        equation: "eq-2.11-code-order",
        as_written: med_bert_orders_everything,
        as_corrected: med_bert_orders_diagnoses,
    },
    Erratum {
        id: "ERR-C23",
        section: "2.4",
        claim: "ICD, CPT, LOINC and RxNorm are the tokens of these models",
        correction: "neither reads CPT or LOINC: G-BERT tells two kinds of codes apart, diagnoses and medications, and Med-BERT \
                     reads diagnoses. RxNorm is only a way from NDC to ATC in the data of G-BERT",
        source: "released code of G-BERT, data/EDA.py and its saved settings; Rasmy et al. 2021, methods",
        equation: "eq-2.13-visit-encoder",
        as_written: all_four_are_tokens,
        as_corrected: one_of_four_is_a_token,
    },
];

/// Rows of the table that the released model was saved with.
const SAVED_ROWS: usize = 2468;

fn encoder(trees: &[&Ontology], random: &mut Random) -> Result<VisitEncoder<f64>> {
    let config = VisitConfig { width: 4, depth: 2, heads: 2, graph_heads: 2, hidden: 4 };
    VisitEncoder::new(trees, &config, random)
}

/// The rows of the saved table that are left for other codes, when 468 medications and 1997 diagnoses have theirs.
fn rows_left() -> Result<usize> {
    let (medications, diagnoses) = (tree(&[&[468]]), tree(&[&[1997]]));
    let rows = encoder(&[&medications, &diagnoses], &mut Random::seed(1))?.vocabulary();
    Ok(SAVED_ROWS.saturating_sub(rows))
}

fn g_bert_reads_procedures() -> Outcome {
    let left = rows_left().map_err(|e| e.to_string())?;
    judge(left > 0, format!("of the {SAVED_ROWS} rows of the saved table {left} are left for procedures"))
}

/// A visit in two orders.
fn visits() -> Result<[Array2<f64>; 2]> {
    let encoder = encoder(&[&tree(&[&[2, 1], &[1]])], &mut Random::seed(1))?;
    let vector = |ids: &[usize]| Ok(encoder.forward(&[CodeSet::new(ids, 0)])?.0);
    Ok([vector(&[3, 4, 6])?, vector(&[6, 3, 4])?])
}

fn g_bert_reads_medications_without_order() -> Outcome {
    let left = rows_left().map_err(|e| e.to_string())?;
    let [a, b] = visits().map_err(|e| e.to_string())?;
    let order = if a == b { "the same vector" } else { "other vectors" };
    judge(
        left == 0 && a == b,
        format!(
            "3 marks, 468 medications and 1997 diagnoses fill the {SAVED_ROWS} rows of the saved table; a visit in two orders \
             has {order}"
        ),
    )
}

/// The codes of a visit in the order that Med-BERT reads, for two orders in which they were written down.
fn orders(marks: impl Fn(usize) -> VisitCode) -> Result<[Vec<usize>; 2]> {
    let visit: Vec<VisitCode> = (0..4).map(marks).collect();
    let other: Vec<VisitCode> = visit.iter().rev().cloned().collect();
    Ok([code_order(&visit)?, code_order(&other)?])
}

/// A laboratory test: nobody says whether the patient came with it, or how important it is.
fn test(code: usize) -> VisitCode {
    VisitCode { code, present_on_admission: false, billing_only: false, priority: 0 }
}

/// A diagnosis with its marks.
fn diagnosis(code: usize) -> VisitCode {
    VisitCode {
        code,
        present_on_admission: code.is_multiple_of(2),
        billing_only: false,
        priority: 1 + code as u32,
    }
}

fn med_bert_orders_everything() -> Outcome {
    let [one, other] = orders(test).map_err(|e| e.to_string())?;
    judge(
        one == other,
        format!("the same laboratory tests stand as {one:?} and as {other:?}, as they were written down"),
    )
}

fn med_bert_orders_diagnoses() -> Outcome {
    let [one, other] = orders(diagnosis).map_err(|e| e.to_string())?;
    let [_, model] = SYSTEMS;
    judge(
        one == other,
        format!(
            "diagnoses stand as {one:?} however they were written down; its codes are of {:?}",
            model.tokens
        ),
    )
}

/// The systems of the note by the kind of their codes: diagnoses and medications, which are the rows 0 and 1 of G-BERT's table,
/// and two more.
const KINDS: [&str; 4] = ["ICD", "RxNorm", "CPT", "LOINC"];

/// The kinds for which G-BERT has a row in its table of kinds.
fn kinds_read() -> Result<Vec<&'static str>> {
    let encoder = encoder(&[&tree(&[&[2, 1], &[1]])], &mut Random::seed(1))?;
    let read = |kind: &usize| encoder.forward(&[CodeSet::new(&[3, 4], *kind)]).is_ok();
    Ok((0..KINDS.len()).filter(read).map(|kind| KINDS[kind]).collect())
}

fn all_four_are_tokens() -> Outcome {
    let read = kinds_read().map_err(|e| e.to_string())?;
    judge(read.len() == 4, format!("of four kinds of codes, G-BERT has rows for {}", read.len()))
}

/// The kind of medications is read in ATC: the way to it is not among the tokens.
fn one_of_four_is_a_token() -> Outcome {
    let read = kinds_read().map_err(|e| e.to_string())?;
    let (tokens, between): (Vec<CodeSystem>, Vec<CodeSystem>) = (
        SYSTEMS.iter().flat_map(|model| model.tokens.iter().copied()).collect(),
        SYSTEMS.iter().flat_map(|model| model.between.iter().copied()).collect(),
    );
    let medications = atc_path("C09AA").is_ok() && atc_path("29046").is_err();
    let translated = between.contains(&CodeSystem::RxNorm) && !tokens.contains(&CodeSystem::RxNorm);
    judge(
        read == ["ICD", "RxNorm"] && medications && translated,
        "of four kinds of codes, G-BERT has rows for diagnoses and medications; the tree of medications takes `C09AA` of ATC \
         and refuses `29046` of RxNorm"
            .to_string(),
    )
}
