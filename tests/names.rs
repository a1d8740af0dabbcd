//! The names of parameters are a file format: whoever renames a field changes this list, and says so in the changelog.

use std::collections::BTreeSet;

use mmt_blocks::depth::{DepthConfig, DepthProbe, Reverser};
use mmt_blocks::{
    Activation, AdminBlock, AdminEncoder, AttentionKind, BlockConfig, ClassHead, ClassToken, CrossBlock,
    Decoder, DecoderBlock, Embedding, Encoder, EncoderDecoder, EncoderDecoderConfig, Ffn, Heads, LayerNorm,
    LearnedPositions, Linear, MultiHead, NormOrder, Pooler, PostLn, PreLn, SelfAttention, Shortcut,
    SinusoidalKind, TiedDecoder, Tying, VisionTransformer, VisionTransformerConfig,
};
use mmt_fusion::topology::{Part, Program, Sizes, parse};
use mmt_fusion::{
    Bidirectional, BidirectionalAttention, BidirectionalStream, Bottleneck, BottleneckLayer, Cross,
    CrossAttention, CrossConcat, EarlyConcat, EarlySum, HierMultiToOne, HierOneToMulti, LateFusion,
    LateStream, LookAtOthers, Projections, ResidualAttention, Stream, SumWeights, ThreeStreams,
    ThreeStreamsStream,
};
use mmt_objectives::{NextMedication, NextSentence, ProlongedStay, SelfAndDual};
use mmt_tensor::ops::Conv;
use mmt_tensor::{Random, Tree};
use mmt_tests::sources;
use mmt_tokenizers::audio::SpectrogramPatches;
use mmt_tokenizers::cnn::{ConvUnit, Inception, InceptionWidths, Separable};
use mmt_tokenizers::ehr::{Ontology, OntologyEmbedding, PatientEmbedding, VisitConfig, VisitEncoder};
use mmt_tokenizers::graph::{Gcn, GraphAttention};
use mmt_tokenizers::image::{GridEmbedding, Order, PatchEmbedding, RegionEmbedding, RegionFeatures, Stage};
use mmt_tokenizers::text::TextEmbedding;
use mmt_tokenizers::text::word2vec::WordVectors;
use mmt_tokenizers::video::{ClipFeatures, ClipFeaturesConfig, FramePatches, Tubelet, TubeletEmbedding};
use mmt_tokenizers::vl_bert::{FourEmbeddings, VisualFeature, VlBertConfig, VlBertEmbedding};
use mmt_tokenizers::{EmbeddingSum, MinimalConfig, MinimalEmbedding};
use ndarray::{Array1, Array2};

const ATTENTION: &str = "w_q.weight w_q.bias w_k.weight w_k.bias w_v.weight w_v.bias w_o.weight w_o.bias";
const FFN: &str = "w_1.weight w_1.bias w_2.weight w_2.bias";
const NORM: &str = "gamma beta";
const FOUR: &str = "word.table mark.table segment.table position.table norm_text.gamma norm_text.beta norm_region.gamma \
                    norm_region.beta sum.norm.gamma sum.norm.beta";
const GAT: &str = "weight a bias";
const LINEAR: &str = "weight bias";

/// `names` below `parent`.
fn below(parent: &str, names: &str) -> String {
    let names: Vec<String> = names.split_whitespace().map(|name| format!("{parent}.{name}")).collect();
    names.join(" ")
}

/// The parts of a block, each a field and the names in it.
fn block(parts: &[(&str, &str)]) -> String {
    let parts: Vec<String> = parts.iter().map(|(field, names)| below(field, names)).collect();
    parts.join(" ")
}

