//! Cases of attention, of whole blocks, and of a small model.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, DeadRows, Heads, Mask, PreLn, PreLnTape, Tiles};
use mmt_tensor::{Ragged, Random};
use ndarray::Array2;

use super::tiny::{Tiny, TinyConfig, TinyInput};
use super::training::Passes;
use super::{Case, case, job};
use crate::groups;

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
    block::<8, 128, 256, 8>(list, "block_a");
    block::<4, 197, 768, 12>(list, "block_b");
}

/// What a block reads, and the gradient of what it returns.
struct BlockInput {
    x: Array2<f32>,
    rows: Ragged,
    dy: Array2<f32>,
}

fn block<const SAMPLES: usize, const N: usize, const WIDTH: usize, const HEADS: usize>(
    list: &mut Vec<Case>,
    name: &str,
) {
    let make = || {
        let mut random = Random::seed(1);
        let config = BlockConfig {
            width: WIDTH,
            heads: HEADS,
            hidden: 4 * WIDTH,
            activation: Activation::Gelu,
            eps: 1e-5,
            attention: AttentionKind::Plain,
        };
        let block = PreLn::<f32>::new(&config, &mut random).expect("heads that divide the width");
        let x = random.normal((SAMPLES * N, WIDTH), 1.0);
        let dy = random.normal((SAMPLES * N, WIDTH), 1.0 / 1024.0);
        (block, BlockInput { x, rows: Ragged::even(SAMPLES, N), dy })
    };
    let passes = Passes::<PreLn<f32>, BlockInput, (Array2<f32>, PreLnTape<f32>)> {
        forward: |block, input| block.forward(&input.x, &input.rows, &Mask::None),
        both: |block, input, grad| {
            let (_, tape) = block.forward(&input.x, &input.rows, &Mask::None)?;
            block.backward(&tape, &input.dy, grad);
            Ok(())
        },
    };
    let flops = 2.0 * (SAMPLES * N * (12 * WIDTH * WIDTH + 2 * N * WIDTH)) as f64;
    passes.cases(list, name, flops, make);
}

/// Training of [`Tiny`] in groups of samples.
pub fn tiny(list: &mut Vec<Case>) {
    const CONFIG: TinyConfig = TinyConfig::TIMED;
    let make = || {
        let mut random = Random::seed(1);
        let model = Tiny::<f32>::new(&CONFIG, &mut random).expect("heads that divide the width");
        (model, (0..CONFIG.groups).map(|_| TinyInput::draw(&CONFIG, &mut random)).collect())
    };
    let passes = Passes {
        forward: |model: &Tiny<f32>, input: &Vec<_>| {
            groups::forward(input.len(), |g| model.forward(&input[g]))
        },
        both: |model, input, grad| {
            groups::gradients(input.len(), grad, |g, grad| {
                let (loss, tape) = model.forward(&input[g])?;
                model.backward(&input[g], &tape, grad);
                Ok(loss)
            })?;
            Ok(())
        },
    };
    passes.cases(list, "tiny", CONFIG.flops(), make);
}
