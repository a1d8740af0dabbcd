//! Cases of fusion: a page of the crate, and the same topology as an expression of the algebra.

use mmt_blocks::Mask;
use mmt_fusion::topology::{Inputs, Part, Program, Sizes, parse};
use mmt_fusion::{Cross, CrossAttention, CrossConcat, EarlyConcat, Layout, Stream};
use mmt_tensor::{Ragged, Random, Tree};
use ndarray::Array2;

use super::{Case, case, job};

/// Samples, tokens of each modality, width.
const SHAPE: (usize, [usize; 2], usize) = (64, [8, 7], 32);
/// One block of self-attention or of attention to the other modality.
const SIZES: Sizes = Sizes { width: SHAPE.2, heads: 4, hidden: 64 };

/// `page_*` and `algebra_*` compute the same numbers with the same parameters.
pub fn topologies(list: &mut Vec<Case>) {
    let early = "Tf(1, 2, Cat[In a, In t])";
    let cross = "Tf(3, 1, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])";
    list.push(case("algebra_early_concat", "fwdbwd", 0.0, move || algebra(early)));
    list.push(case("page_early_concat", "fwdbwd", 0.0, move || {
        let joint = stream(&program(early).parts["1"]);
        let page = EarlyConcat { joint };
        let (mut grad, Batch { a, t, layouts, dz }) = (page.zeros_like(), batch());
        job(move || {
            grad.set_to_zero();
            let (_, tape) =
                page.forward((&a, &layouts[0]), (&t, &layouts[1]), &Mask::None).expect("finite tokens");
            page.backward(&tape, &dz, &mut grad)
        })
    }));
    list.push(case("algebra_cross_concat", "fwdbwd", 0.0, move || algebra(cross)));
    list.push(case("page_cross_concat", "fwdbwd", 0.0, move || {
        let parts = program(cross).parts;
        let cross = CrossAttention { a: block(&parts["1"]), b: block(&parts["2"]) };
        let page = CrossConcat { cross, joint: stream(&parts["3"]) };
        let (mut grad, Batch { a, t, layouts, dz }) = (page.zeros_like(), batch());
        let masks = (&Mask::None, &Mask::None, &Mask::None);
        job(move || {
            grad.set_to_zero();
            let (_, tape) = page.forward((&a, &layouts[0]), (&t, &layouts[1]), masks).expect("finite tokens");
            page.backward(&tape, &dz, &mut grad)
        })
    }));
}

struct Batch {
    a: Array2<f32>,
    t: Array2<f32>,
    layouts: [Layout; 2],
    dz: Array2<f32>,
}

fn batch() -> Batch {
    let (samples, [n_a, n_t], d) = SHAPE;
    let random = &mut Random::seed(2);
    let mut normal = |n: usize| random.normal((samples * n, d), 1.0);
    let (a, t, dz) = (normal(n_a), normal(n_t), normal(n_a + n_t));
    let layout = |name, n| Layout::of(name, Ragged::even(samples, n)).expect("one segment");
    Batch { a, t, layouts: [layout("a", n_a), layout("t", n_t)], dz }
}

fn inputs() -> Inputs {
    let (samples, [n_a, n_t], d) = SHAPE;
    [("a", n_a), ("t", n_t)].map(|(m, n)| (m.to_string(), (Ragged::even(samples, n), d))).into()
}

fn program(text: &str) -> Program<f32> {
    let topology = parse(text).expect("an expression of ours").topology;
    Program::new(topology, &inputs(), SIZES, &mut Random::seed(1)).expect("a topology that fits")
}

fn algebra(text: &str) -> super::Job {
    let (program, inputs) = (program(text), inputs());
    let Batch { a, t, dz, .. } = batch();
    let x = [("a", a), ("t", t)].map(|(m, x)| (m.to_string(), x)).into();
    let (mut grad, dy) = (program.zeros_like(), [dz]);
    job(move || {
        grad.set_to_zero();
        let (_, tape) = program.forward(&x, &inputs).expect("finite tokens");
        program.backward(&tape, &dy, &mut grad)
    })
}

fn stream(part: &Part<f32>) -> Stream<f32> {
    match part {
        Part::Tf(stream) => stream.clone(),
        _ => unreachable!("blocks of self-attention"),
    }
}

fn block(part: &Part<f32>) -> Cross<f32> {
    match part {
        Part::Ca(block) => block.clone(),
        _ => unreachable!("a block that looks at another sequence"),
    }
}
