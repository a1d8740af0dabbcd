//! From images, texts, clips, records and sounds to tokens.

pub mod cnn;
pub mod embedding_sum;
pub mod image;
pub mod text;
pub mod video;

pub use embedding_sum::EmbeddingSum;
