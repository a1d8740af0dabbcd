//! eq-1.12-layernorm with the reader's numbers.

use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{layer_norm, layer_norm_backward};
use mmt_tensor::{Real, Result};
use ndarray::{Array1, Array2, Axis, array};

use super::inputs::Input;
use super::sheet::Sheet;
use super::{Lecture, Lesson, Settings, Term};

/// The default of PyTorch.
const EPS: f64 = 1e-5;

/// The example.
pub struct Norm;

impl Lesson for Norm {
    const ID: &'static str = "eq-1.12-layernorm";
    const NAME: &'static str = "Layer normalization";
    const SIZES: [usize; 3] = [2, 0, 3];
    const TERMS: &'static [Term] = &[Term::Mean];
    const MASKED: bool = false;

    fn inputs(&Settings { n, d, .. }: &Settings) -> Vec<Input> {
        vec![
            Input::of("X", array![[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]], 1, (n, d)),
            Input::ramp("gamma", 2, (1, d)),
            Input::ramp("beta", 3, (1, d)),
            Input::ramp("dY", 4, (n, d)),
        ]
    }

    fn forward<R: Real>(inputs: &[Array2<R>], _: &Settings) -> Result<Array2<R>> {
        Ok(layer_norm(&inputs[0], &inputs[1].row(0), &inputs[2].row(0), EPS)?.0)
    }

    fn teach(inputs: &[Array2<f64>], settings: &Settings) -> Result<Lecture> {
        let [x, gamma, beta, dy] = inputs else { panic!("four inputs") };
        let (y, moments) = layer_norm(x, &gamma.row(0), &beta.row(0), EPS)?;
        let column = |a: &Array1<f64>| a.clone().insert_axis(Axis(1));
        let (mean, rstd) = (column(&moments.mean), column(&moments.rstd));
        let hat: Array2<f64> = (x - &mean) * &rstd;
        let width = settings.d as f64;
        let g: Array2<f64> = dy * gamma;
        let mean_g: Array2<f64> = column(&row_sums(&g)) / width;
        let mean_gx: Array2<f64> = column(&row_sums(&(&g * &hat))) / width;
        let (mut dgamma, mut dbeta) = (Array1::zeros(settings.d), Array1::zeros(settings.d));
        let mut dx = layer_norm_backward(&moments, x, &gamma.row(0), dy, &mut dgamma, &mut dbeta);
        if settings.dropped.is_some() {
            dx += &(&mean_g * &rstd);
        }
        let (dgamma, dbeta) = (dgamma.insert_axis(Axis(0)), dbeta.insert_axis(Axis(0)));
        let forward = Sheet::default()
            .formula("x^ = (X - mean) / sqrt(var + eps)     Y = gamma * x^ + beta", "")
            .matrices(&[("X", x), ("mean", &mean), ("1/sqrt", &rstd)])
            .matrices(&[("x^", &hat), ("Y", &y)]);
        let backward = Sheet::default()
            .formula("g = gamma * dY", "Y is linear in x^")
            .formula("dX = (g - mean(g) - x^ mean(g * x^)) / sqrt(..)", "mean and var see every x")
            .formula("dgamma = colsum(dY * x^)     dbeta = colsum(dY)", "Y is linear in both")
            .matrices(&[("g", &g), ("mean(g)", &mean_g), ("mean(g x^)", &mean_gx)])
            .matrices(&[("dX", &dx), ("dgamma", &dgamma), ("dbeta", &dbeta)])
            .remark("the rows of the exact dX sum to 0: a shift of a row changes nothing");
        let note = format!("eps {EPS:e}");
        Ok(Lecture { note, forward, backward, gradients: vec![dx, dgamma, dbeta] })
    }
}
