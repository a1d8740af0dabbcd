//! eq-1.7-ffn with the reader's numbers.

use mmt_blocks::{Activation, Ffn, Linear};
use mmt_tensor::ops::{matmul, relu_backward};
use mmt_tensor::{Real, Result, Tree};
use ndarray::{Array2, Axis};

use super::inputs::Input;
use super::sheet::Sheet;
use super::{Lecture, Lesson, Settings, Term};

/// The example.
pub struct FeedForward;

impl Lesson for FeedForward {
    const ID: &'static str = "eq-1.7-ffn";
    const NAME: &'static str = "Feed-forward network";
    const SIZES: [usize; 3] = [2, 3, 2];
    const TERMS: &'static [Term] = &[];
    const MASKED: bool = false;

    fn inputs(&Settings { n, m, d, .. }: &Settings) -> Vec<Input> {
        vec![
            Input::ramp("X", 1, (n, d)),
            Input::ramp("W1", 2, (d, m)),
            Input::ramp("b1", 3, (1, m)),
            Input::ramp("W2", 4, (m, d)),
            Input::ramp("b2", 5, (1, d)),
            Input::ramp("dY", 6, (n, d)),
        ]
    }

    fn forward<R: Real>(inputs: &[Array2<R>], _: &Settings) -> Result<Array2<R>> {
        Ok(layer(inputs).forward(&inputs[0])?.0)
    }

    fn teach(inputs: &[Array2<f64>], _: &Settings) -> Result<Lecture> {
        let (x, dy, layer) = (&inputs[0], &inputs[5], layer(inputs));
        let (y, tape) = layer.forward(x)?;
        let mut grad = layer.zeros_like();
        let dx = layer.backward(&tape, dy, &mut grad);
        let dh = matmul(dy, &layer.w_2.weight.t());
        let dz = relu_backward(&tape.z, &dh);
        let row = |bias: Option<ndarray::Array1<f64>>| bias.expect("a bias").insert_axis(Axis(0));
        let (w_1, b_1) = (grad.w_1.weight, row(grad.w_1.bias));
        let (w_2, b_2) = (grad.w_2.weight, row(grad.w_2.bias));
        let forward = Sheet::default()
            .formula("Z = X W1 + b1     H = max(0, Z)     Y = H W2 + b2", "")
            .matrices(&[("Z", &tape.z), ("H", &tape.w_2.x), ("Y", &y)]);
        let backward = Sheet::default()
            .formula("db2 = colsum(dY)", "b2 is added to every row")
            .formula("dH = dY W2^T     dW2 = H^T dY", "Y is bilinear in H, W2")
            .formula("dZ = dH * [Z > 0]", "max acts on each number")
            .formula("dX = dZ W1^T     dW1 = X^T dZ", "Z is bilinear in X, W1")
            .formula("db1 = colsum(dZ)", "b1 is added to every row")
            .matrices(&[("dH", &dh), ("dZ", &dz), ("dX", &dx)])
            .matrices(&[("dW1", &w_1), ("db1", &b_1), ("dW2", &w_2), ("db2", &b_2)]);
        let note = "ReLU".to_string();
        Ok(Lecture { note, forward, backward, gradients: vec![dx, w_1, b_1, w_2, b_2] })
    }
}

fn layer<R: Real>(inputs: &[Array2<R>]) -> Ffn<R> {
    let linear = |weight: usize, bias: usize| Linear {
        weight: inputs[weight].clone(),
        bias: Some(inputs[bias].row(0).to_owned()),
    };
    Ffn { w_1: linear(1, 2), w_2: linear(3, 4), activation: Activation::Relu }
}
