//! Tokens of texts.

pub mod embedding;
pub mod input;
pub mod vocabulary;

pub use embedding::{TextEmbedding, TextEmbeddingTape};
pub use input::{SpecialIds, TextInput};
pub use vocabulary::Vocabulary;
