//! Tokens of health records: codes of diagnoses and medications, in visits.
//!
//! # What the released code of G-BERT does otherwise
//!
//! Three things that contradict its paper, none of which is the default here:
//!
//! * **Replacements from the other vocabulary.** Where a hidden code is replaced by a random one, pretraining draws for a set of
//!   diagnoses from the medications, and the other way round (`random_word(adm[0], rx_voc)`, `run_pretraining.py`). Here
//!   `sample_independent_masking` of `mmt-objectives` draws from the codes of the rule that it is given: those of the set's own
//!   kind.
//! * **One kind for both.** Pretraining gives row 0 of the table of kinds to diagnoses and to medications, so that row 1 is never
//!   trained. Here a [`CodeSet`] has its own kind.
//! * **Rows taken apart wrongly** when medications are foretold, so that a prediction reads what it foretells: `Regrouping::Halves`
//!   of `mmt-objectives`, eq-2.13-visit-rows.

pub mod code;
pub mod code_paths;
pub mod code_set;
pub mod ontology;
pub mod ontology_embedding;
pub mod patient;
pub mod patient_input;
pub mod visit;

pub use code::{CodeSystem, SYSTEMS, SystemUse, VisitCode, code_order};
pub use code_paths::{atc_path, icd9_path};
pub use code_set::{CodeSet, VisitConfig, VisitKeys};
pub use ontology::Ontology;
pub use ontology_embedding::{OntologyEmbedding, OntologyEmbeddingTape};
pub use patient::{PatientEmbedding, PatientEmbeddingTape};
pub use patient_input::{PatientInput, Serialization, TooLong};
pub use visit::{VisitEncoder, VisitEncoderTape};
