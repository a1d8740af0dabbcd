//! Two or more modalities added up, token by token.

use mmt_blocks::Mask;
use mmt_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use mmt_tensor::ops::sum::total_of_2;
use mmt_tensor::ops::{softmax, softmax_backward};
use mmt_tensor::{Error, Ragged, Real, Result, Tree, check_finite, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2};

use crate::{Stream, StreamTape};

/// `α`, what each modality is multiplied by.
#[derive(Clone, Debug)]
pub enum SumWeights<R> {
    /// Chosen by hand; no gradient.
    Fixed(Vec<f64>),
    /// Learned: `[k]`
    Learned(Array1<R>),
    /// Learned, positive and of sum one: `α = softmax(η)`, with `η: [k]`
    Softmax(Array1<R>),
}

impl<R: Real> SumWeights<R> {
    fn values(&self) -> Result<Array1<R>> {
        Ok(match self {
            SumWeights::Fixed(alpha) => alpha.iter().map(|&a| R::of(a)).collect(),
            SumWeights::Learned(alpha) => alpha.clone(),
            SumWeights::Softmax(eta) => {
                check_finite("early_sum: weights", eta)?;
                softmax(eta)?
            }
        })
    }

    /// Adds the gradient of what is learned.
    fn backward(&self, alpha: &Array1<R>, dalpha: &Array1<R>, grad: &mut Self) {
        match (self, grad) {
            (SumWeights::Fixed(_), SumWeights::Fixed(_)) => {}
            (SumWeights::Learned(_), SumWeights::Learned(grad)) => *grad += dalpha,
            (SumWeights::Softmax(_), SumWeights::Softmax(grad)) => *grad += &softmax_backward(alpha, dalpha),
            _ => panic!("a gradient has the kind of weights that it is the gradient of"),
        }
    }
}

/// The weights that are learned.
impl<R: Real> Tree<R> for SumWeights<R> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        match self {
            SumWeights::Fixed(_) => {}
            SumWeights::Learned(a) | SumWeights::Softmax(a) => a.collect(name, list),
        }
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        match self {
            SumWeights::Fixed(_) => {}
            SumWeights::Learned(a) | SumWeights::Softmax(a) => a.collect_mut(name, list),
        }
    }
}

/// One encoder over the weighted sum of the modalities.
#[derive(Clone, Debug)]
pub struct EarlySum<R> {
    /// `α`
    pub weights: SumWeights<R>,
    /// `Tf`
    pub joint: Stream<R>,
}

tree!(EarlySum { weights, joint });

/// What [`EarlySum::backward`] reads.
#[derive(Clone, Debug)]
pub struct EarlySumTape<R> {
    /// The modalities, each `[n, d]`.
    pub inputs: Vec<Array2<R>>,
    /// `α: [k]`
    pub alpha: Array1<R>,
    /// Of the encoder.
    pub joint: StreamTape<R>,
}

tree!(EarlySumTape { inputs, alpha, joint });

