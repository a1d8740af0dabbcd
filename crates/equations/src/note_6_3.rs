//! Section 6.3 of the note: efficiency.

use crate::{checks, equations};

equations! { "6.3",
    minimal = "eq-5-vilt-embed": mmt_tokenizers::MinimalEmbedding => checks::minimal;
    grid_embedding = "eq-5-grid-embed": mmt_tokenizers::image::GridEmbedding => checks::grid_embedding;
    visual_cost = "eq-5-visual-cost": mmt_tokenizers::image::visual_cost => checks::visual_cost;
    distill = "eq-5-kd": mmt_efficiency::distill => checks::distill;
    flash_attention = "eq-5-flash": mmt_blocks::flash_attention => checks::flash_attention;
}
