//! The sizes and choices of the full Transformer.

use crate::{BlockConfig, NormOrder, SinusoidalKind};

/// Which tables of words are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tying {
    /// Source, target and output share one table: the base model of the paper. They share one vocabulary then.
    All,
    /// Target and output share one table, the source has its own.
    TargetAndOutput,
    /// Three tables.
    None,
}

/// The sizes and choices of an [`EncoderDecoder`](crate::EncoderDecoder).
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderDecoderConfig {
    /// Width, heads, hidden width and the rest of a block.
    pub block: BlockConfig,
    /// Where the norms stand: after the sums in the paper.
    pub order: NormOrder,
    /// Blocks of the encoder.
    pub encoder_depth: usize,
    /// Blocks of the decoder.
    pub decoder_depth: usize,
    /// Words of the source.
    pub source_words: usize,
    /// Words of the target.
    pub target_words: usize,
    /// The longest sequence.
    pub longest: usize,
    /// The table of positions.
    pub positions: SinusoidalKind,
    /// Which tables of words are one.
    pub tying: Tying,
    /// Whether the scores have a bias.
    pub output_bias: bool,
    /// The id with which every target begins.
    pub bos: usize,
}
