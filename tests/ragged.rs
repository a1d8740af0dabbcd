//! A sample does not feel its neighbors in the batch: alone or together, the same bits, forward and backward.

use mmt_blocks::{
    Activation, AttentionKind, BlockConfig, CrossBlock, DecoderBlock, Encoder, Heads, Mask, MultiHead,
    NormOrder, Pooler, SelfAttention, Tiles,
};
use mmt_fusion::{EarlyConcat, Layout, concat, concat_backward};
use mmt_tensor::{Ragged, Random, Tree};
use mmt_tokenizers::text::{TextEmbedding, TextInput};
use ndarray::{Array2, Axis, concatenate};

type Matrix = Array2<f32>;

/// Output and input gradients of one run; the gradient that comes in is a function of the output row by row.
type Run = (Matrix, Vec<Matrix>);

const WIDTH: usize = 8;

/// Lengths of the samples of two streams; one is long enough for several tiles.
const LENGTHS: [[usize; 5]; 2] = [[3, 1, 40, 7, 2], [5, 2, 33, 1, 4]];

fn cotangent(y: &Matrix) -> Matrix {
    y.mapv(|y| 0.5 * y + 0.25)
}

/// Runs all samples together and each by itself, and compares bits.
fn feels_no_neighbors(streams: usize, run: impl Fn(&[Matrix], &[Ragged]) -> Run) {
    let mut random = Random::seed(1);
    let rows: Vec<Ragged> = LENGTHS[..streams].iter().map(|lengths| Ragged::of_lengths(*lengths)).collect();
    let inputs: Vec<Matrix> = rows.iter().map(|rows| random.uniform((rows.tokens(), WIDTH), 1.0)).collect();
    let (together, gradients) = run(&inputs, &rows);
    let (mut outputs, mut alone): (Vec<Matrix>, Vec<Vec<Matrix>>) = (vec![], vec![vec![]; streams]);
    for b in 0..LENGTHS[0].len() {
        let own: Vec<Matrix> = inputs.iter().zip(&rows).map(|(x, rows)| rows.of(x, b).to_owned()).collect();
        let own_rows: Vec<Ragged> = rows.iter().map(|rows| Ragged::one(rows.length(b))).collect();
        let (y, dx) = run(&own, &own_rows);
        outputs.push(y);
        alone.iter_mut().zip(dx).for_each(|(list, dx)| list.push(dx));
    }
    assert_same_bits(&together, &outputs, "output");
    for (stream, (gradient, alone)) in gradients.iter().zip(&alone).enumerate() {
        assert_same_bits(gradient, alone, &format!("gradient of stream {stream}"));
    }
}

fn assert_same_bits(together: &Matrix, alone: &[Matrix], what: &str) {
    let views: Vec<_> = alone.iter().map(|y| y.view()).collect();
    let alone = concatenate(Axis(0), &views).expect("one width");
    assert_eq!(together.dim(), alone.dim(), "{what}");
    let different = together.indexed_iter().zip(&alone).find(|((_, a), b)| a.to_bits() != b.to_bits());
    assert!(different.is_none(), "{what}: alone or together, other bits: {different:?}");
}

const TILES: Tiles = Tiles { queries: 16, keys: 16 };
const KINDS: [AttentionKind; 2] = [AttentionKind::Plain, AttentionKind::Flash(TILES)];

fn masks() -> [Mask; 2] {
    [Mask::None, Mask::causal()]
}

fn config(attention: AttentionKind) -> BlockConfig {
    BlockConfig { width: WIDTH, heads: 2, hidden: 16, activation: Activation::Gelu, eps: 1e-5, attention }
}

#[test]
fn in_heads() {
    for (kind, mask) in KINDS.into_iter().flat_map(|kind| masks().map(|mask| (kind, mask))) {
        let heads = Heads { kind, ..Heads::new(2) };
        feels_no_neighbors(1, |x, rows| {
            let (x, rows) = (&x[0], &rows[0]);
            let (y, tape) = heads.forward(x, x, x, rows, rows, &mask).unwrap();
            let (dq, dk, dv) = heads.backward(&tape, &cotangent(&y), rows, rows, &mask);
            (y, vec![dq + dk + dv])
        });
    }
}

#[test]
fn in_self_attention() {
    let layer = SelfAttention::new(WIDTH, 4, 6, 2, &mut Random::seed(2)).unwrap();
    for mask in masks() {
        feels_no_neighbors(1, |x, rows| {
            let (y, tape) = layer.forward(&x[0], &rows[0], &mask).unwrap();
            let dx = layer.backward(&tape, &cotangent(&y), &mut layer.zeros_like());
            (y, vec![dx])
        });
    }
}

