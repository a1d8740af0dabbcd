//! The sizes of the blocks of a topology.

use mmt_tensor::{Result, check_setting};

/// The sizes that all blocks share, except where a width comes with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// `d`, the width of the model: of learned tokens, and of what a linear map gives.
    pub width: usize,
    /// `h`
    pub heads: usize,
    /// `f`, the hidden width of the feed-forward networks.
    pub hidden: usize,
}

/// No width, hidden width, number of tokens or of layers is larger: costs stay countable.
pub(super) const LARGEST: usize = 1 << 24;

impl Sizes {
    /// Refuses sizes of zero and absurd ones.
    pub(super) fn check(&self) -> Result<()> {
        for (at, size) in [
            ("topology: width", self.width),
            ("topology: heads", self.heads),
            ("topology: hidden width", self.hidden),
        ] {
            check_size(at, size)?;
        }
        Ok(())
    }
}

/// Refuses zero and more than [`LARGEST`].
pub(super) fn check_size(at: &'static str, size: usize) -> Result<()> {
    check_setting(at, (1..=LARGEST).contains(&size), || format!("must be from 1 to {LARGEST}, got {size}"))
}