/// Every module with the names of its parameters, as they are stored.
fn stored() -> Vec<(&'static str, String)> {
    let pre = block(&[("norm_1", NORM), ("attn", ATTENTION), ("norm_2", NORM), ("ffn", FFN)]);
    let stack = format!("{} norm.gamma norm.beta", below("blocks.0", &pre));
    let post = block(&[("attn", ATTENTION), ("norm_1", NORM), ("ffn", FFN), ("norm_2", NORM)]);
    let decoder = [
        ("norm_1", NORM),
        ("attn", ATTENTION),
        ("norm_2", NORM),
        ("cross", ATTENTION),
        ("norm_3", NORM),
        ("ffn", FFN),
    ];
    let bare = "blocks.0.norm_1.gamma blocks.0.norm_1.beta blocks.0.attn.w_q.weight blocks.0.attn.w_k.weight \
                blocks.0.attn.w_v.weight blocks.0.attn.w_o.weight blocks.0.norm_2.gamma blocks.0.norm_2.beta \
                blocks.0.ffn.w_1.weight blocks.0.ffn.w_2.weight norm.gamma norm.beta";
    let shortcut = "omega norm.gamma norm.beta";
    let admin =
        block(&[("attn", ATTENTION), ("shortcut_1", shortcut), ("ffn", FFN), ("shortcut_2", shortcut)]);
    let unit = "weight norm.gamma norm.beta";
    let separable = block(&[("spatial", unit), ("temporal", unit)]);
    let windows = block(&[("reduce", unit), ("conv", &separable)]);
    let inception = block(&[("point", unit), ("window", &windows), ("second", &windows), ("pooled", unit)]);
    let stage = "down.weight down.bias block.units.0.weight block.units.0.bias block.units.1.weight \
                 block.units.1.bias";
    let unbiased = "w_q.weight w_k.weight w_v.weight w_o.weight w_o.bias";
    let visit = block(&[("norm_1", NORM), ("attn", unbiased), ("norm_2", NORM), ("ffn", FFN)]);
    let visits = format!(
        "special ontologies.0.table {} kind.table {}",
        below("ontologies.0.first", GAT),
        below("encoder.blocks.0", &visit)
    );
    let head = "hidden.weight hidden.bias out.weight out.bias";
    let both = [("encoder", below("blocks.0", &post)), ("decoder", below("blocks.0", &block(&decoder)))];
    let both: Vec<String> = both.iter().map(|(field, names)| below(field, names)).collect();
    let encoder_decoder = format!("source.table target.table {} output output_bias", both.join(" "));
    vec![
        ("Linear", "weight bias".into()),
        ("LayerNorm", NORM.into()),
        ("Embedding", "table".into()),
        ("Ffn", FFN.into()),
        ("MultiHead", ATTENTION.into()),
        ("SelfAttention", "w_q.weight w_k.weight w_v.weight".into()),
        ("PreLn", pre.clone()),
        ("PostLn", post),
        ("CrossBlock", pre),
        ("DecoderBlock", block(&decoder)),
        ("Encoder", stack.clone()),
        ("Decoder", format!("{} norm.gamma norm.beta", below("blocks.0", &block(&decoder)))),
        ("EncoderDecoder", encoder_decoder),
        ("Shortcut", shortcut.into()),
        ("AdminBlock", admin.clone()),
        ("AdminEncoder", below("blocks.0", &admin)),
        ("DepthProbe", format!("{} output.weight", below("encoder", bare))),
        ("Reverser", format!("words.table places.table {}", below("encoder", &stack))),
        ("LearnedPositions", "table".into()),
        ("ClassToken", "class position".into()),
        ("ClassHead", head.into()),
        ("VisionTransformer", block(&[("tokens", "class position"), ("encoder", &stack), ("head", head)])),
        ("Pooler", "dense.weight dense.bias".into()),
        ("TiedDecoder", "transform.weight transform.bias norm.gamma norm.beta bias".into()),
        ("EmbeddingSum", "norm.gamma norm.beta".into()),
        ("PatchEmbedding", "project.weight project.bias".into()),
        ("FrozenNorm", NORM.into()),
        ("Stage", stage.into()),
        ("Separable", separable.clone()),
        ("Windows", windows.clone()),
        ("Inception", inception.clone()),
        ("ClipFeatures", format!("{} {}", below("layers.0", &separable), below("layers.1", &inception))),
        ("RegionFeatures", below("stages.0", stage)),
        (
            "RegionEmbedding",
            "feature.weight feature.bias geometry.weight geometry.bias norm.gamma norm.beta".into(),
        ),
        ("GridEmbedding", format!("{} {}", below("stages.0", stage), below("project", LINEAR))),
        (
            "MinimalEmbedding",
            "text.word.table text.position.table text.segment.table text.sum.norm.gamma text.sum.norm.beta \
             project.weight project.bias class position modality"
                .into(),
        ),
        ("SpectrogramPatches", "project.weight project.bias".into()),
        ("TubeletEmbedding", "project.weight project.bias".into()),
        ("FramePatches", "patch.project.weight patch.project.bias".into()),
        ("TextEmbedding", "word.table position.table segment.table sum.norm.gamma sum.norm.beta".into()),
        ("VisualFeature", "project.weight project.bias".into()),
        ("FourEmbeddings", FOUR.into()),
        ("VlBertEmbedding", format!("{} {}", below("visual.project", LINEAR), below("embed", FOUR))),
        ("WordVectors", "input output".into()),
        ("Gcn", "w_0 w_1".into()),
        ("GraphAttention", GAT.into()),
        ("OntologyEmbedding", format!("table {}", below("first", GAT))),
        ("VisitEncoder", visits),
        ("PatientEmbedding", "code.table visit.table place.table sum.norm.gamma sum.norm.beta".into()),
        ("SelfAndDual", block(&[("dd", FFN), ("rd", FFN), ("dr", FFN), ("rr", FFN)])),
        (
            "NextMedication",
            block(&[("diagnoses", LINEAR), ("medications", LINEAR), ("hidden", LINEAR), ("out", LINEAR)]),
        ),
        ("ProlongedStay", below("classifier", LINEAR)),
        ("EarlyConcat", below("joint", &stack)),
        ("NextSentence", "classifier.weight classifier.bias".into()),
        ("ResidualAttention", below("attn", BARE_ATTENTION)),
        ("EarlySum", format!("weights {}", below("joint.attn", BARE_ATTENTION))),
        ("HierMultiToOne", attentions("a b joint")),
        ("HierOneToMulti", attentions("joint a b")),
        ("CrossAttention", attentions("a b")),
        ("CrossConcat", attentions("cross.a cross.b joint")),
        ("LookAtOthers", attentions("streams.0 streams.1")),
        ("BottleneckLayer", attentions("streams.0 streams.1")),
        (
            "Bottleneck",
            format!("{} tokens", attentions("alone.0 alone.1 fused.0.streams.0 fused.0.streams.1")),
        ),
        ("Projections", PROJECTIONS.into()),
        ("BidirectionalAttention", both_ways()),
        ("BidirectionalStream", block(&BI_STREAM)),
        (
            "Bidirectional",
            block(&[("a", &block(&BI_STREAM)), ("b", &block(&BI_STREAM)), ("attn", &both_ways())]),
        ),
        ("ThreeStreamsStream", three()),
        ("ThreeStreams", block(&[("a", &three()), ("b", &three()), ("c", &three())])),
        ("Program", "parts.1.attn.w_q.weight parts.1.attn.w_k.weight parts.1.attn.w_v.weight parts.1.attn.w_o.weight parts.f".into()),
        ("LateStream", late()),
        ("LateFusion", below("streams.0", &late())),
    ]
}

