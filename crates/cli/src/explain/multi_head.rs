//! eq-1.3-mha-full with the reader's numbers: self-attention of one sample, without biases.

use mmt_blocks::{AttentionKind, DeadRows, Linear, Mask, MultiHead};
use mmt_tensor::{Ragged, Real, Result, Tree};
use ndarray::Array2;

use super::inputs::Input;
use super::sheet::Sheet;
use super::{Lecture, Lesson, Settings, Term};

/// The example.
pub struct MultiHeads;

impl Lesson for MultiHeads {
    const ID: &'static str = "eq-1.3-mha-full";
    const NAME: &'static str = "Multi-head self-attention";
    const SIZES: [usize; 3] = [3, 0, 4];
    const TERMS: &'static [Term] = &[];
    const MASKED: bool = true;
    const HEADS: bool = true;

    fn inputs(&Settings { n, d, .. }: &Settings) -> Vec<Input> {
        let mut inputs = vec![Input::ramp("X", 1, (n, d))];
        inputs.extend(["WQ", "WK", "WV", "WO"].iter().zip(2..).map(|(name, s)| Input::ramp(name, s, (d, d))));
        inputs.push(Input::ramp("dY", 6, (n, d)));
        inputs
    }

    fn forward<R: Real>(inputs: &[Array2<R>], settings: &Settings) -> Result<Array2<R>> {
        let (layer, rows, mask) = layer(inputs, settings);
        Ok(layer.forward(&inputs[0], &inputs[0], &rows, &rows, &mask)?.0)
    }

    fn teach(inputs: &[Array2<f64>], settings: &Settings) -> Result<Lecture> {
        let (layer, rows, mask) = layer(inputs, settings);
        let (x, dy) = (&inputs[0], &inputs[5]);
        let (y, tape) = layer.forward(x, x, &rows, &rows, &mask)?;
        let mut grad = layer.zeros_like();
        let (dx, dcontext) = layer.backward(&tape, dy, &mut grad);
        let dx = dx + dcontext;
        let dc = mmt_tensor::ops::matmul(dy, &layer.w_o.weight.t());
        let names: Vec<String> = (1..=tape.heads.p.len()).map(|i| format!("P{i}")).collect();
        let weights: Vec<_> =
            names.iter().zip(&tape.heads.p).map(|(name, p)| (name.as_str(), &**p)).collect();
        let [w_q, w_k, w_v, w_o] = [grad.w_q, grad.w_k, grad.w_v, grad.w_o].map(|linear| linear.weight);
        let forward = Sheet::default()
            .formula("Q = X WQ     K = X WK     V = X WV", "")
            .formula("P_i = softmax_rows(Q_i K_i^T / sqrt(d/c))", "head i: block i of columns")
            .formula("C = [P_1 V_1 .. P_c V_c]     Y = C WO", "")
            .matrices(&[("Q", &tape.heads.q), ("K", &tape.heads.k), ("V", &tape.heads.v)])
            .matrices(&weights)
            .matrices(&[("C", &tape.heads.o), ("Y", &y)]);
        let backward = Sheet::default()
            .formula("dC = dY WO^T     dWO = C^T dY", "Y is bilinear in C, WO")
            .formula("dQ, dK, dV: every head by eq-1.1-attention", "heads do not mix")
            .formula("dWQ = X^T dQ     dWK = X^T dK     dWV = X^T dV", "")
            .formula("dX = dQ WQ^T + dK WK^T + dV WV^T", "X is used three times")
            .matrices(&[("dC", &dc), ("dX", &dx)])
            .matrices(&[("dWQ", &w_q), ("dWK", &w_k), ("dWV", &w_v), ("dWO", &w_o)]);
        let width = settings.d / settings.heads;
        let note =
            format!("{} heads, scale 1/sqrt({width}) = {:.4}", settings.heads, 1.0 / (width as f64).sqrt());
        Ok(Lecture { note, forward, backward, gradients: vec![dx, w_q, w_k, w_v, w_o] })
    }
}

fn layer<R: Real>(inputs: &[Array2<R>], settings: &Settings) -> (MultiHead<R>, Ragged, Mask) {
    let linear = |i: usize| Linear { weight: inputs[i].clone(), bias: None };
    let layer = MultiHead {
        w_q: linear(1),
        w_k: linear(2),
        w_v: linear(3),
        w_o: linear(4),
        heads: settings.heads,
        kind: AttentionKind::Plain,
        dead_rows: DeadRows::Refuse,
    };
    (layer, Ragged::one(settings.n), if settings.causal { Mask::causal() } else { Mask::None })
}
