//! The loss that tells a true neighbor from drawn ones.

use mmt_tensor::ops::sum;
use mmt_tensor::parallel::contiguous;
use mmt_tensor::{
    Error, Real, Result, check_finite, check_index, check_not_empty, check_setting, check_shape, tree,
};
use ndarray::{Array1, Array2, ArrayRef2};

/// A word to be told from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// `o`, the word that stood there.
    pub target: usize,
    /// `k_1, .., k_K`, words drawn from the noise.
    pub negatives: Vec<usize>,
}

impl Guess {
    /// The target, then the negatives.
    fn words(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.target).chain(self.negatives.iter().copied())
    }
}

/// What stands for `σ` in the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slope {
    /// `σ(s)`: the gradient of the loss.
    Exact,
    /// `0` below `s = -6` and `1` above `s = 6`: the table of the released code. Not the gradient of any loss there.
    Table,
}

impl Slope {
    const BOUND: f64 = 6.0;

    fn sigmoid<R: Real>(self, s: R) -> R {
        match self {
            Slope::Table if s > R::of(Self::BOUND) => R::of(1.0),
            Slope::Table if s < R::of(-Self::BOUND) => R::of(0.0),
            _ => s.sigmoid(),
        }
    }
}

/// What [`negative_sampling_backward`] reads.
#[derive(Clone, Debug)]
pub struct NegativeSamplingTape<R> {
    /// The vectors that guess: `[n, d]`
    pub v: Array2<R>,
    /// `s`, one for each word of each guess, the target first.
    pub scores: Array1<R>,
    /// The words.
    pub guesses: Vec<Guess>,
}

tree!(NegativeSamplingTape { v, scores; guesses });

/// The loss of vectors that tell true words from drawn ones, by the products with the words' output vectors.
///
/// **eq-2.4-skip-gram**
/// ```math
/// \ell = \sum_i \Bigl( -\log \sigma(u_{o_i}^\top v_i) - \sum_{j=1}^K \log \sigma(-u_{k_{ij}}^\top v_i) \Bigr), \qquad
/// v_i = E_{in}[w_i], \quad u_k = E_{out}[k]
/// ```
///
/// `v: [n, d]`, `output: [words, d]`, one guess per row → a number, the sum over the rows
///
/// Skip-gram: the vector of a word guesses a word near it. `-log σ(s)` is computed as `max(-s, 0) + log(1 + e^{-|s|})`,
/// which neither overflows nor becomes `-log 0`. With `E_out = 0` the loss of a guess is `(K + 1) log 2`.
///
/// Source: Mikolov, Sutskever, Chen, Corrado & Dean 2013, *Distributed Representations of Words and Phrases and their
/// Compositionality*, eq. 4.
///
/// # Errors
/// [`Error::EmptyInput`] for no row; [`Error::ShapeMismatch`] for another number of guesses than rows or other widths;
/// [`Error::InvalidHyperparameter`] if there is no negative at all; [`Error::IndexOutOfRange`] for a word that has no
/// output vector; [`Error::NonFinite`] for NaN and infinities in vectors that are read, and for products that overflow.
pub fn negative_sampling<R: Real>(
    v: &ArrayRef2<R>,
    output: &ArrayRef2<R>,
    guesses: &[Guess],
) -> Result<(R, NegativeSamplingTape<R>)> {
    check(v, output, guesses)?;
    let (v, output) = (contiguous(v), contiguous(output));
    let row = |i: usize| v.row(i).to_slice().expect("standard layout");
    let word = |k: usize| output.row(k).to_slice().expect("standard layout");
    let (mut scores, mut losses) = (vec![], vec![]);
    for (i, guess) in guesses.iter().enumerate() {
        for (j, k) in guess.words().enumerate() {
            let s = sum::dot(word(k), row(i));
            scores.push(s);
            losses.push(softplus(if j == 0 { -s } else { s }));
        }
    }
    let loss = sum::sum(&losses);
    // An infinite score can have a loss of zero.
    if !loss.is_finite() || scores.iter().any(|s| !s.is_finite()) {
        check_finite("negative_sampling: v", &v)?;
        let mut read = guesses.iter().flat_map(Guess::words);
        read.try_for_each(|k| check_finite("negative_sampling: output", &output.row(k)))?;
        return Err(Error::NonFinite { at: "negative_sampling: score" });
    }
    let (v, scores) = (v.into_owned(), Array1::from_vec(scores));
    Ok((loss, NegativeSamplingTape { v, scores, guesses: guesses.to_vec() }))
}

fn check<R: Real>(v: &ArrayRef2<R>, output: &ArrayRef2<R>, guesses: &[Guess]) -> Result<()> {
    check_not_empty("negative_sampling: v", v)?;
    check_shape("negative_sampling: guesses", &[guesses.len()], &[v.nrows()])?;
    check_shape("negative_sampling: output", output.shape(), &[output.nrows(), v.ncols()])?;
    let drawn = guesses.iter().any(|guess| !guess.negatives.is_empty());
    check_setting("negative_sampling: negatives", drawn, || "there must be at least one".to_string())?;
    let mut words = guesses.iter().flat_map(Guess::words);
    words.try_for_each(|word| check_index("negative_sampling: word", word, output.nrows()))
}

