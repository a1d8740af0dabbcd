//! Tokens of images.

pub mod patch;
pub mod roi_align;

pub use patch::{Order, PatchEmbedding, PatchEmbeddingTape, patchify, unpatchify};
pub use roi_align::{ImageBox, RoiAlign, Sampling, roi_align, roi_align_backward};
