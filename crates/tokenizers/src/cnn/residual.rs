//! The residual block of convolutional networks.

use mmt_tensor::ops::{relu, relu_backward};
use mmt_tensor::tree::join;
use mmt_tensor::{Real, Result, Tree, check_shape};
use ndarray::{Array, ArrayRef, ArrayViewD, ArrayViewMutD, Dimension};

use super::conv_unit::{ConvUnit, ConvUnitTape};

/// Convolutions in a row, and a way around them.
#[derive(Clone, Debug)]
pub struct Residual<R, D: Dimension, const N: usize> {
    /// `F`: two convolutions in a basic block, three in a bottleneck; the last one without ReLU.
    pub units: Vec<ConvUnit<R, D, N>>,
    /// `S`: a convolution of one pixel where `F` changes channels or size; otherwise the input goes around unchanged.
    pub shortcut: Option<ConvUnit<R, D, N>>,
}

/// What [`Residual::backward`] reads.
#[derive(Clone, Debug)]
pub struct ResidualTape<R, D: Dimension> {
    /// Of the convolutions.
    pub units: Vec<ConvUnitTape<R, D>>,
    /// Of the way around.
    pub shortcut: Option<ConvUnitTape<R, D>>,
    /// `F(x) + S(x)`
    pub sum: Array<R, D>,
}

impl<R: Real, D: Dimension, const N: usize> Residual<R, D, N> {
    /// What convolutions add to their input.
    ///
    /// **eq-2.3-residual**
    /// ```math
    /// y = \operatorname{ReLU}\bigl( F(x) + S(x) \bigr), \qquad F = f_k \circ \dots \circ f_1, \qquad S(x) = x \text{ or a convolution}
    /// ```
    ///
    /// `x: [batch, c, size..]` → `y: [batch, out, size..]`
    ///
    /// Each `f` is a convolution with its norm, if it has one, and ReLU behind all but the last. Over two axes it is the
    /// block of ResNet, over three that of its video form.
    ///
    /// Source: He et al. 2016, *Deep Residual Learning for Image Recognition*, eq. 1 and 2, figure 5.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) if the two ways end in different shapes; otherwise as
    /// [`ConvUnit::forward`].
    pub fn forward(&self, x: &ArrayRef<R, D>) -> Result<(Array<R, D>, ResidualTape<R, D>)> {
        let (mut sum, shortcut) = match &self.shortcut {
            Some(unit) => unit.forward(x).map(|(s, tape)| (s, Some(tape)))?,
            None => (x.to_owned(), None),
        };
        let (mut h, mut units) = (x.to_owned(), Vec::with_capacity(self.units.len()));
        for unit in &self.units {
            let (next, tape) = unit.forward(&h)?;
            units.push(tape);
            h = next;
        }
        check_shape("residual: the way around", sum.shape(), h.shape())?;
        sum += &h;
        Ok((relu(&sum)?, ResidualTape { units, shortcut, sum }))
    }

    /// Gradient of [`forward`](Self::forward): returns `x̄`, adds to those of the parameters.
    ///
    /// **eq-2.3-residual, backward**
    /// ```math
    /// \bar u = \bar y \odot [u > 0], \qquad u = F(x) + S(x), \qquad
    /// \bar x = f_1^\top \cdots f_k^\top\, \bar u + S^\top \bar u
    /// ```
    ///
    /// Derivation: both ways read `x` and both see the whole gradient of their sum,
    /// ```math
    /// \dot u = \frac{\partial F}{\partial x} \dot x + \frac{\partial S}{\partial x} \dot x
    /// \quad\Rightarrow\quad
    /// \langle \bar u, \dot u \rangle
    ///   = \Bigl\langle \frac{\partial F}{\partial x}^\top \bar u + \frac{\partial S}{\partial x}^\top \bar u,\; \dot x \Bigr\rangle ,
    /// ```
    /// where `f⊤` stands for the backward of a unit, from the last one to the first.
    pub fn backward(&self, tape: &ResidualTape<R, D>, dy: &ArrayRef<R, D>, grad: &mut Self) -> Array<R, D> {
        let du = relu_backward(&tape.sum, dy);
        let mut dh = du.clone();
        for ((unit, tape), grad) in self.units.iter().zip(&tape.units).zip(&mut grad.units).rev() {
            dh = unit.backward(tape, &dh, grad);
        }
        match (&self.shortcut, &tape.shortcut, &mut grad.shortcut) {
            (Some(unit), Some(tape), Some(grad)) => dh + unit.backward(tape, &du, grad),
            _ => dh + du,
        }
    }
}

impl<R: Real, D: Dimension, const N: usize> Tree<R> for Residual<R, D, N> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        let Self { units, shortcut } = self;
        units.collect(&join(name, "units"), list);
        shortcut.collect(&join(name, "shortcut"), list);
    }

    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        let Self { units, shortcut } = self;
        units.collect_mut(&join(name, "units"), list);
        shortcut.collect_mut(&join(name, "shortcut"), list);
    }
}

impl<R: Real, D: Dimension> Tree<R> for ResidualTape<R, D> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        let Self { units, shortcut, sum } = self;
        units.collect(&join(name, "units"), list);
        shortcut.collect(&join(name, "shortcut"), list);
        sum.collect(&join(name, "sum"), list);
    }

    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        let Self { units, shortcut, sum } = self;
        units.collect_mut(&join(name, "units"), list);
        shortcut.collect_mut(&join(name, "shortcut"), list);
        sum.collect_mut(&join(name, "sum"), list);
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;
    use mmt_tensor::ops::Conv;
    use ndarray::{Array4, Dim};

    use super::*;

    #[test]
    fn ways_that_end_in_different_shapes_are_refused() {
        let conv = Conv { stride: [2; 2], padding: [1; 2], ..Conv::default() };
        let unit = ConvUnit::<f64, _, 2>::new(Dim([3, 3, 3, 3]), conv, &mut Random::seed(0)).linear();
        let block = Residual { units: vec![unit], shortcut: None };
        let error = block.forward(&Array4::zeros((1, 3, 4, 4))).unwrap_err();
        let text = "residual: the way around: expected shape [1, 3, 2, 2], got [1, 3, 4, 4]";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_nan_is_refused() {
        let block = Residual::<f64, _, 2> { units: Vec::new(), shortcut: None };
        let error = block.forward(&Array4::from_elem((1, 1, 2, 2), f64::NAN)).unwrap_err();
        assert_eq!(error.to_string(), "relu: x: not a finite number");
    }
}
