//! Which codes the two published models read, and in which order.

use mmt_tensor::{Error, Result};

/// A system of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeSystem {
    /// Diagnoses, ninth revision.
    Icd9,
    /// Diagnoses, tenth revision.
    Icd10,
    /// Medications, by what they act on.
    Atc,
    /// Packages of medications; G-BERT's data come with it.
    Ndc,
    /// Medications by substance; G-BERT's way from NDC to ATC.
    RxNorm,
    /// Procedures.
    Cpt,
    /// Laboratory tests.
    Loinc,
}

/// What a published model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemUse {
    /// The model.
    pub model: &'static str,
    /// The systems its tokens come from.
    pub tokens: &'static [CodeSystem],
    /// Systems that only served to translate.
    pub between: &'static [CodeSystem],
    /// How many codes, special ids not counted.
    pub codes: usize,
    /// Ids for padding, `[CLS]`, `[MASK]`.
    pub special: usize,
}

/// G-BERT and Med-BERT: neither reads procedures or laboratory tests.
///
/// Sources: the released data code of G-BERT, `data/EDA.py`, with 468 codes of medications and 1997 of diagnoses; Rasmy et
/// al. 2021, *Med-BERT*, methods and table 1, whose released code has no id of its own for `[MASK]`.
pub const SYSTEMS: [SystemUse; 2] = [
    SystemUse {
        model: "G-BERT",
        tokens: &[CodeSystem::Icd9, CodeSystem::Atc],
        between: &[CodeSystem::Ndc, CodeSystem::RxNorm],
        codes: 468 + 1997,
        special: 3,
    },
    SystemUse {
        model: "Med-BERT",
        tokens: &[CodeSystem::Icd9, CodeSystem::Icd10],
        between: &[],
        codes: 82_603,
        special: 0,
    },
];

/// A code of a visit and what its place depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitCode {
    /// The code.
    pub code: usize,
    /// Whether the patient came with it.
    pub present_on_admission: bool,
    /// Whether it was written down for the bill only.
    pub billing_only: bool,
    /// Its rank in the record, from 1.
    pub priority: u32,
}

/// The codes of a visit in the order of their importance.
///
/// **eq-2.11-code-order**
/// ```math
/// c_1, \dots, c_n = \operatorname{sort}_{\,(\neg \text{present on admission},\; \text{billing only},\; \text{priority})} (C)
/// ```
///
/// What the patient came with stands first, what was written for the bill last; the rank in the record decides the rest, and
/// codes with the same marks keep their order. Med-BERT reads the place in this order as a feature of the code. For G-BERT a
/// visit is a set: it has no order, and a code that is repeated counts once.
///
/// Source: Rasmy, Xiang, Xie, Tao & Zhi 2021, *Med-BERT: pretrained contextualized embeddings on large-scale structured
/// electronic health records for disease prediction*, methods.
///
/// # Errors
/// [`Error::EmptyInput`] for a visit without a code.
pub fn code_order(visit: &[VisitCode]) -> Result<Vec<usize>> {
    if visit.is_empty() {
        return Err(Error::EmptyInput { at: "code_order: visit" });
    }
    let mut sorted: Vec<&VisitCode> = visit.iter().collect();
    sorted.sort_by_key(|code| (!code.present_on_admission, code.billing_only, code.priority));
    Ok(sorted.into_iter().map(|code| code.code).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_without_a_code_is_refused() {
        assert_eq!(code_order(&[]).unwrap_err().to_string(), "code_order: visit: empty");
    }
}
