//! Which functions of mmt answer which record.

use mmt_tensor::Real;

use super::case::{Found, Record};
use super::{
    Answer, attention, cnn, coattention, cross_layers, irene, layers, linear, losses, mbt, ops, optim,
    pooled, regions, tokens, vilt, vision, visits, vl_bert, word_pieces,
};

/// The functions of mmt that belong to a record.
pub fn answer<R: Real>(case: &str, record: &Record) -> Found<Answer<R>> {
    if case.starts_with("op") { operation(case, record) } else { system(case, record) }
}

/// Cases of single functions.
fn operation<R: Real>(case: &str, record: &Record) -> Found<Answer<R>> {
    match case {
        "op_softmax_s" => ops::softmax(record),
        "op_activation_s" => ops::activation(record),
        "op_norm_s" => ops::norm(record),
        "op_position_s" => ops::position(record),
        "op_losses_s" => losses::loss(record),
        "op_linear_embedding_s" => linear::linear_embedding(record),
        "op_conv_s" => vision::convolution(record),
        "op_pool_s" => vision::pooling(record),
        "op_roi_s" => regions::boxes_in_images(record),
        "op_sdpa_s" => attention::dot_product(record),
        "op_mha_s" => attention::module(record),
        "op_large_s" => match record.system.as_str() {
            "matmul" => linear::product(record),
            "softmax" => ops::softmax(record),
            "layer_norm" => ops::layer_norm(record),
            "sdpa" => attention::dot_product(record),
            "conv2d" => vision::convolution(record),
            "embedding" => linear::embedding(record),
            _ => ops::unsupported("no page"),
        },
        "optim_s" => optim::optimizer(record),
        _ => ops::unsupported("no page"),
    }
}

/// Cases of layers, of parts of published systems, and of whole models.
fn system<R: Real>(case: &str, record: &Record) -> Found<Answer<R>> {
    match case {
        "layer_encoder_s" => layers::encoder_layer(record),
        "layer_decoder_s" => layers::decoder_layer(record),
        "layer_transformer_s" => layers::transformer(record),
        "tv_roi_head_s" => regions::head(record),
        "tv_resnet_blocks_s" => cnn::residual_block(record),
        "tv_s3d_s" => cnn::s3d(record),
        "hf_vit_classification_s" | "hf_vit_mim_s" | "hf_vit_mae_s" => tokens::vision(record),
        "hf_vivit_s" => tokens::vivit(record),
        "hf_videomae_s" => tokens::videomae(record),
        "hf_ast_s" => tokens::ast(record),
        "hf_vilt_model_s" => vilt::model(record),
        "ext_vilbert_coattention_s" => coattention::vilbert(record),
        "ext_tribert_connection_s" => coattention::tribert(record),
        "ext_mult_crossmodal_s" => cross_layers::mult(record),
        "ext_tmm_crosslayer_s" => cross_layers::cross_layer(record),
        "ext_tmm_fusion_s" => pooled::fusion(record),
        "ext_irene_s" => irene::model(record),
        "ext_mbt_bottleneck_s" => mbt::bottleneck(record),
        "ext_mbt_cross_s" => mbt::cross(record),
        "ext_vlbert_pretraining_s" => vl_bert::embeddings(record),
        "real_minilm_s" => word_pieces::tokenizer(record),
        "ext_gbert_predict_s" => visits::predict(record),
        "ext_gbert_pretrain_s" => visits::pretrain(record),
        _ => ops::unsupported("no page"),
    }
}
