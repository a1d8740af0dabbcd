//! The encoder of G-BERT in the layout of its authors' code.

use mmt_blocks::{
    Activation, AttentionKind, Block, DeadRows, Embedding, Encoder, Ffn, Linear, MultiHead, PreLn,
};
use mmt_tensor::Real;
use mmt_tokenizers::ehr::{OntologyEmbedding, VisitEncoder, VisitKeys};
use mmt_tokenizers::graph::{GraphAttention, Neighbors};
use ndarray::{Array2, Array3, Axis, Ix2, Ix3};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{layer_norm, linear, reshape, transposed, with_layer_norm, with_linear};

/// Where the library keeps the vectors of codes, in the order of their ids.
const ONTOLOGIES: [&str; 2] = ["rx", "dx"];
const EPS: f64 = 1e-12;

/// The settings of a record.
pub struct Sizes {
    /// The width of a token.
    pub d: usize,
    depth: usize,
    heads: usize,
    hidden: usize,
    graph_heads: usize,
}

impl Sizes {
    /// Those of a record.
    pub fn of(record: &Record) -> Found<Self> {
        Ok(Sizes {
            d: record.size("hidden_size")?,
            depth: record.size("num_hidden_layers")?,
            heads: record.size("num_attention_heads")?,
            hidden: record.size("intermediate_size")?,
            graph_heads: record.size("graph_heads")?,
        })
    }

    /// The encoder with the weights of a record.
    pub fn encoder<R: Real>(&self, record: &Record) -> Found<VisitEncoder<R>> {
        let blocks = (0..self.depth).map(|i| self.block(record, i).map(Block::Pre)).collect::<Found<_>>()?;
        let ontologies = ONTOLOGIES.iter().map(|kind| self.ontology(record, kind)).collect::<Found<_>>()?;
        Ok(VisitEncoder {
            special: record.shaped(&format!("param/{CODES}special_embedding"), &[3, self.d])?,
            ontologies,
            kind: Embedding { table: record.shaped(&format!("param/{KINDS}"), &[2, self.d])? },
            encoder: Encoder { blocks, norm: None, repeats: 1 },
            keys: VisitKeys::Codes,
        })
    }

    fn block<R: Real>(&self, record: &Record, i: usize) -> Found<PreLn<R>> {
        let at = |name: &str| format!("param/{}{name}", block_key(i));
        let unbiased = |part: usize| -> Found<Linear<R>> {
            let key = at(&format!("attention.linear_layers.{part}.weight"));
            let weight: Array2<R> = record.shaped(&key, &[self.d, self.d])?;
            Ok(Linear { weight: transposed(&weight), bias: None })
        };
        let attn = MultiHead {
            w_q: unbiased(0)?,
            w_k: unbiased(1)?,
            w_v: unbiased(2)?,
            w_o: linear(record, &at("attention.output_linear"), self.d, self.d)?,
            heads: self.heads,
            kind: AttentionKind::Plain,
            dead_rows: DeadRows::Refuse,
        };
        let ffn = Ffn {
            w_1: linear(record, &at("feed_forward.w_1"), self.d, self.hidden)?,
            w_2: linear(record, &at("feed_forward.w_2"), self.hidden, self.d)?,
            activation: Activation::GeluTanh,
        };
        let norm = |name: &str| layer_norm(record, &at(name), self.d, EPS);
        Ok(PreLn { norm_1: norm("input_sublayer.norm")?, attn, norm_2: norm("output_sublayer.norm")?, ffn })
    }

    /// One set of weights for both stages; who reads whom is in the tables of the record.
    fn ontology<R: Real>(&self, record: &Record, kind: &str) -> Found<OntologyEmbedding<R>> {
        let key = |name: &str| format!("param/{CODES}{kind}_embedding.{name}");
        let table: Array2<R> = record.real(&key("embedding"))?;
        let a: Array3<R> = record.real(&key("g.att"))?;
        let a = reshape::<R, Ix3, Ix2>(&a, &[self.graph_heads, a.len() / self.graph_heads.max(1)]);
        let stage = |name: &str| neighbors(record, &format!("buf/{kind}.{name}"), table.nrows());
        let leaves: Vec<usize> = record.ids(&format!("buf/{kind}.idx_mapping"))?.iter().copied().collect();
        if leaves.iter().any(|&leaf| leaf >= table.nrows()) {
            return Err(record.invalid(0, format!("a code of `{kind}` is no node")));
        }
        Ok(OntologyEmbedding {
            stages: [stage("edges1")?, stage("edges2")?],
            first: GraphAttention {
                weight: record.shaped(&key("g.weight"), &[self.d, self.d])?,
                a,
                bias: record.shaped(&key("g.bias"), &[self.d])?,
            },
            second: None,
            activation: None,
            table,
            leaves,
        })
    }
}

const CODES: &str = "bert.embedding.ontology_embedding.";
const KINDS: &str = "bert.embedding.type_embedding.weight";

fn block_key(i: usize) -> String {
    format!("bert.transformer_blocks.{i}.")
}

/// Edges `[2, edges]`: the first row receives from the second.
fn neighbors(record: &Record, key: &str, nodes: usize) -> Found<Neighbors> {
    let edges = record.ids(key)?;
    let edges = edges.into_dimensionality::<Ix2>().ok().filter(|edges| edges.nrows() == 2);
    let edges = edges.ok_or_else(|| record.invalid(0, format!("`{key}` is not two rows of nodes")))?;
    let pairs: Vec<(usize, usize)> = edges.columns().into_iter().map(|edge| (edge[0], edge[1])).collect();
    Ok(Neighbors::new(nodes, &pairs)?)
}

/// The gradients of an encoder, under the keys of the library.
pub fn with_encoder<R: Real>(mut answer: Answer<R>, grad: &VisitEncoder<R>) -> Answer<R> {
    answer = answer.with(&format!("grad_param/{CODES}special_embedding"), &grad.special);
    answer = answer.with(&format!("grad_param/{KINDS}"), &grad.kind.table);
    for (kind, grad) in ONTOLOGIES.iter().zip(&grad.ontologies) {
        let key = |name: &str| format!("grad_param/{CODES}{kind}_embedding.{name}");
        answer = answer.with(&key("embedding"), &grad.table).with(&key("g.weight"), &grad.first.weight);
        let a = grad.first.a.view().insert_axis(Axis(0));
        answer = answer.with(&key("g.att"), &a).with(&key("g.bias"), &grad.first.bias);
    }
    for (i, block) in grad.encoder.blocks.iter().enumerate() {
        let Block::Pre(block) = block else { continue };
        let at = |name: &str| format!("grad_param/{}{name}", block_key(i));
        for (part, w) in [&block.attn.w_q, &block.attn.w_k, &block.attn.w_v].into_iter().enumerate() {
            let key = at(&format!("attention.linear_layers.{part}.weight"));
            answer = answer.with(&key, &transposed(&w.weight));
        }
        answer = with_linear(answer, &at("attention.output_linear"), &block.attn.w_o);
        answer = with_linear(answer, &at("feed_forward.w_1"), &block.ffn.w_1);
        answer = with_linear(answer, &at("feed_forward.w_2"), &block.ffn.w_2);
        answer = with_layer_norm(answer, &at("input_sublayer.norm"), &block.norm_1);
        answer = with_layer_norm(answer, &at("output_sublayer.norm"), &block.norm_2);
    }
    answer
}
