//! eq-0.2-softmax with the reader's numbers.

use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{softmax, softmax_backward};
use mmt_tensor::{Real, Result};
use ndarray::{Array2, Axis, array};

use super::inputs::Input;
use super::sheet::Sheet;
use super::{Lecture, Lesson, Settings, Term};

/// The example.
pub struct Softmax;

impl Lesson for Softmax {
    const ID: &'static str = "eq-0.2-softmax";
    const NAME: &'static str = "Softmax of every row";
    const SIZES: [usize; 3] = [2, 0, 3];
    const TERMS: &'static [Term] = &[Term::Rowsum];
    const MASKED: bool = false;

    fn inputs(&Settings { n, d, .. }: &Settings) -> Vec<Input> {
        vec![
            Input::of("X", array![[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]], 1, (n, d)),
            Input::of("dP", array![[1.0, -0.5, 0.25], [0.0, 2.0, -1.0]], 2, (n, d)),
        ]
    }

    fn forward<R: Real>(inputs: &[Array2<R>], _: &Settings) -> Result<Array2<R>> {
        softmax(&inputs[0])
    }

    fn teach(inputs: &[Array2<f64>], settings: &Settings) -> Result<Lecture> {
        let (x, dp) = (&inputs[0], &inputs[1]);
        let p = softmax(x)?;
        let sums = row_sums(&(dp * &p)).insert_axis(Axis(1));
        let dx = match settings.dropped {
            None => softmax_backward(&p, dp),
            Some(_) => dp * &p,
        };
        let total = row_sums(&dx).insert_axis(Axis(1));
        let forward =
            Sheet::default().formula("P = exp(X) / rowsum(exp(X))", "").matrices(&[("X", x), ("P", &p)]);
        let backward = Sheet::default()
            .formula("dX = P * (dP - rowsum(dP * P))", "Jacobian diag(p) - p p^T")
            .matrices(&[("dP", dp), ("rowsum", &sums), ("dX", &dx), ("sum", &total)])
            .remark("the rows of the exact dX sum to 0: a shift of a row changes nothing");
        Ok(Lecture { note: String::new(), forward, backward, gradients: vec![dx] })
    }
}
