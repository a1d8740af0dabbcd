//! Tokens of images.

pub mod patch;

pub use patch::{Order, PatchEmbedding, PatchEmbeddingTape, patchify, unpatchify};