/// `log(1 + e^x)`
fn softplus<R: Real>(x: R) -> R {
    x.max(R::of(0.0)) + (-x.abs()).exp().ln_1p()
}

/// Gradient of [`negative_sampling`]: returns `v̄`, adds to that of the output vectors.
///
/// **eq-2.4-skip-gram, backward**
/// ```math
/// a_i = \bar\ell\, \bigl( \sigma(u_{o_i}^\top v_i) - 1 \bigr), \quad
/// b_{ij} = \bar\ell\, \sigma(u_{k_{ij}}^\top v_i), \qquad
/// \bar v_i = a_i u_{o_i} + \sum_j b_{ij} u_{k_{ij}}, \qquad
/// \bar u_{o_i} \mathrel{+}= a_i v_i, \quad \bar u_{k_{ij}} \mathrel{+}= b_{ij} v_i
/// ```
///
/// Derivation: with `d/ds log σ(s) = 1 - σ(s)`,
/// ```math
/// \frac{d}{ds} \bigl( -\log \sigma(s) \bigr) = \sigma(s) - 1, \qquad
/// \frac{d}{ds} \bigl( -\log \sigma(-s) \bigr) = 1 - \sigma(-s) = \sigma(s),
/// ```
/// and `s = u'v` has the gradients `u` for `v` and `v` for `u`. A word that occurs several times collects all of its terms;
/// a word that does not occur has a gradient of exactly zero.
pub fn negative_sampling_backward<R: Real>(
    tape: &NegativeSamplingTape<R>,
    output: &ArrayRef2<R>,
    slope: Slope,
    dl: R,
    doutput: &mut Array2<R>,
) -> Array2<R> {
    let mut dv = Array2::zeros(tape.v.dim());
    let mut scores = tape.scores.iter();
    for (i, guess) in tape.guesses.iter().enumerate() {
        for (j, k) in guess.words().enumerate() {
            let p = slope.sigmoid(*scores.next().expect("one score per word"));
            let ds = dl * if j == 0 { p - R::of(1.0) } else { p };
            dv.row_mut(i).scaled_add(ds, &output.row(k));
            doutput.row_mut(k).scaled_add(ds, &tape.v.row(i));
        }
    }
    dv
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn guess(target: usize, negatives: &[usize]) -> Guess {
        Guess { target, negatives: negatives.to_vec() }
    }

    fn text(v: Array2<f64>, output: Array2<f64>, guesses: &[Guess]) -> String {
        negative_sampling(&v, &output, guesses).unwrap_err().to_string()
    }

    #[test]
    fn guesses_without_negatives_are_refused() {
        let error = text(array![[1.0], [1.0]], array![[1.0]], &[guess(0, &[]), guess(0, &[])]);
        assert_eq!(error, "negative_sampling: negatives: there must be at least one");
    }

    #[test]
    fn words_outside_the_table_are_refused() {
        let (v, output) = (array![[1.0]], array![[1.0], [2.0]]);
        for bad in [guess(2, &[0]), guess(0, &[1, 2])] {
            let error = text(v.clone(), output.clone(), &[bad]);
            assert_eq!(error, "negative_sampling: word: index 2 is outside a table of 2");
        }
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let error = text(array![[1.0]], array![[1.0, 2.0]], &[guess(0, &[0])]);
        assert_eq!(error, "negative_sampling: output: expected shape [1, 1], got [1, 2]");
        let error = text(array![[1.0]], array![[1.0]], &[]);
        assert_eq!(error, "negative_sampling: guesses: expected shape [1], got [0]");
        let error = text(Array2::zeros((0, 3)), Array2::zeros((2, 3)), &[]);
        assert_eq!(error, "negative_sampling: v: empty");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_where_they_are_read() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for sign in [1.0, -1.0] {
                let error = text(array![[bad]], array![[sign], [-sign]], &[guess(0, &[1])]);
                assert_eq!(error, "negative_sampling: v: not a finite number");
            }
            let output = array![[1.0], [bad], [0.0]];
            let error = text(array![[1.0]], output.clone(), &[guess(0, &[1])]);
            assert_eq!(error, "negative_sampling: output: not a finite number");
            assert!(negative_sampling(&array![[1.0]], &output, &[guess(0, &[2])]).is_ok());
        }
        for far in [1e200, -1e200] {
            let error = text(array![[1e200]], array![[far], [0.0]], &[guess(0, &[1])]);
            assert_eq!(error, "negative_sampling: score: not a finite number");
        }
    }

    #[test]
    fn the_table_of_the_released_code_saturates_at_six() {
        let (v, output) = (array![[1.0]], array![[6.5], [5.5], [-6.5]]);
        let (_, tape) = negative_sampling(&v, &output, &[guess(0, &[1, 2])]).unwrap();
        let mut doutput = Array2::zeros((3, 1));
        negative_sampling_backward(&tape, &output, Slope::Table, 1.0, &mut doutput);
        assert_eq!(doutput, array![[0.0], [Real::sigmoid(5.5)], [0.0]]);
    }
}