const PROJECTIONS: &str = "w_q.weight w_q.bias w_k.weight w_k.bias w_v.weight w_v.bias";
const BI_STREAM: [(&str, &str); 3] = [("norm_1", NORM), ("norm_2", NORM), ("ffn", FFN)];

fn both_ways() -> String {
    format!("{} w_o.weight w_o.bias", block(&[("a", PROJECTIONS), ("b", PROJECTIONS)]))
}

fn three() -> String {
    format!("{ATTENTION} {}", block(&[("norm_1", NORM), ("ffn", FFN), ("norm_2", NORM)]))
}

fn late() -> String {
    format!("{} head.weight head.bias", below("stream.attn", BARE_ATTENTION))
}

const BARE_ATTENTION: &str = "w_q.weight w_k.weight w_v.weight w_o.weight";

/// Parts that are attention and a residual connection.
fn attentions(parts: &str) -> String {
    let parts = parts.split(' ').map(|part| below(&format!("{part}.attn"), BARE_ATTENTION));
    parts.collect::<Vec<_>>().join(" ")
}

fn names(module: &impl Tree<f64>) -> String {
    let names: Vec<String> = module.arrays().into_iter().map(|(name, _)| name).collect();
    names.join(" ")
}

/// The same list from the code.
fn current() -> Vec<(&'static str, String)> {
    let random = &mut Random::seed(0);
    let config = BlockConfig {
        width: 4,
        heads: 2,
        hidden: 6,
        activation: Activation::Gelu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    let encoder = Encoder::new(NormOrder::Pre, 1, &config, random).unwrap();
    let translator = EncoderDecoderConfig {
        block: config.clone(),
        order: NormOrder::Post,
        encoder_depth: 1,
        decoder_depth: 1,
        source_words: 5,
        target_words: 6,
        longest: 8,
        positions: SinusoidalKind::Interleaved,
        tying: Tying::None,
        output_bias: true,
        bos: 0,
    };
    let ontology = Ontology::of_paths(&[vec!["code".to_string(), "root".to_string()]]).unwrap();
    let visits = VisitConfig { width: 4, depth: 1, heads: 2, graph_heads: 2, hidden: 3 };
    let probe = DepthConfig { width: 4, tokens: 3, classes: 2 };
    let picture =
        VisionTransformerConfig { block: config.clone(), depth: 1, patches: 4, hidden: Some(3), classes: 2 };
    let kernel = ndarray::Dim([2, 3, 1, 1]);
    let convolution = ConvUnit::<f64, _, 2>::new(kernel, Conv::default(), random).with_norm(1e-5);
    let widths = InceptionWidths { point: 1, window: [1, 1], second: [1, 1], pooled: 1 };
    let inception = Inception::new(2, widths, 1e-3, random);
    let patch = PatchEmbedding::new(2, 3, 4, Order::Hwc, random);
    let tubelet = Tubelet { frames: 2, patch: 2 };
    let minimal = MinimalConfig { words: 5, longest: 4, patch: 2, channels: 1, grid: 2, width: 4 };
    vec![
        ("Linear", names(&Linear::new(2, 3, random))),
        ("LayerNorm", names(&LayerNorm::new(2, 1e-5))),
        ("Embedding", names(&Embedding::new(2, 3, 0.02, random))),
        ("Ffn", names(&Ffn::new(2, 3, Activation::Gelu, random).unwrap())),
        ("MultiHead", names(&MultiHead::new(4, 2, random).unwrap())),
        ("SelfAttention", names(&SelfAttention::new(4, 4, 4, 2, random).unwrap())),
        ("PreLn", names(&PreLn::new(&config, random).unwrap())),
        ("PostLn", names(&PostLn::new(&config, random).unwrap())),
        ("CrossBlock", names(&CrossBlock::new(NormOrder::Pre, &config, 3, random).unwrap())),
        ("DecoderBlock", names(&DecoderBlock::new(NormOrder::Pre, &config, 3, random).unwrap())),
        ("Encoder", names(&encoder)),
        ("Decoder", names(&Decoder::new(NormOrder::Pre, 1, &config, 3, random).unwrap())),
        ("EncoderDecoder", names(&EncoderDecoder::new(&translator, random).unwrap())),
        ("Shortcut", names(&Shortcut::new(LayerNorm::new(2, 1e-5)))),
        ("AdminBlock", names(&AdminBlock::new(&config, random).unwrap())),
        ("AdminEncoder", names(&AdminEncoder::new(1, &config, random).unwrap())),
        ("DepthProbe", names(&DepthProbe::new(NormOrder::Pre, 1, &probe, random).unwrap())),
        ("Reverser", names(&Reverser::new(NormOrder::Pre, 1, (3, 4), &config, random).unwrap())),
        ("LearnedPositions", names(&LearnedPositions::new(4, 3, 0.02, random))),
        ("ClassToken", names(&ClassToken::new(4, 3, random))),
        ("ClassHead", names(&ClassHead::new(4, Some(3), 2, random))),
        ("VisionTransformer", names(&VisionTransformer::new(&picture, random).unwrap())),
        ("Pooler", names(&Pooler::new(4, random))),
        ("TiedDecoder", names(&TiedDecoder::new(4, 5, Activation::GeluTanh, 1e-12, random))),
        ("EmbeddingSum", names(&EmbeddingSum::new(4, 1e-12))),
        ("PatchEmbedding", names(&patch)),
        ("FrozenNorm", names(&convolution.norm.unwrap())),
        ("Stage", names(&Stage::new(3, 2, random))),
        ("Separable", names(&Separable::new(2, 3, 3, 1, 1e-3, random))),
        ("Windows", names(&inception.window)),
        ("Inception", names(&inception)),
        ("ClipFeatures", names(&ClipFeatures::new(&ClipFeaturesConfig::tiny(), random))),
        ("RegionFeatures", names(&RegionFeatures::new(&[2], random))),
        ("RegionEmbedding", names(&RegionEmbedding::new(3, 4, 1e-12, random))),
        ("GridEmbedding", names(&GridEmbedding::new(&[2], 4, random))),
        ("MinimalEmbedding", names(&MinimalEmbedding::new(&minimal, random))),
        ("SpectrogramPatches", names(&SpectrogramPatches::new([2, 2], [1, 1], 3, random))),
        ("TubeletEmbedding", names(&TubeletEmbedding::new(tubelet, 3, 4, Order::Hwc, random))),
        ("FramePatches", names(&FramePatches { patch, frames: 2 })),
        ("TextEmbedding", names(&TextEmbedding::new(5, 6, 4, 1e-12, random))),
        ("VisualFeature", names(&VisualFeature::new(3, 8, 4, random))),
        ("FourEmbeddings", names(&FourEmbeddings::new(&VlBertConfig::TINY, random))),
        ("VlBertEmbedding", names(&VlBertEmbedding::new(&VlBertConfig::TINY, random))),
        ("WordVectors", names(&WordVectors::new(5, 4, random).unwrap())),
        ("Gcn", names(&Gcn::new(5, 4, 3, random).unwrap())),
        ("GraphAttention", names(&GraphAttention::new(3, 4, 2, random).unwrap())),
        ("OntologyEmbedding", names(&OntologyEmbedding::new(&ontology, 4, 2, random).unwrap())),
        ("VisitEncoder", names(&VisitEncoder::new(&[&ontology], &visits, random).unwrap())),
        ("PatientEmbedding", names(&PatientEmbedding::new(5, 4, 3, 2, random))),
        ("SelfAndDual", names(&SelfAndDual::new(4, 3, 2, random))),
        ("NextMedication", names(&NextMedication::new(4, 3, random))),
        ("ProlongedStay", names(&ProlongedStay::new(4, random))),
        ("EarlyConcat", names(&EarlyConcat { joint: encoder.into() })),
        ("NextSentence", names(&NextSentence::new(4, random))),
        ("ResidualAttention", names(&bare())),
        ("EarlySum", names(&EarlySum { weights: SumWeights::Learned(Array1::ones(2)), joint: tf() })),
        ("HierMultiToOne", names(&HierMultiToOne { a: tf(), b: tf(), joint: tf() })),
        ("HierOneToMulti", names(&HierOneToMulti { joint: tf(), a: tf(), b: tf() })),
        ("CrossAttention", names(&ca())),
        ("CrossConcat", names(&CrossConcat { cross: ca(), joint: tf() })),
        ("LookAtOthers", names(&LookAtOthers { streams: vec![ca().a, ca().b] })),
        ("BottleneckLayer", names(&BottleneckLayer { streams: vec![tf(), tf()] })),
        ("Bottleneck", names(&bottleneck())),
        ("Projections", names(&Projections::new(4, random))),
        ("BidirectionalAttention", names(&bidirectional().attn)),
        ("BidirectionalStream", names(&bidirectional().a)),
        ("Bidirectional", names(&bidirectional())),
        ("ThreeStreamsStream", names(&three_streams().a)),
        ("ThreeStreams", names(&three_streams())),
        ("Program", names(&program())),
        ("LateStream", names(&late_stream())),
        ("LateFusion", names(&LateFusion { streams: vec![late_stream()] })),
    ]
}

fn bare() -> ResidualAttention<f64> {
    ResidualAttention::new(4, 4, 2, &mut Random::seed(0)).unwrap()
}

fn tf() -> Stream<f64> {
    Stream::Attention(bare())
}

fn bottleneck() -> Bottleneck<f64> {
    let streams = vec![tf(), tf()];
    let fused = vec![BottleneckLayer { streams: streams.clone() }];
    Bottleneck { alone: streams, fused, tokens: Array2::ones((2, 4)) }
}

fn bidirectional() -> Bidirectional<f64> {
    let random = &mut Random::seed(0);
    let mut stream = || BidirectionalStream {
        norm_1: LayerNorm::new(4, 1e-6),
        norm_2: LayerNorm::new(4, 1e-6),
        ffn: Ffn::new(4, 6, Activation::Gelu, random).unwrap(),
    };
    let (a, b) = (stream(), stream());
    let projections = Projections::new(4, random);
    let w_o = Linear::new(4, 4, random);
    let attn = BidirectionalAttention { a: projections.clone(), b: projections, w_o, heads: Heads::new(2) };
    Bidirectional { a, b, attn }
}

fn three_streams() -> ThreeStreams<f64> {
    let random = &mut Random::seed(0);
    let stream = ThreeStreamsStream {
        w_q: Linear::new(4, 4, random),
        w_k: Linear::new(4, 2, random),
        w_v: Linear::new(4, 2, random),
        w_o: Linear::new(4, 4, random),
        norm_1: LayerNorm::new(4, 1e-12),
        ffn: Ffn::new(4, 6, Activation::Gelu, random).unwrap(),
        norm_2: LayerNorm::new(4, 1e-12),
    };
    ThreeStreams { a: stream.clone(), b: stream.clone(), c: stream, heads: Heads::new(2) }
}

fn program() -> Program<f64> {
    let parts = [("f".to_string(), Part::Learn(Array2::ones((2, 4)))), ("1".to_string(), Part::Tf(tf()))];
    let topology = parse("Tf(1, 1, Learn(f, 2))").unwrap().topology;
    Program { parts: parts.into_iter().collect(), topology, sizes: Sizes { width: 4, heads: 2, hidden: 6 } }
}

fn late_stream() -> LateStream<f64> {
    LateStream { stream: tf(), head: Linear::new(4, 2, &mut Random::seed(0)) }
}

fn ca() -> CrossAttention<f64> {
    CrossAttention { a: Cross::Attention(bare()), b: Cross::Attention(bare()) }
}

#[test]
fn parameters_keep_their_names() {
    for ((module, stored), (_, current)) in stored().into_iter().zip(current()) {
        assert_eq!(current, stored, "{module}");
    }
    assert_eq!(stored().len(), current().len());
}

/// Modules are the trees that are no tapes, in the crates that hold modules.
#[test]
fn every_module_is_in_the_list() {
    let crates = ["blocks", "tokenizers", "fusion", "objectives", "efficiency"];
    let mut modules = BTreeSet::new();
    for (file, text) in sources() {
        if crates.iter().any(|name| file.starts_with(&format!("crates/{name}/src/"))) {
            let trees = text.lines().filter_map(|line| line.strip_prefix("tree!(")?.split_once(" {"));
            modules.extend(trees.map(|(name, _)| name.to_string()).filter(|name| !name.ends_with("Tape")));
        }
    }
    let listed: BTreeSet<String> = stored().into_iter().map(|(name, _)| name.to_string()).collect();
    // An enum of two blocks and a type without parameters implement the trait by hand; `PreLn` and `PostLn` are listed.
    assert_eq!(modules, listed);
}
