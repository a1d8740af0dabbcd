//! Section 2 of the note: tokens and embeddings.

use crate::{checks, equations};

equations! { "2",
    patch = "eq-2.1-patch": mmt_tokenizers::image::PatchEmbedding => checks::patch;
    embedding_sum = "eq-2.15-embedding-sum": mmt_tokenizers::EmbeddingSum => checks::embedding_sum;
}
