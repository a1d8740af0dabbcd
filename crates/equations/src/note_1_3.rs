//! Section 1.3 of the note: the full Transformer and ViT.

use crate::{checks, equations};

equations! { "1.3",
    noam = "eq-1.24-noam": mmt_tensor::optim::noam => checks::noam;
    adam = "eq-1.25-adam": mmt_tensor::optim::Adam => checks::adam;
    adamw = "eq-1.25-adamw": mmt_tensor::optim::AdamW => checks::adamw;
    bert_adam = "eq-1.25-bert-adam": mmt_tensor::optim::BertAdam => checks::bert_adam;
}
