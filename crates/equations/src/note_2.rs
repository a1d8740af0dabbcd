//! Section 2 of the note: tokens and embeddings.

use crate::{checks, equations};

equations! { "2",
    patch = "eq-2.1-patch": mmt_tokenizers::image::PatchEmbedding => checks::patch;
    roi_align = "eq-2.2-roialign": mmt_tokenizers::image::roi_align => checks::roi_align;
    embedding_sum = "eq-2.15-embedding-sum": mmt_tokenizers::EmbeddingSum => checks::embedding_sum;
}
