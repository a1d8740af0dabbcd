//! Sizes and variants.

/// What `[END]` looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndFeature {
    /// Nothing: the released code, `end_embedding`.
    #[default]
    None,
    /// The whole image, like the words: the paper, section 3.2 and figure 1.
    WholeImage,
}

/// Sizes of a [`VlBertEmbedding`](super::VlBertEmbedding).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VlBertConfig {
    /// Rows of the table of words.
    pub words: usize,
    /// Rows of the table of positions: one more than the longest text, and one for `[END]`.
    pub longest: usize,
    /// `d_v`, numbers of an appearance.
    pub appearance: usize,
    /// `k`, wavelengths of eq-2.15-box-waves.
    pub waves: usize,
    /// `d`
    pub width: usize,
    /// `ε` of all norms.
    pub eps: f64,
    /// What `[END]` looks like.
    pub end: EndFeature,
}

impl VlBertConfig {
    /// The base model of the paper, with the vocabulary and the positions of BERT.
    pub const BASE: VlBertConfig = VlBertConfig {
        words: 30_522,
        longest: 512,
        appearance: 2048,
        waves: 256,
        width: 768,
        eps: 1e-12,
        end: EndFeature::None,
    };

    /// A model for tests: words of 40 pieces, texts of 8 tokens.
    pub const TINY: VlBertConfig = VlBertConfig {
        words: 40,
        longest: 10,
        appearance: 16,
        waves: 4,
        width: 16,
        eps: 1e-12,
        end: EndFeature::None,
    };

    /// A model whose tables have a handful of rows.
    #[cfg(test)]
    pub(super) const SMALLEST: VlBertConfig =
        VlBertConfig { words: 5, longest: 6, appearance: 3, waves: 1, width: 4, ..VlBertConfig::TINY };
}
