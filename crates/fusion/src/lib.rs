//! How modalities meet.
//!
//! Every named topology is a page of its own with a hand-derived gradient.

pub mod attention_with_sums;
pub mod concat;
pub mod cross_attention;
pub mod cross_concat;
pub mod early_concat;
pub mod early_sum;
pub mod gate;
pub mod layout;
pub mod many_to_one;
pub mod one_to_many;
pub mod residual_attention;
pub mod stream;

pub use attention_with_sums::{AttentionWithSumsTape, attention_with_sums, attention_with_sums_backward};
pub use concat::{concat, concat_backward, split, split_backward};
pub use cross_attention::{CrossAttention, CrossAttentionTape};
pub use cross_concat::{CrossConcat, CrossConcatTape};
pub use early_concat::{EarlyConcat, EarlyConcatTape};
pub use early_sum::{EarlySum, EarlySumTape, SumWeights};
pub use gate::{GateTape, Part, gate, gate_backward};
pub use layout::{Layout, Segment};
pub use many_to_one::{HierMultiToOne, HierMultiToOneTape};
pub use one_to_many::{HierOneToMulti, HierOneToMultiTape};
pub use residual_attention::ResidualAttention;
pub use stream::{Cross, CrossTape, Stream, StreamTape};
