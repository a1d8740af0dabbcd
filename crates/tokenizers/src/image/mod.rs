//! Tokens of images.

pub mod global_region;
pub mod patch;
pub mod region_embedding;
pub mod region_features;
pub mod region_geometry;
pub mod roi_align;

pub use global_region::{GlobalMean, rows_with_global, with_global_region, with_global_region_backward};
pub use patch::{Order, PatchEmbedding, PatchEmbeddingTape, patchify, unpatchify};
pub use region_embedding::{RegionEmbedding, RegionEmbeddingTape};
pub use region_features::{RegionFeatures, RegionFeaturesTape, Stage, StageTape};
pub use region_geometry::region_geometry;
pub use roi_align::{ImageBox, RoiAlign, Sampling, roi_align, roi_align_backward};
