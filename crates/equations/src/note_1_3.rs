//! Section 1.3 of the note: the full Transformer, ViT and BERT.

use crate::equations;

equations! { "1.3", }
