//! Text and regions of an image as one sequence: the tokens of VL-BERT, and the four embeddings that each of them is the sum of.

pub mod box_waves;
pub mod config;
pub mod four_embeddings;
pub mod input;
mod rows;
pub mod visual_feature;
pub mod vl_bert_embedding;

pub use box_waves::{BoxNumbers, box_waves};
pub use config::{EndFeature, VlBertConfig};
pub use four_embeddings::{FourEmbeddings, FourEmbeddingsTape};
pub use input::VlBertInput;
pub use visual_feature::{VisualFeature, VisualFeatureTape};
pub use vl_bert_embedding::{VlBertEmbedding, VlBertEmbeddingTape};