#[test]
fn in_multi_head_attention_over_a_context() {
    for kind in KINDS {
        let layer = MultiHead { kind, ..MultiHead::new(WIDTH, 2, &mut Random::seed(3)).unwrap() };
        feels_no_neighbors(2, |x, rows| {
            let (y, tape) = layer.forward(&x[0], &x[1], &rows[0], &rows[1], &Mask::None).unwrap();
            let (dx, dcontext) = layer.backward(&tape, &cotangent(&y), &mut layer.zeros_like());
            (y, vec![dx, dcontext])
        });
    }
}

#[test]
fn in_stacks_of_both_orders() {
    for (order, kind) in [NormOrder::Pre, NormOrder::Post].into_iter().zip(KINDS) {
        let stack = Encoder::new(order, 2, &config(kind), &mut Random::seed(4)).unwrap();
        for mask in masks() {
            feels_no_neighbors(1, |x, rows| {
                let (y, tape) = stack.forward(&x[0], &rows[0], &mask).unwrap();
                let dx = stack.backward(&tape, &cotangent(&y), &mut stack.zeros_like());
                (y, vec![dx])
            });
        }
    }
}

#[test]
fn in_blocks_with_a_second_input() {
    for order in [NormOrder::Pre, NormOrder::Post] {
        let config = config(AttentionKind::Plain);
        let block = CrossBlock::new(order, &config, WIDTH, &mut Random::seed(5)).unwrap();
        feels_no_neighbors(2, |x, rows| {
            let (y, tape) = block.forward(&x[0], &x[1], &rows[0], &rows[1], &Mask::None).unwrap();
            let (dx, dcontext) = block.backward(&tape, &cotangent(&y), &mut block.zeros_like());
            (y, vec![dx, dcontext])
        });
        let block = DecoderBlock::new(order, &config, WIDTH, &mut Random::seed(6)).unwrap();
        feels_no_neighbors(2, |x, rows| {
            let masks = (Mask::causal(), Mask::None);
            let (y, tape) = block.forward(&x[0], &x[1], &rows[0], &rows[1], &masks.0, &masks.1).unwrap();
            let (dx, dmemory) = block.backward(&tape, &cotangent(&y), &mut block.zeros_like());
            (y, vec![dx, dmemory])
        });
    }
}

#[test]
fn in_the_pooler() {
    let pooler = Pooler::new(WIDTH, &mut Random::seed(7));
    feels_no_neighbors(1, |x, rows| {
        let (p, tape) = pooler.forward(&x[0], &rows[0]).unwrap();
        let dh = pooler.backward(&tape, &cotangent(&p), &mut pooler.zeros_like());
        (p, vec![dh])
    });
}

fn layouts(rows: &[Ragged]) -> [Layout; 2] {
    [Layout::of("a", rows[0].clone()).unwrap(), Layout::of("b", rows[1].clone()).unwrap()]
}

#[test]
fn in_the_concatenation_of_two_modalities() {
    feels_no_neighbors(2, |x, rows| {
        let [a, b] = layouts(rows);
        let (y, _) = concat((&x[0], &a), (&x[1], &b)).unwrap();
        let (da, db) = concat_backward(&a, &b, &cotangent(&y));
        (y, vec![da, db])
    });
    let joint = Encoder::new(NormOrder::Pre, 1, &config(AttentionKind::Plain), &mut Random::seed(8)).unwrap();
    let fusion = EarlyConcat { joint: joint.into() };
    feels_no_neighbors(2, |x, rows| {
        let [a, b] = layouts(rows);
        let (y, tape) = fusion.forward((&x[0], &a), (&x[1], &b), &Mask::None).unwrap();
        let (da, db) = fusion.backward(&tape, &cotangent(&y), &mut fusion.zeros_like());
        (y, vec![da, db])
    });
}

/// The ids are made from the first column: tokens of a text have no gradient.
#[test]
fn in_the_embedding_of_texts() {
    let embedding = TextEmbedding::new(50, 64, WIDTH, 1e-12, &mut Random::seed(9));
    feels_no_neighbors(1, |x, rows| {
        let text = |b| {
            let ids: Vec<usize> =
                rows[0].of(&x[0], b).column(0).iter().map(|x| (25.0 * (x + 1.0)) as usize).collect();
            let n = ids.len();
            TextInput { ids, segments: (0..n).map(|i| i % 2).collect(), keep: vec![true; n] }
        };
        let texts: Vec<TextInput> = (0..rows[0].samples()).map(text).collect();
        (embedding.forward(&texts).unwrap().0, vec![])
    });
}
