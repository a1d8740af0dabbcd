//! Section 1.1 of the note: the original Transformer, attention and feed-forward network.

use crate::{checks, equations};

equations! { "1.1",
    attention = "eq-1.1-attention": mmt_blocks::attention => checks::attention;
    heads = "eq-1.2-mha-note": mmt_blocks::Heads => checks::heads;
    multi_head = "eq-1.3-mha-full": mmt_blocks::MultiHead => checks::multi_head;
    self_attention = "eq-1.4-self-attention": mmt_blocks::SelfAttention => checks::self_attention;
    masked_attention = "eq-1.5-masked-attention": mmt_blocks::Mask => checks::masked_attention;
    cross_attention = "eq-1.6-cross-attention": mmt_blocks::MultiHead => checks::cross_attention;
    ffn = "eq-1.7-ffn": mmt_blocks::Ffn => checks::ffn;
    relu = "eq-1.8-relu": mmt_tensor::ops::relu => checks::relu;
    gelu = "eq-1.9-gelu-erf": mmt_tensor::ops::gelu => checks::gelu;
    gelu_tanh = "eq-1.10-gelu-tanh": mmt_tensor::ops::gelu_tanh => checks::gelu_tanh;
    quick_gelu = "eq-1.11-quickgelu": mmt_tensor::ops::quick_gelu => checks::quick_gelu;
}
