//! Cases of attention and of whole blocks.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, DeadRows, Heads, Mask, PreLn, Tiles};
use mmt_tensor::{Ragged, Random, Tree};
use ndarray::Array2;

use super::{Case, case, job};

/// Causal attention of 8 heads of width 64 over `n` tokens.
pub fn attention(list: &mut Vec<Case>) {
    let kinds = [("naive", AttentionKind::Plain), ("flash", AttentionKind::Flash(Tiles::default()))];
    for (n, (kind, attention)) in [1024, 4096].into_iter().flat_map(|n| kinds.map(|kind| (n, kind))) {
        let heads = Heads { count: 8, kind: attention, dead_rows: DeadRows::Refuse };
        // Two products over half of the pairs; five more in the backward pass, seven where P is computed again.
        let product = (n * n * 512) as f64;
        let inputs = move || {
            let mut random = Random::seed(1);
            let [q, k, v, dy]: [Array2<f32>; 4] = std::array::from_fn(|_| random.normal((n, 512), 1.0));
            (q, k, v, dy, Ragged::one(n), Mask::Causal { offset: 0 })
        };
        let name = format!("attn{n}_{kind}");
        list.push(case(&name, "fwd", 2.0 * product, move || {
            let (q, k, v, _, rows, mask) = inputs();
            job(move || heads.forward(&q, &k, &v, &rows, &rows, &mask))
        }));
        let products = if kind == "naive" { 6.0 } else { 7.0 };
        list.push(case(name, "fwdbwd", products * product, move || {
            let (q, k, v, dy, rows, mask) = inputs();
            job(move || {
                let (y, tape) = heads.forward(&q, &k, &v, &rows, &rows, &mask).expect("finite tokens");
                (y, heads.backward(&tape, &dy, &rows, &rows, &mask))
            })
        }));
    }
}

/// A block that normalizes first: `a` with 8 samples of 128 tokens of width 256, `b` with 4 of 197 of width 768.
pub fn blocks(list: &mut Vec<Case>) {
    block(list, "block_a", 8, 128, 256, 8);
    block(list, "block_b", 4, 197, 768, 12);
}

fn block(list: &mut Vec<Case>, name: &str, samples: usize, n: usize, width: usize, heads: usize) {
    let tokens = samples * n;
    let flops = 2.0 * (tokens * (12 * width * width + 2 * n * width)) as f64;
    let inputs = move || {
        let mut random = Random::seed(1);
        let config = BlockConfig {
            width,
            heads,
            hidden: 4 * width,
            activation: Activation::Gelu,
            eps: 1e-5,
            attention: AttentionKind::Plain,
        };
        let block = PreLn::<f32>::new(&config, &mut random).expect("heads that divide the width");
        let x: Array2<f32> = random.normal((tokens, width), 1.0);
        let dy: Array2<f32> = random.normal((tokens, width), 1.0 / 1024.0);
        (block, x, dy, Ragged::even(samples, n))
    };
    list.push(case(name, "fwd", flops, move || {
        let (block, x, _, rows) = inputs();
        job(move || block.forward(&x, &rows, &Mask::None))
    }));
    list.push(case(name, "fwdbwd", 3.0 * flops, move || {
        let (block, x, dy, rows) = inputs();
        job(move || {
            let (y, tape) = block.forward(&x, &rows, &Mask::None).expect("finite tokens");
            let mut grad = block.zeros_like();
            (y, block.backward(&tape, &dy, &mut grad), grad)
        })
    }));
}
