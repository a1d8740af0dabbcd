//! Tokens of health records: codes of diagnoses and medications, in visits.

pub mod code;
pub mod ontology;
pub mod ontology_embedding;

pub use code::{CodeSystem, SYSTEMS, SystemUse, VisitCode, code_order};
pub use ontology::{Ontology, atc_path, icd9_path};
pub use ontology_embedding::{OntologyEmbedding, OntologyEmbeddingTape};
