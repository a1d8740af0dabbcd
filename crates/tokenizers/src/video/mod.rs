//! Tokens of videos.

pub mod frames;
pub mod image_weights;
pub mod tubelet;

pub use frames::{FramePatches, FramePatchesTape};
pub use image_weights::{central_frame, inflate, tile_positions, tile_positions_backward};
pub use tubelet::{Tubelet, TubeletEmbedding, TubeletEmbeddingTape, tubelets, untubelets};
