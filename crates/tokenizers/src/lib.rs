//! From images, texts, clips, records and sounds to tokens.

pub mod audio;
pub mod cnn;
pub mod ehr;
pub mod embedding_sum;
pub mod graph;
pub mod image;
pub mod minimal;
pub mod text;
pub mod video;
pub mod vl_bert;

pub use embedding_sum::EmbeddingSum;
pub use minimal::{MinimalConfig, MinimalEmbedding, MinimalEmbeddingTape, sample_patches};