impl<R: Real> EarlySum<R> {
    /// Token `i` of the sum is what the tokens `i` of all modalities make together.
    ///
    /// **eq-3-early-sum**
    /// ```math
    /// Z = \operatorname{Tf}(U), \qquad U = \sum_m \alpha_m X_m, \qquad
    /// \text{two modalities: } U = \alpha X_A + \beta X_B
    /// ```
    ///
    /// `x: [n, d]` of each of `k` modalities → `[n, d]`
    ///
    /// The modalities need as many tokens as each other: that token `i` of one belongs to token `i` of the other is assumed
    /// here, and not learned. With inputs of unit variance, `α² + β² = 1` keeps the variance. It costs as much as one modality.
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3 (early summation,
    /// with weights set by hand). The note leaves the weights out.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for fewer than two inputs; [`Error::ShapeMismatch`] for inputs of different shapes or another
    /// number of weights; [`Error::NonFinite`] for NaN and infinities in an input, a weight or the sum; those of the encoder.
    pub fn forward(
        &self,
        inputs: &[&ArrayRef2<R>],
        rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, EarlySumTape<R>)> {
        if inputs.len() < 2 {
            return Err(Error::EmptyInput { at: "early_sum: a second modality" });
        }
        let alpha = self.weights.values()?;
        check_shape("early_sum: weights", alpha.shape(), &[inputs.len()])?;
        let u = weighted_sum(inputs, &alpha)?;
        let (z, joint) = self.joint.forward(&u, rows, mask)?;
        let inputs = inputs.iter().map(|&x| x.to_owned()).collect();
        Ok((z, EarlySumTape { inputs, alpha, joint }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the modalities, adds to those of what is learned.
    ///
    /// **eq-3-early-sum, backward**
    /// ```math
    /// \bar U = \operatorname{Tf-backward}(\bar Z), \qquad \bar X_m = \alpha_m \bar U, \qquad
    /// \bar\alpha_m = \langle \bar U, X_m \rangle, \qquad
    /// \alpha = \operatorname{softmax}(\eta) \;\Rightarrow\;
    /// \bar\eta = \alpha \odot \bigl( \bar\alpha - \langle \alpha, \bar\alpha \rangle \mathbf 1 \bigr)
    /// ```
    ///
    /// Derivation: `U` is linear in every input and in every weight,
    /// ```math
    /// \langle \bar U, \dot U \rangle = \sum_m \bigl( \alpha_m \langle \bar U, \dot X_m \rangle
    ///   + \dot\alpha_m \langle \bar U, X_m \rangle \bigr) ;
    /// ```
    /// `η̄` is the gradient of a softmax, eq-0.2-softmax.
    pub fn backward(&self, tape: &EarlySumTape<R>, dz: &ArrayRef2<R>, grad: &mut Self) -> Vec<Array2<R>> {
        let du = self.joint.backward(&tape.joint, dz, &mut grad.joint);
        let of = |x: &Array2<R>| total_of_2(&du, x, 1, |u, x| u * x);
        let dalpha: Array1<R> = tape.inputs.iter().map(of).collect();
        self.weights.backward(&tape.alpha, &dalpha, &mut grad.weights);
        tape.alpha.iter().map(|&alpha| du.mapv(|du| alpha * du)).collect()
    }
}

/// `Σ_m α_m X_m`, added in order. Weights and sums are finite in the number type in which they are used, or refused.
pub(crate) fn weighted_sum<R: Real>(inputs: &[&ArrayRef2<R>], alpha: &Array1<R>) -> Result<Array2<R>> {
    check_finite("early_sum: weights", alpha)?;
    let mut u = Array2::zeros(inputs[0].dim());
    for (x, &alpha) in inputs.iter().zip(alpha) {
        check_shape("early_sum: x", x.shape(), inputs[0].shape())?;
        check_finite("early_sum: x", x)?;
        u.zip_mut_with(x, |u, &x| *u += alpha * x);
    }
    check_finite("early_sum: u", &u)?;
    Ok(u)
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;

    #[test]
    fn wrong_inputs_are_refused() {
        let text = |weights: &[f64], inputs: &[Array2<f64>]| {
            let module = EarlySum { weights: SumWeights::Fixed(weights.to_vec()), joint: Stream::identity() };
            let inputs: Vec<&ArrayRef2<f64>> = inputs.iter().map(|x| &**x).collect();
            module.forward(&inputs, &Ragged::one(3), &Mask::None).unwrap_err().to_string()
        };
        let x = Array2::ones((3, 4));
        assert_eq!(text(&[], &[]), "early_sum: a second modality: empty");
        assert_eq!(text(&[1.0], std::slice::from_ref(&x)), "early_sum: a second modality: empty");
        let both = [x.clone(), x.clone()];
        assert_eq!(text(&[1.0], &both), "early_sum: weights: expected shape [2], got [1]");
        assert_eq!(text(&[1.0, f64::NAN], &both), "early_sum: weights: not a finite number");
        let short = [x.clone(), Array2::ones((2, 4))];
        assert_eq!(text(&[1.0, 1.0], &short), "early_sum: x: expected shape [3, 4], got [2, 4]");
        let wide = [x.clone(), Array2::ones((3, 5))];
        assert_eq!(text(&[1.0, 1.0], &wide), "early_sum: x: expected shape [3, 4], got [3, 5]");
        let nan = [x, Array2::from_elem((3, 4), f64::NAN)];
        assert_eq!(text(&[1.0, 1.0], &nan), "early_sum: x: not a finite number");
    }

    #[test]
    fn learned_weights_that_are_not_finite_are_refused() {
        let x = Array2::<f64>::ones((3, 4));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let eta = Array1::from(vec![0.0, bad]);
            for weights in [SumWeights::Learned(eta.clone()), SumWeights::Softmax(eta)] {
                let module = EarlySum { weights, joint: Stream::identity() };
                let error = module.forward(&[&x, &x], &Ragged::one(3), &Mask::None).unwrap_err();
                assert_eq!(error.to_string(), "early_sum: weights: not a finite number");
            }
        }
    }

    #[test]
    fn what_single_precision_cannot_hold_is_refused_by_the_page_and_by_the_algebra() {
        use crate::topology::{Inputs, Program, Sizes, parse};
        let inputs: Inputs = ["a", "t"].map(|m| (m.to_string(), (Ragged::one(3), 4))).into();
        let sizes = Sizes { width: 4, heads: 2, hidden: 8 };
        let x = Array2::<f32>::ones((3, 4));
        for (weight, what) in [(1e39, "weights"), (3e38, "u")] {
            let expected = format!("early_sum: {what}: not a finite number");
            let module = EarlySum { weights: SumWeights::Fixed(vec![weight; 2]), joint: Stream::identity() };
            let error = module.forward(&[&x, &x], &Ragged::one(3), &Mask::None).unwrap_err();
            assert_eq!(error.to_string(), expected);
            let topology = parse(&format!("Sum[({weight}, In a), ({weight}, In t)]")).unwrap().topology;
            let program = Program::<f32>::new(topology, &inputs, sizes, &mut Random::seed(1)).unwrap();
            let tokens = ["a", "t"].map(|m| (m.to_string(), x.clone())).into();
            assert_eq!(program.forward(&tokens, &inputs).unwrap_err().to_string(), expected);
        }
    }
}
