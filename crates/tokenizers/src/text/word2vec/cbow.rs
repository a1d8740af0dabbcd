//! The mean of a context, which guesses the word in its middle.

use mmt_tensor::ops::lookup;
use mmt_tensor::{Error, Real, Result, check_index};
use ndarray::{Array2, ArrayRef2};

/// How much of the gradient of the mean each word of a context receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextShare {
    /// `1 / C`: the gradient of the loss.
    Mean,
    /// All of it: the released code, which divides by `C` forward but not backward. Not the gradient of its loss.
    Whole,
}

impl ContextShare {
    fn of<R: Real>(self, context: &[usize]) -> R {
        match self {
            ContextShare::Mean => R::of(1.0) / R::of(context.len() as f64),
            ContextShare::Whole => R::of(1.0),
        }
    }
}

/// The mean of the input vectors of the words around a gap; it guesses the word in the gap.
///
/// **eq-2.5-cbow**
/// ```math
/// h_i = \frac{1}{C_i} \sum_{c=1}^{C_i} E_{in}[w_{ic}], \qquad
/// \ell = \text{the loss of eq-2.4-skip-gram with } v_i = h_i \text{ and the word in the gap as } o_i
/// ```
///
/// `input: [words, d]`, `n` contexts → `h: [n, d]`
///
/// The order of a context does not matter, a word that stands in it twice counts twice, and a context of one word is a pair
/// of skip-gram.
///
/// Source: Mikolov, Chen, Corrado & Dean 2013, *Efficient Estimation of Word Representations in Vector Space*, section
/// 3.1; the mean, where the paper has a sum, is in the released code.
///
/// # Errors
/// [`Error::EmptyInput`] for no context and for a context without a word; [`Error::IndexOutOfRange`] for a word that is
/// not in the table; [`Error::NonFinite`] for NaN and infinities in rows that are read.
pub fn cbow<R: Real>(input: &ArrayRef2<R>, contexts: &[Vec<usize>]) -> Result<Array2<R>> {
    let mut words = contexts.iter().flatten();
    words.try_for_each(|&word| check_index("cbow: word", word, input.nrows()))?;
    if contexts.is_empty() || contexts.iter().any(Vec::is_empty) {
        return Err(Error::EmptyInput { at: "cbow: context" });
    }
    let mut h = Array2::zeros((contexts.len(), input.ncols()));
    for (context, mut h) in contexts.iter().zip(h.rows_mut()) {
        for row in lookup(input, context, None)?.rows() {
            h += &row;
        }
        h /= R::of(context.len() as f64);
    }
    Ok(h)
}

/// Gradient of [`cbow`]: adds to that of the input vectors.
///
/// **eq-2.5-cbow, backward**
/// ```math
/// \bar E_{in}[w_{ic}] \mathrel{+}= \frac{\bar h_i}{C_i} \quad \text{for } c = 1, \dots, C_i
/// ```
///
/// Derivation: `h_i = S_i E_in` with `S_{iw} = n_{iw} / C_i`, where `n_{iw}` is how often `w` stands in context `i`, so
/// ```math
/// \bar E_{in}[w] = \sum_i S_{iw}\, \bar h_i = \sum_i \frac{n_{iw}}{C_i}\, \bar h_i .
/// ```
pub fn cbow_backward<R: Real>(
    contexts: &[Vec<usize>],
    dh: &ArrayRef2<R>,
    share: ContextShare,
    dinput: &mut Array2<R>,
) {
    for (context, dh) in contexts.iter().zip(dh.rows()) {
        for &word in context {
            dinput.row_mut(word).scaled_add(share.of(context), &dh);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(input: Array2<f64>, contexts: &[Vec<usize>]) -> String {
        cbow(&input, contexts).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_context_is_refused() {
        assert_eq!(text(array![[1.0]], &[vec![0], vec![]]), "cbow: context: empty");
        assert_eq!(text(array![[1.0]], &[]), "cbow: context: empty");
    }

    #[test]
    fn words_outside_the_table_are_refused() {
        assert_eq!(text(array![[1.0]], &[vec![0, 1]]), "cbow: word: index 1 is outside a table of 1");
    }

    #[test]
    fn rows_that_are_not_finite_are_refused_where_they_are_read() {
        for bad in [f64::NAN, f64::INFINITY] {
            let input = array![[1.0], [bad]];
            assert_eq!(text(input.clone(), &[vec![0, 1]]), "lookup: table: not a finite number");
            assert!(cbow(&input, &[vec![0]]).is_ok());
        }
    }
}
