//! Section 2 of the note: tokens and embeddings.

use crate::{checks, equations};

equations! { "2",
    patch = "eq-2.1-patch": mmt_tokenizers::image::PatchEmbedding => checks::patch;
    roi_align = "eq-2.2-roialign": mmt_tokenizers::image::roi_align => checks::roi_align;
    roi_pool = "eq-2.2-roi-pool": mmt_tokenizers::image::roi_pool => checks::roi_pool;
    box_iou = "eq-2.2-box-iou": mmt_tokenizers::image::box_iou => checks::box_iou;
    box_giou = "eq-2.2-box-giou": mmt_tokenizers::image::box_giou => checks::box_giou;
    nms = "eq-2.2-nms": mmt_tokenizers::image::non_maximum_suppression => checks::non_maximum_suppression;
    region_geometry = "eq-2.3-geometry": mmt_tokenizers::image::region_geometry => checks::region_geometry;
    global_region = "eq-2.3-global-region": mmt_tokenizers::image::with_global_region => checks::global_region;
    region_embedding = "eq-2.3-region-embedding": mmt_tokenizers::image::RegionEmbedding => checks::region_embedding;
    residual = "eq-2.3-residual": mmt_tokenizers::cnn::Residual => checks::residual;
    region_features = "eq-2.3-region-features": mmt_tokenizers::image::RegionFeatures => checks::region_features;
    skip_gram = "eq-2.4-skip-gram": mmt_tokenizers::text::word2vec::negative_sampling => checks::skip_gram;
    noise = "eq-2.4-noise": mmt_tokenizers::text::word2vec::noise_distribution => checks::noise;
    subsampling = "eq-2.4-subsampling": mmt_tokenizers::text::word2vec::keep_probability => checks::subsampling;
    window = "eq-2.4-window": mmt_tokenizers::text::word2vec::sample_pairs => checks::window;
    cbow = "eq-2.5-cbow": mmt_tokenizers::text::word2vec::WordVectors => checks::cbow;
    word_graph = "eq-2.6-word-graph": mmt_tokenizers::graph::word_graph => checks::word_graph;
    gcn = "eq-2.7-gcn": mmt_tokenizers::graph::Gcn => checks::gcn;
    graph_autoencoder = "eq-2.7-graph-autoencoder": mmt_objectives::graph_autoencoder => checks::graph_autoencoder;
    separable = "eq-2.8-separable": mmt_tokenizers::cnn::Separable => checks::separable;
    inception = "eq-2.8-inception": mmt_tokenizers::cnn::Inception => checks::inception;
    clip_features = "eq-2.8-clip-features": mmt_tokenizers::video::ClipFeatures => checks::clip_features;
    clip_token = "eq-2.8-clip-token": mmt_tokenizers::video::clip_tokens => checks::clip_token;
    k_means = "eq-2.9-k-means": mmt_tokenizers::video::k_means => checks::k_means;
    tree_search = "eq-2.9-tree-search": mmt_tokenizers::video::VisualWords => checks::tree_search;
    nearest_leaf = "eq-2.9-nearest-leaf": mmt_tokenizers::video::VisualWords => checks::nearest_leaf;
    tubelet = "eq-2.10-tubelet": mmt_tokenizers::video::TubeletEmbedding => checks::tubelet;
    frame_patch = "eq-2.10-frame-patch": mmt_tokenizers::video::FramePatches => checks::frame_patch;
    code_order = "eq-2.11-code-order": mmt_tokenizers::ehr::code_order => checks::code_order;
    graph_attention = "eq-2.12-graph-attention": mmt_tokenizers::graph::GraphAttention => checks::graph_attention;
    ontology_embedding = "eq-2.12-ontology-embedding": mmt_tokenizers::ehr::OntologyEmbedding => checks::ontology_embedding;
    visit_encoder = "eq-2.13-visit-encoder": mmt_tokenizers::ehr::VisitEncoder => checks::visit_encoder;
    self_and_dual = "eq-2.13-self-and-dual": mmt_objectives::SelfAndDual => checks::self_and_dual;
    visit_rows = "eq-2.13-visit-rows": mmt_objectives::visit_rows => checks::visit_rows;
    next_medication = "eq-2.13-next-medication": mmt_objectives::NextMedication => checks::next_medication;
    patient_embedding = "eq-2.14-patient-embedding": mmt_tokenizers::ehr::PatientEmbedding => checks::patient_embedding;
    prolonged_stay = "eq-2.14-prolonged-stay": mmt_objectives::ProlongedStay => checks::prolonged_stay;
    embedding_sum = "eq-2.15-embedding-sum": mmt_tokenizers::EmbeddingSum => checks::embedding_sum;
    box_waves = "eq-2.15-box-waves": mmt_tokenizers::vl_bert::box_waves => checks::box_waves;
    visual_feature = "eq-2.15-visual-feature": mmt_tokenizers::vl_bert::VisualFeature => checks::visual_feature;
    vl_bert_input = "eq-2.15-vl-bert-input": mmt_tokenizers::vl_bert::VlBertInput => checks::vl_bert_input;
    four_embeddings = "eq-2.15-four-embeddings": mmt_tokenizers::vl_bert::FourEmbeddings => checks::four_embeddings;
    vl_bert_embedding = "eq-2.15-vl-bert-embedding": mmt_tokenizers::vl_bert::VlBertEmbedding => checks::vl_bert_embedding;
    mel_filters = "eq-2.16-mel-filters": mmt_tokenizers::audio::mel_filters => checks::mel_filters;
    log_mel = "eq-2.16-log-mel": mmt_tokenizers::audio::LogMel => checks::log_mel;
    spectrogram_patch = "eq-2.17-spectrogram-patch": mmt_tokenizers::audio::SpectrogramPatches => checks::spectrogram_patch;
}
