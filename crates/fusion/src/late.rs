//! Modalities that meet only in the decision.

use mmt_blocks::{Linear, LinearTape, Mask};
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::{Error, Ragged, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Layout, Stream, StreamTape};

/// One modality with a head of its own.
#[derive(Clone, Debug)]
pub struct LateStream<R> {
    /// `Tf_m`
    pub stream: Stream<R>,
    /// `W_m, b_m: [d_m, c]`
    pub head: Linear<R>,
}

tree!(LateStream { stream, head });

/// Late fusion: the baseline against which every other topology has to win.
#[derive(Clone, Debug)]
pub struct LateFusion<R> {
    /// One for each modality.
    pub streams: Vec<LateStream<R>>,
}

tree!(LateFusion { streams });

/// What [`LateFusion::backward`] reads of one modality.
#[derive(Clone, Debug)]
pub struct LateStreamTape<R> {
    /// Of the stream.
    pub stream: StreamTape<R>,
    /// Of the head; its input is the mean token of every sample.
    pub head: LinearTape<R>,
    /// Where each sample begins.
    pub rows: Ragged,
}

tree!(LateStreamTape { stream, head; rows });

/// What [`LateFusion::backward`] reads.
#[derive(Clone, Debug)]
pub struct LateFusionTape<R> {
    /// One for each modality.
    pub streams: Vec<LateStreamTape<R>>,
}

tree!(LateFusionTape { streams });

