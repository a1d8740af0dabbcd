//! Tokens of images.

pub mod box_giou;
pub mod box_iou;
pub mod global_region;
pub mod grid_embedding;
pub mod non_maximum_suppression;
pub mod patch;
pub mod region_embedding;
pub mod region_features;
pub mod region_geometry;
mod regions;
pub mod roi_align;
pub mod roi_pool;
pub mod visual_cost;

pub use box_giou::box_giou;
pub use box_iou::{Edges, box_iou};
pub use global_region::{GlobalMean, rows_with_global, with_global_region, with_global_region_backward};
pub use grid_embedding::{GridEmbedding, GridEmbeddingTape};
pub use non_maximum_suppression::non_maximum_suppression;
pub use patch::{Order, PatchEmbedding, PatchEmbeddingTape, patchify, unpatchify};
pub use region_embedding::{RegionEmbedding, RegionEmbeddingTape};
pub use region_features::{RegionFeatures, RegionFeaturesTape, Stage, StageTape};
pub use region_geometry::region_geometry;
pub(crate) use region_geometry::{Names as BoxNames, box_shares};
pub use roi_align::{ImageBox, RoiAlign, Sampling, roi_align, roi_align_backward};
pub use roi_pool::{RoiPool, roi_pool, roi_pool_backward};
pub use visual_cost::{VisualCost, VisualKind, visual_cost};
