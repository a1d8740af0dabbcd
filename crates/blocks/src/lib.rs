//! The parts of a Transformer, with hand-derived gradients.
//!
//! Tokens of all samples are the rows of one tall matrix; a [`Ragged`](mmt_tensor::Ragged) says where each sample
//! begins. Layers on rows do not see it; attention does.

pub mod activation;
pub mod admin;
pub mod attention;
pub mod block;
pub mod class_head;
pub mod class_token;
pub mod cross_block;
pub mod decode;
pub mod decoder;
pub mod decoder_block;
pub mod depth;
pub mod embedding;
pub mod encoder_decoder;
pub mod encoder_decoder_config;
pub mod ffn;
pub mod flash_attention;
pub mod heads;
pub mod layer_norm;
pub mod linear;
pub mod mask;
pub mod multi_head;
pub mod pooler;
pub mod position;
pub mod post_ln;
pub mod pre_ln;
pub mod self_attention;
pub mod stack;
pub mod tied_decoder;
pub mod token_batch;
pub mod vision_transformer;

pub use activation::Activation;
pub use admin::{
    AdminBlock, AdminBlockTape, AdminEncoder, AdminKind, AdminProfile, OutputChange, Shortcut, ShortcutTape,
    SubLayer, admin_closed, admin_code, admin_paper,
};
pub use attention::{AttentionTape, DeadRows, attention, attention_backward};
pub use block::{Block, BlockConfig, BlockTape, NormOrder};
pub use class_head::{ClassHead, ClassHeadTape};
pub use class_token::ClassToken;
pub use cross_block::{CrossBlock, CrossBlockTape};
pub use decode::DecoderState;
pub use decoder::{Decoder, DecoderTape};
pub use decoder_block::{DecoderBlock, DecoderBlockTape};
pub use embedding::Embedding;
pub use encoder_decoder::{EncoderDecoder, EncoderDecoderTape};
pub use encoder_decoder_config::{EncoderDecoderConfig, Tying};
pub use ffn::{Ffn, FfnTape};
pub use flash_attention::{FlashTape, Tiles, flash_attention, flash_attention_backward};
pub use heads::{AttentionKind, Heads, HeadsTape};
pub use layer_norm::{LayerNorm, LayerNormTape};
pub use linear::{Linear, LinearTape};
pub use mask::Mask;
pub use multi_head::{AttentionBatch, MultiHead, MultiHeadTape};
pub use pooler::{Pooler, PoolerTape};
pub use position::{
    LearnedPositions, SinusoidalKind, add_positions, add_positions_backward, interpolate_positions,
    interpolate_positions_backward, resize_grid, resize_grid_backward, sinusoidal,
};
pub use post_ln::{PostLn, PostLnTape};
pub use pre_ln::{PreLn, PreLnTape};
pub use self_attention::{SelfAttention, SelfAttentionTape, multiply_adds};
pub use stack::{Encoder, EncoderTape};
pub use tied_decoder::{TiedDecoder, TiedDecoderTape};
pub use token_batch::TokenBatch;
pub use vision_transformer::{VisionTransformer, VisionTransformerConfig, VisionTransformerTape};
