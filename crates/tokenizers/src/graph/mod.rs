//! Words and codes as nodes of a graph.

pub mod adjacency;
pub mod attention;
pub mod gcn;
pub mod neighbors;
pub mod word_graph;

pub use adjacency::Adjacency;
pub use attention::{GraphAttention, GraphAttentionTape};
pub use gcn::{Gcn, GcnTape};
pub use neighbors::Neighbors;
pub use word_graph::{Counting, Nodes, WordGraphConfig, word_graph};
