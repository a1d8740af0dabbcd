//! Section 2 of the note: tokens and embeddings.

use crate::{checks, equations};

equations! { "2",
    patch = "eq-2.1-patch": mmt_tokenizers::image::PatchEmbedding => checks::patch;
    roi_align = "eq-2.2-roialign": mmt_tokenizers::image::roi_align => checks::roi_align;
    tubelet = "eq-2.10-tubelet": mmt_tokenizers::video::TubeletEmbedding => checks::tubelet;
    frame_patch = "eq-2.10-frame-patch": mmt_tokenizers::video::FramePatches => checks::frame_patch;
    embedding_sum = "eq-2.15-embedding-sum": mmt_tokenizers::EmbeddingSum => checks::embedding_sum;
}
