//! Tokens of videos.

pub mod clip_features;
pub mod clips;
pub mod frames;
pub mod image_weights;
pub mod k_means;
pub mod seeds;
pub mod tubelet;
pub mod visual_words;
mod word_search;

pub use clip_features::{ClipFeatures, ClipFeaturesConfig, ClipFeaturesTape};
pub use clips::{ClipConfig, LastClip, clip_tokens, cut_clips, resample_frames};
pub use frames::{FramePatches, FramePatchesTape};
pub use image_weights::{central_frame, inflate, tile_positions, tile_positions_backward};
pub use k_means::{Clusters, k_means};
pub use seeds::sample_centers;
pub use tubelet::{Tubelet, TubeletEmbedding, TubeletEmbeddingTape, tubelets, untubelets};
pub use visual_words::{Level, ShortNodes, VisualWords, VisualWordsConfig};
