//! Tokens of health records: codes of diagnoses and medications, in visits.

pub mod code;
pub mod code_set;
pub mod ontology;
pub mod ontology_embedding;
pub mod patient;
pub mod patient_input;
pub mod visit;

pub use code::{CodeSystem, SYSTEMS, SystemUse, VisitCode, code_order};
pub use code_set::{CodeSet, VisitConfig, VisitKeys};
pub use ontology::{Ontology, atc_path, icd9_path};
pub use ontology_embedding::{OntologyEmbedding, OntologyEmbeddingTape};
pub use patient::{PatientEmbedding, PatientEmbeddingTape};
pub use patient_input::{PatientInput, Serialization, TooLong};
pub use visit::{VisitEncoder, VisitEncoderTape};
