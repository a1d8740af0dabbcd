//! Vectors of words that guess their neighbors: word2vec.

pub mod cbow;
pub mod negative_sampling;
pub mod noise;
pub mod pairs;
pub mod subsampling;
pub mod word_vectors;

pub use cbow::ContextShare;
pub use negative_sampling::{
    Guess, NegativeSamplingTape, Slope, negative_sampling, negative_sampling_backward,
};
pub use noise::{Noise, OnHit, noise_distribution};
pub use pairs::{Pair, Speaker, sample_contexts, sample_pairs};
pub use subsampling::{Subsampling, keep_probability, sample_kept};
pub use word_vectors::{CbowTape, SkipGramTape, WordVectors, learning_rate};