impl<R: Real> LateFusion<R> {
    /// Every modality decides for itself, and the scores of the classes are averaged.
    ///
    /// **eq-3-late**
    /// ```math
    /// y = \frac 1 M \sum_m \Bigl( \Bigl( \frac{1}{n_m} \sum_i \operatorname{Tf}_m(X_m)_i \Bigr) W_m + b_m \Bigr)
    /// ```
    ///
    /// `x: [n_m, d_m]` of each of `M` modalities → `[samples, c]`
    ///
    /// Lengths and widths may differ. No token of a modality influences any token of another one, and a sum of scores cannot
    /// say "one of the two, but not both": the exclusive or of two modalities is out of reach.
    ///
    /// Source: Nagrani et al. 2021, *Attention Bottlenecks for Multimodal Fusion*, section 3.1 (late fusion, scores averaged).
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no modality and for a sample without tokens; [`Error::ShapeMismatch`] for another number of
    /// inputs than of streams, or for different numbers of samples or classes; those of the streams and heads.
    pub fn forward(&self, inputs: &[(&ArrayRef2<R>, &Layout)]) -> Result<(Array2<R>, LateFusionTape<R>)> {
        check_shape("late_fusion: inputs", &[inputs.len()], &[self.streams.len()])?;
        let Some((_, first)) = inputs.first() else {
            return Err(Error::EmptyInput { at: "late_fusion: inputs" });
        };
        let mut scores = Array2::zeros((first.samples(), self.streams[0].head.weight.ncols()));
        let share = R::of(1.0) / R::of(inputs.len() as f64);
        let mut streams = vec![];
        for (part, (x, layout)) in self.streams.iter().zip(inputs) {
            let rows = layout.rows();
            let (z, stream) = part.stream.forward(x, &rows, &Mask::None)?;
            let (y, head) = part.head.forward_owned(mean_tokens(&z, &rows)?)?;
            check_shape("late_fusion: scores", y.shape(), scores.shape())?;
            scores.zip_mut_with(&y, |scores, &y| *scores += share * y);
            streams.push(LateStreamTape { stream, head, rows });
        }
        Ok((scores, LateFusionTape { streams }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the modalities, adds to those of the parameters.
    ///
    /// **eq-3-late, backward**
    /// ```math
    /// \bar y_m = \frac{\bar y}{M}, \qquad \bar W_m = \mu_m^\top \bar y_m, \qquad
    /// \bar Z_{m,i} = \frac{1}{n_m} \bar y_m W_m^\top \quad \text{for every token } i, \qquad
    /// \bar X_m = \operatorname{Tf}_m\text{-backward}(\bar Z_m)
    /// ```
    ///
    /// Derivation: with `μ_m` the mean token, `y = Σ_m (μ_m W_m + b_m) / M`. A mean of `n` rows hands the `n`-th part of its
    /// gradient to each of them.
    pub fn backward(&self, tape: &LateFusionTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Vec<Array2<R>> {
        let share = R::of(1.0) / R::of(self.streams.len() as f64);
        let dy = dy.mapv(|dy| share * dy);
        let parts = self.streams.iter().zip(&tape.streams).zip(&mut grad.streams);
        parts
            .map(|((part, tape), grad)| {
                let dmean = part.head.backward(&tape.head, &dy, &mut grad.head);
                part.stream.backward(&tape.stream, &spread(&dmean, &tape.rows), &mut grad.stream)
            })
            .collect()
    }
}

/// The mean token of every sample: `z: [n, d]` → `[samples, d]`
pub(crate) fn mean_tokens<R: Real>(z: &Array2<R>, rows: &Ragged) -> Result<Array2<R>> {
    let mut means = Array2::zeros((rows.samples(), z.ncols()));
    for (b, mut mean) in means.rows_mut().into_iter().enumerate() {
        if rows.length(b) == 0 {
            return Err(Error::EmptyInput { at: "mean_tokens: sample" });
        }
        let n = R::of(rows.length(b) as f64);
        mean.assign(&column_sums(&rows.of(z, b)).mapv(|sum| sum / n));
    }
    Ok(means)
}

/// Every token gets its part of the gradient of the mean.
fn spread<R: Real>(dmean: &Array2<R>, rows: &Ragged) -> Array2<R> {
    let mut dz = Array2::zeros((rows.tokens(), dmean.ncols()));
    for (b, own) in rows.ranges().enumerate() {
        let n = R::of(own.len() as f64);
        for i in own {
            dz.row_mut(i).assign(&dmean.row(b).mapv(|mean| mean / n));
        }
    }
    dz
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;

    fn refused(heads: &[(usize, usize)], inputs: &[(usize, usize, usize)]) -> String {
        let part = |&(d, c): &(usize, usize)| LateStream {
            stream: Stream::<f64>::identity(),
            head: Linear::new(d, c, &mut Random::seed(0)),
        };
        let module = LateFusion { streams: heads.iter().map(part).collect() };
        let x: Vec<Array2<f64>> = inputs.iter().map(|&(s, n, d)| Array2::ones((s * n, d))).collect();
        let layouts: Vec<Layout> =
            inputs.iter().map(|&(s, n, _)| Layout::with_missing("m", Ragged::even(s, n)).unwrap()).collect();
        let inputs: Vec<_> = x.iter().zip(&layouts).map(|(x, layout)| (&**x, layout)).collect();
        module.forward(&inputs).unwrap_err().to_string()
    }

    #[test]
    fn wrong_inputs_are_refused() {
        assert_eq!(refused(&[], &[]), "late_fusion: inputs: empty");
        let text = "late_fusion: inputs: expected shape [2], got [1]";
        assert_eq!(refused(&[(4, 2), (4, 2)], &[(1, 3, 4)]), text);
        assert_eq!(refused(&[(4, 2)], &[(2, 0, 4)]), "mean_tokens: sample: empty");
        let text = "late_fusion: scores: expected shape [1, 2], got [1, 3]";
        assert_eq!(refused(&[(4, 2), (4, 3)], &[(1, 3, 4), (1, 2, 4)]), text);
        let text = "late_fusion: scores: expected shape [1, 2], got [2, 2]";
        assert_eq!(refused(&[(4, 2), (4, 2)], &[(1, 3, 4), (2, 2, 4)]), text);
        assert_eq!(refused(&[(5, 2)], &[(1, 3, 4)]), "linear: w: expected shape [4, 2], got [5, 2]");
    }
}
