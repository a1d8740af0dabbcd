//! How modalities meet.
//!
//! Every named topology is a page of its own with a hand-derived gradient.

pub mod attention_with_sums;
pub mod bidirectional;
pub mod bidirectional_attention;
pub mod bottleneck;
pub mod bottleneck_layer;
pub mod concat;
pub mod cross;
pub mod cross_attention;
pub mod cross_concat;
pub mod early_concat;
pub mod early_sum;
pub mod gate;
pub mod joint_queries;
pub mod late;
pub mod layout;
pub mod look_at_others;
pub mod many_to_one;
pub mod one_to_many;
pub mod paired_attention;
pub mod projections;
pub mod residual_attention;
pub mod stream;
pub mod three_streams;
pub mod topology;

pub use attention_with_sums::{AttentionWithSumsTape, attention_with_sums, attention_with_sums_backward};
pub use bidirectional::{Bidirectional, BidirectionalStream, BidirectionalStreamTape, BidirectionalTape};
pub use bidirectional_attention::{BidirectionalAttention, BidirectionalAttentionTape};
pub use bottleneck::{Bottleneck, BottleneckTape, fused_layers};
pub use bottleneck_layer::{BottleneckLayer, BottleneckLayerTape};
pub use concat::{concat, concat_all, concat_all_backward, concat_backward, split, split_backward};
pub use cross::{Cross, CrossTape};
pub use cross_attention::{CrossAttention, CrossAttentionTape};
pub use cross_concat::{CrossConcat, CrossConcatTape};
pub use early_concat::{EarlyConcat, EarlyConcatTape};
pub use early_sum::{EarlySum, EarlySumTape, SumWeights};
pub use gate::{GateTape, Part, gate, gate_backward};
pub use joint_queries::{JointQueries, joint_queries, joint_queries_backward};
pub use late::{LateFusion, LateFusionTape, LateStream, LateStreamTape};
pub use layout::{Layout, Segment};
pub use look_at_others::{LookAtOthers, LookAtOthersTape};
pub use many_to_one::{HierMultiToOne, HierMultiToOneTape};
pub use one_to_many::{HierOneToMulti, HierOneToMultiTape};
pub use paired_attention::{paired_attention, paired_attention_backward};
pub use projections::{Projections, ProjectionsTape};
pub use residual_attention::ResidualAttention;
pub use stream::{Stream, StreamTape};
pub use three_streams::{ThreeStreams, ThreeStreamsStream, ThreeStreamsStreamTape, ThreeStreamsTape};
