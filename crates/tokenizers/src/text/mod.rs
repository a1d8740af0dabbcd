//! Tokens of texts.

pub mod vocabulary;

pub use vocabulary::Vocabulary;
