//! What the evidence of all topologies shares: the inputs and blocks of the specification, and drawn pairs.

use mmt_blocks::{
    Activation, AttentionKind, Block, BlockConfig, CrossBlock, Encoder, Linear, MultiHead, NormOrder,
};
use mmt_fusion::{Cross, Layout, ResidualAttention, Stream};
use mmt_tensor::testing::{assert_close, qres, shake};
use mmt_tensor::{Dual, Ragged, Random, Real};
use ndarray::{Array2, Axis, s};

pub(crate) fn layout(tag: &str, lengths: &[usize]) -> Layout {
    Layout::of(tag, Ragged::of_lengths(lengths.iter().copied())).expect("tokens in every sample")
}

/// The inputs of the specification, section 3.12: three tokens of one modality, four of the other.
pub(crate) fn inputs<R: Real>() -> (Array2<R>, Array2<R>) {
    (qres(1, (3, 4), 1.0), qres(2, (4, 4), 1.0))
}

/// The layouts of [`inputs`]: one sample.
pub(crate) fn layouts() -> (Layout, Layout) {
    (layout("a", &[3]), layout("b", &[4]))
}

/// The layouts of [`batch`]: two samples of different lengths.
pub(crate) fn batch_layouts() -> (Layout, Layout) {
    (layout("a", &[2, 3]), layout("b", &[1, 2]))
}

/// Two modalities of two samples, for checks of gradients.
pub(crate) fn batch() -> (Array2<Dual>, Array2<Dual>) {
    (qres(1, (5, 4), 1.0), qres(2, (3, 4), 1.0))
}

/// The test block of the specification, section 3.0, with the weights `W^(i)` of section 3.12.
pub(crate) fn test_block<R: Real>(i: usize) -> ResidualAttention<R> {
    let weight = |s| Linear { weight: qres(10 * i + s, (4, 4), 0.6), bias: None };
    let attn = MultiHead::new(4, 2, &mut Random::seed(0)).expect("two heads of width two");
    ResidualAttention {
        attn: MultiHead { w_q: weight(0), w_k: weight(1), w_v: weight(2), w_o: weight(3), ..attn },
    }
}

/// `T0` of the specification.
pub(crate) fn test_stream<R: Real>(i: usize) -> Stream<R> {
    Stream::Attention(test_block(i))
}

/// `C0` of the specification.
pub(crate) fn test_cross<R: Real>(i: usize) -> Cross<R> {
    Cross::Attention(test_block(i))
}

fn config(d: usize, heads: usize) -> BlockConfig {
    BlockConfig {
        width: d,
        heads,
        hidden: d + 2,
        activation: Activation::Gelu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    }
}

/// One block with norms and a network, and random parameters everywhere.
pub(crate) fn stream<R: Real>(d: usize, heads: usize, random: &mut Random) -> Stream<R> {
    let encoder = Encoder::new(NormOrder::Pre, 1, &config(d, heads), random);
    shake(&Stream::Encoder(encoder.expect("heads divide the width")), random.below(1 << 20) as u64)
}

/// One block that looks at another sequence, with random parameters everywhere.
pub(crate) fn cross<R: Real>(d: usize, context: usize, heads: usize, random: &mut Random) -> Cross<R> {
    let block = CrossBlock::new(NormOrder::Post, &config(d, heads), context, random);
    shake(&Cross::Block(block.expect("heads divide the width")), random.below(1 << 20) as u64)
}

/// The stack whose only block is what [`cross`] is when it looks at itself.
pub(crate) fn as_stream(cross: &Cross<f64>) -> Stream<f64> {
    let Cross::Block(block) = cross.clone() else { panic!("a block") };
    let CrossBlock { norm_1, attn, norm_2, ffn, .. } = block;
    let block = Block::Post(mmt_blocks::PostLn { attn, norm_1, ffn, norm_2 });
    Stream::Encoder(Encoder { blocks: vec![block], norm: None, repeats: 1 })
}

/// Two modalities of a small batch.
#[derive(Clone)]
pub(crate) struct Pair {
    pub d: usize,
    pub heads: usize,
    pub a: Array2<f64>,
    pub b: Array2<f64>,
    pub la: Layout,
    pub lb: Layout,
}

pub(crate) fn pair(random: &mut Random) -> Pair {
    let (samples, heads) = (1 + random.below(3), 1 + random.below(2));
    let d = 2 * heads;
    let mut lengths = || -> Vec<usize> { (0..samples).map(|_| 1 + random.below(4)).collect() };
    let (la, lb) = (layout("a", &lengths()), layout("b", &lengths()));
    let (a, b) = (random.uniform((la.rows().tokens(), d), 1.0), random.uniform((lb.rows().tokens(), d), 1.0));
    Pair { d, heads, a, b, la, lb }
}

/// The same modalities of one sample: at least two tokens of each.
pub(crate) fn one_sample(random: &mut Random) -> Pair {
    let heads = 1 + random.below(2);
    let (d, n, m) = (2 * heads, 2 + random.below(3), 2 + random.below(3));
    let (a, b) = (random.uniform((n, d), 1.0), random.uniform((m, d), 1.0));
    Pair { d, heads, a, b, la: layout("a", &[n]), lb: layout("b", &[m]) }
}

impl Pair {
    /// One sample of the batch by itself.
    pub(crate) fn sample(&self, sample: usize) -> Pair {
        let own = |x: &Array2<f64>, layout: &Layout| layout.rows().of(x, sample).to_owned();
        let (a, b) = (own(&self.a, &self.la), own(&self.b, &self.lb));
        Pair { la: layout("a", &[a.nrows()]), lb: layout("b", &[b.nrows()]), a, b, ..self.clone() }
    }

    /// The numbers to add that hide pairs of tokens of different modalities, or those of the same.
    pub(crate) fn only(&self, same: bool) -> mmt_blocks::Mask {
        let (n, m) = (self.a.nrows(), self.b.nrows());
        let seen = |(i, j)| if ((i < n) == (j < n)) == same { 0.0 } else { f64::NEG_INFINITY };
        mmt_blocks::Mask::Bias(vec![Array2::from_shape_fn((n + m, n + m), seen)])
    }
}

/// `x` with its rows in another order.
pub(crate) fn permuted(x: &Array2<f64>, order: &[usize]) -> Array2<f64> {
    x.select(Axis(0), order)
}

/// Requires the first rows to be `a` and the others `b`.
#[track_caller]
pub(crate) fn assert_joined(z: &Array2<f64>, a: &Array2<f64>, b: &Array2<f64>, limit: f64) {
    assert_close(&z.slice(s![..a.nrows(), ..]).to_owned(), a, limit);
    assert_close(&z.slice(s![a.nrows().., ..]).to_owned(), b, limit);
}

/// Requires at least one number to differ by more than rounding.
#[track_caller]
pub(crate) fn assert_apart(x: &Array2<f64>, y: &Array2<f64>) {
    assert!(x.iter().zip(y).any(|(x, y)| (x - y).abs() > 1e-9), "the two are the same");
}
