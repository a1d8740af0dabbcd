//! Section 1.3 of the note: the full Transformer and ViT.

use crate::{checks, equations};

equations! { "1.3",
    sinusoidal = "eq-1.21-sinusoidal": mmt_blocks::sinusoidal => checks::sinusoidal;
    encoder_decoder = "eq-1.22-encoder-decoder": mmt_blocks::EncoderDecoder => checks::encoder_decoder;
    label_smoothing = "eq-1.23-label-smoothing": mmt_objectives::label_smoothing => checks::label_smoothing;
    noam = "eq-1.24-noam": mmt_tensor::optim::noam => checks::noam;
    adam = "eq-1.25-adam": mmt_tensor::optim::Adam => checks::adam;
    adamw = "eq-1.25-adamw": mmt_tensor::optim::AdamW => checks::adamw;
    bert_adam = "eq-1.25-bert-adam": mmt_tensor::optim::BertAdam => checks::bert_adam;
    vit = "eq-1.26-vit": mmt_blocks::VisionTransformer => checks::vision_transformer;
    position_interpolation = "eq-1.27-position-interpolation": mmt_blocks::interpolate_positions
        => checks::position_interpolation;
}
