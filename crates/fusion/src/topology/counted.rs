//! What a program did, counted from the arrays on its tape.

use mmt_blocks::{BlockTape, CrossBlockTape, FfnTape, HeadsTape, LinearTape, MultiHeadTape, PreLnTape};
use mmt_tensor::Real;
use ndarray::Array2;

use super::{NodeTape, Part, Program, ProgramTape};
use crate::{BidirectionalTape, CrossTape, ProjectionsTape, StreamTape};

/// Operations of products, and numbers kept, as found on a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Two for each multiply-add of every product whose factors lie on the tape.
    pub flops: u128,
    /// The numbers of all arrays that the backward reads, each once.
    pub activations: u128,
}

/// Counts a program of Pre-LN blocks.
///
/// # Panics
/// For other blocks.
pub fn counted<R: Real>(program: &Program<R>, tape: &ProgramTape<R>) -> Counted {
    let mut all = Counted::default();
    for (node, tape) in program.topology.nodes().iter().zip(&tape.nodes) {
        let part = node.id().map(|id| &program.parts[id]);
        match (tape, part) {
            (NodeTape::None, _) => {}
            (NodeTape::Lin(tape), Some(Part::Lin(linear))) => all.linear(tape, &linear.weight),
            (NodeTape::Tf(StreamTape::Encoder(tape)), Some(Part::Tf(_))) => {
                tape.blocks.iter().for_each(|block| match block {
                    BlockTape::Pre(tape) => all.block(tape),
                    BlockTape::Post(_) => panic!("Pre-LN blocks"),
                });
            }
            (NodeTape::Ca(CrossTape::Block(tape)), _) => all.cross(tape),
            (NodeTape::Bi(tape), _) => all.both_ways(tape),
            _ => panic!("Pre-LN blocks"),
        }
    }
    all
}

impl Counted {
    fn keep<R>(&mut self, arrays: &[&Array2<R>]) {
        self.activations += arrays.iter().map(|a| a.len() as u128).sum::<u128>();
    }

    /// `x W`
    fn product<R>(&mut self, x: &Array2<R>, outputs: usize) {
        self.flops += 2 * x.len() as u128 * outputs as u128;
    }

    fn linear<R>(&mut self, tape: &LinearTape<R>, weight: &Array2<R>) {
        self.product(&tape.x, weight.ncols());
        self.keep(&[&tape.x]);
    }

    /// `Q K'` and `P V` of every head and sample.
    fn heads<R>(&mut self, tape: &HeadsTape<R>, heads: usize) {
        let (d, d_v) = (tape.q.ncols() / heads, tape.v.ncols() / heads);
        for p in &tape.p {
            self.flops += 2 * p.len() as u128 * (d + d_v) as u128;
            self.keep(&[p]);
        }
    }

    fn network<R>(&mut self, tape: &FfnTape<R>) {
        self.product(&tape.w_1.x, tape.z.ncols());
        self.product(&tape.w_2.x, tape.w_1.x.ncols());
        self.keep(&[&tape.w_1.x, &tape.z, &tape.w_2.x]);
    }

    /// The products of attention with its four projections, the last one to `width` numbers.
    fn attention<R>(&mut self, attn: &MultiHeadTape<R>, width: usize) {
        self.product(&attn.w_q.x, attn.heads.q.ncols());
        self.product(&attn.w_k.x, attn.heads.k.ncols());
        self.product(&attn.w_v.x, attn.heads.v.ncols());
        self.heads(&attn.heads, attn.heads.p.len() / attn.batch.rows.samples());
        self.product(&attn.w_o.x, width);
    }

    fn block<R>(&mut self, tape: &PreLnTape<R>) {
        let attn = &tape.attn;
        self.attention(attn, tape.norm_1.x.ncols());
        // The three projections read one matrix.
        self.keep(&[&tape.norm_1.x, &attn.w_q.x, &attn.heads.q, &attn.heads.k, &attn.heads.v, &attn.w_o.x]);
        self.keep(&[&tape.norm_2.x]);
        self.network(&tape.ffn);
    }

    fn cross<R>(&mut self, tape: &CrossBlockTape<R>) {
        let attn = &tape.attn;
        self.attention(attn, tape.norm_1.x.ncols());
        self.keep(&[&tape.norm_1.x, &attn.w_q.x, &attn.w_k.x, &attn.heads.q, &attn.heads.k, &attn.heads.v]);
        self.keep(&[&attn.w_o.x, &tape.norm_2.x]);
        self.network(&tape.ffn);
    }

    fn both_ways<R>(&mut self, tape: &BidirectionalTape<R>) {
        let samples = tape.attn.rows_a.samples();
        for (stream, attn) in [(&tape.a, &tape.attn.a), (&tape.b, &tape.attn.b)] {
            let ProjectionsTape { w_q, w_k, w_v, own, other, w_o } = attn;
            self.product(&w_q.x, own.q.ncols());
            self.product(&w_k.x, own.k.ncols());
            self.product(&w_v.x, own.v.ncols());
            self.heads(own, own.p.len() / samples);
            self.heads(other, other.p.len() / samples);
            self.product(&w_o.x, stream.norm_1.x.ncols());
            self.keep(&[&stream.norm_1.x, &w_q.x, &own.q, &own.k, &own.v, &w_o.x, &stream.norm_2.x]);
            // Elsewhere what the heads give is what `w_o` reads; here that is the mean of two.
            self.keep(&[&own.o, &other.o]);
            self.network(&stream.ffn);
        }
    }
}
