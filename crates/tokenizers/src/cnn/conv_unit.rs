//! A convolution with what follows it.

use mmt_tensor::ops::{
    Conv, Statistics, conv, conv_backward, frozen_norm, frozen_norm_backward, relu, relu_backward,
};
use mmt_tensor::tree::join;
use mmt_tensor::{Random, Real, Result, Tree, tree};
use ndarray::{Array, Array1, ArrayRef, ArrayViewD, ArrayViewMutD, Dimension};

/// A convolution (eq-0.10-convolution), then batch normalization with stored statistics (eq-0.10-frozen-norm) and ReLU
/// (eq-1.8-relu), where they are wanted.
///
/// `D` is the rank of the kernel, `N` the axes it moves along: 2 for images, 3 for videos.
#[derive(Clone, Debug)]
pub struct ConvUnit<R, D: Dimension, const N: usize> {
    /// `W: [out, c, kernel..]`
    pub weight: Array<R, D>,
    /// `b: [out]`; none in front of a norm, which has a shift of its own.
    pub bias: Option<Array1<R>>,
    /// Norm after the convolution.
    pub norm: Option<FrozenNorm<R>>,
    /// Whether ReLU comes last.
    pub relu: bool,
    /// Strides and padding.
    pub conv: Conv<N>,
}

/// Scale and shift of every channel, around statistics that are constant.
#[derive(Clone, Debug)]
pub struct FrozenNorm<R> {
    /// `γ: [c]`
    pub gamma: Array1<R>,
    /// `β: [c]`
    pub beta: Array1<R>,
    /// `μ`, `v`, `ε`
    pub statistics: Statistics<R>,
}

tree!(FrozenNorm { gamma, beta; statistics });

/// What [`ConvUnit::backward`] reads.
#[derive(Clone, Debug)]
pub struct ConvUnitTape<R, D: Dimension> {
    /// The input.
    pub x: Array<R, D>,
    /// What the convolution gives, if a norm reads it.
    pub z: Option<Array<R, D>>,
    /// What ReLU reads, if there is one.
    pub a: Option<Array<R, D>>,
}

impl<R: Real, D: Dimension, const N: usize> ConvUnit<R, D, N> {
    /// `W` uniform in `±√(6 / inputs)`, bias zero, no norm, with ReLU. `shape` is that of the kernel, `[out, c, ..]`.
    ///
    /// Source: He et al. 2015, *Delving deep into rectifiers*, eq. 10, in its uniform form.
    pub fn new(shape: D, conv: Conv<N>, random: &mut Random) -> Self {
        let inputs: usize = shape.slice()[1..].iter().product();
        let out = shape[0];
        let weight = random.uniform(shape, (6.0 / inputs.max(1) as f64).sqrt());
        ConvUnit { weight, bias: Some(Array1::zeros(out)), norm: None, relu: true, conv }
    }

    /// The same unit with a norm in place of the bias: `γ = 1`, `β = 0`, mean 0 and variance 1.
    pub fn with_norm(self, eps: f64) -> Self {
        let c = self.weight.shape()[0];
        let statistics = Statistics { mean: Array1::zeros(c), variance: Array1::ones(c), eps };
        let norm = FrozenNorm { gamma: Array1::ones(c), beta: Array1::zeros(c), statistics };
        ConvUnit { bias: None, norm: Some(norm), ..self }
    }

    /// The same unit without ReLU.
    pub fn linear(self) -> Self {
        ConvUnit { relu: false, ..self }
    }

    /// `x: [batch, c, size..]` → `[batch, out, size..]`
    ///
    /// # Errors
    /// As [`conv()`] and [`frozen_norm()`].
    pub fn forward(&self, x: &ArrayRef<R, D>) -> Result<(Array<R, D>, ConvUnitTape<R, D>)> {
        let none = Array1::zeros(self.weight.shape().first().copied().unwrap_or(0));
        let z = conv(x, &self.weight, self.bias.as_ref().unwrap_or(&none), &self.conv)?;
        let (a, z) = match &self.norm {
            Some(norm) => (frozen_norm(&z, &norm.gamma, &norm.beta, &norm.statistics)?, Some(z)),
            None => (z, None),
        };
        let (y, a) = if self.relu { (relu(&a)?, Some(a)) } else { (a, None) };
        Ok((y, ConvUnitTape { x: x.to_owned(), z, a }))
    }

    /// The gradient of `x`, from that of the output; adds to those of the parameters.
    pub fn backward(&self, tape: &ConvUnitTape<R, D>, dy: &ArrayRef<R, D>, grad: &mut Self) -> Array<R, D> {
        let da = tape.a.as_ref().map(|a| relu_backward(a, dy));
        let da = da.as_deref().unwrap_or(dy);
        let dz = match (&self.norm, &tape.z, &mut grad.norm) {
            (Some(norm), Some(z), Some(g)) => {
                Some(frozen_norm_backward(z, &norm.gamma, da, &norm.statistics, &mut g.gamma, &mut g.beta))
            }
            _ => None,
        };
        let dz = dz.as_deref().unwrap_or(da);
        // Without a bias its gradient has nowhere to go.
        let mut nowhere = Array1::zeros(self.weight.shape()[0]);
        let db = grad.bias.as_mut().unwrap_or(&mut nowhere);
        conv_backward(&tape.x, &self.weight, dz, &self.conv, &mut grad.weight, db)
    }
}

impl<R: Real, D: Dimension, const N: usize> Tree<R> for ConvUnit<R, D, N> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        let Self { weight, bias, norm, relu: _, conv: _ } = self;
        weight.collect(&join(name, "weight"), list);
        bias.collect(&join(name, "bias"), list);
        norm.collect(&join(name, "norm"), list);
    }

    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        let Self { weight, bias, norm, relu: _, conv: _ } = self;
        weight.collect_mut(&join(name, "weight"), list);
        bias.collect_mut(&join(name, "bias"), list);
        norm.collect_mut(&join(name, "norm"), list);
    }
}

impl<R: Real, D: Dimension> Tree<R> for ConvUnitTape<R, D> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        let Self { x, z, a } = self;
        x.collect(&join(name, "x"), list);
        z.collect(&join(name, "z"), list);
        a.collect(&join(name, "a"), list);
    }

    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        let Self { x, z, a } = self;
        x.collect_mut(&join(name, "x"), list);
        z.collect_mut(&join(name, "z"), list);
        a.collect_mut(&join(name, "a"), list);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, Dim, Ix4};

    use super::*;

    fn unit() -> ConvUnit<f64, Ix4, 2> {
        ConvUnit::new(Dim([2, 3, 3, 3]), Conv::default(), &mut Random::seed(0)).with_norm(1e-5)
    }

    #[test]
    fn wrong_inputs_are_refused() {
        let text = |unit: &ConvUnit<f64, Ix4, 2>, shape| {
            unit.forward(&Array4::zeros(shape)).unwrap_err().to_string()
        };
        let expected = "conv: w: expected shape [2, 4, 3, 3], got [2, 3, 3, 3]";
        assert_eq!(text(&unit(), [1, 4, 5, 5]), expected);
        let mut unit = unit();
        unit.norm.as_mut().unwrap().gamma = Array1::ones(3);
        assert_eq!(text(&unit, [1, 3, 5, 5]), "frozen_norm: gamma: expected shape [2], got [3]");
    }

    #[test]
    fn parameters_have_names_of_their_own() {
        let names: Vec<String> = unit().arrays().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["weight", "norm.gamma", "norm.beta"]);
    }
}
