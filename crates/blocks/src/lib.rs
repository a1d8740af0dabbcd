//! The parts of a Transformer, with hand-derived gradients.
//!
//! Tokens of all samples are the rows of one tall matrix; a [`Ragged`](mmt_tensor::Ragged) says where each sample
//! begins. Layers on rows do not see it; attention does.

pub mod activation;
pub mod admin;
pub mod attention;
pub mod block;
pub mod cross_block;
pub mod decoder_block;
pub mod depth;
pub mod embedding;
pub mod ffn;
pub mod flash_attention;
pub mod heads;
pub mod layer_norm;
pub mod linear;
pub mod mask;
pub mod multi_head;
pub mod pooler;
pub mod post_ln;
pub mod pre_ln;
pub mod self_attention;
pub mod stack;
pub mod tied_decoder;

pub use activation::Activation;
pub use admin::{
    AdminBlock, AdminBlockTape, AdminEncoder, AdminKind, AdminProfile, OutputChange, Shortcut, ShortcutTape,
    SubLayer, admin_closed, admin_code, admin_paper,
};
pub use attention::{AttentionTape, DeadRows, attention, attention_backward};
pub use block::{Block, BlockConfig, BlockTape, NormOrder};
pub use cross_block::{CrossBlock, CrossBlockTape};
pub use decoder_block::{DecoderBlock, DecoderBlockTape};
pub use embedding::Embedding;
pub use ffn::{Ffn, FfnTape};
pub use flash_attention::{FlashTape, Tiles, flash_attention, flash_attention_backward};
pub use heads::{AttentionKind, Heads, HeadsTape};
pub use layer_norm::LayerNorm;
pub use linear::{Linear, LinearTape};
pub use mask::Mask;
pub use multi_head::{AttentionBatch, MultiHead, MultiHeadTape};
pub use pooler::{Pooler, PoolerTape};
pub use post_ln::{PostLn, PostLnTape};
pub use pre_ln::{PreLn, PreLnTape};
pub use self_attention::{SelfAttention, SelfAttentionTape, multiply_adds};
pub use stack::{Encoder, EncoderTape};
pub use tied_decoder::{TiedDecoder, TiedDecoderTape};
