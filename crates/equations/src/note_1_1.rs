//! Section 1.1 of the note: the original Transformer, attention and feed-forward network.

use crate::equations;

equations! { "1.1", }
