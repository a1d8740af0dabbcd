//! A table of words whose rows were learned elsewhere.

use std::collections::BTreeMap;

use mmt_blocks::Embedding;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::{Real, Result, check_finite, check_not_empty, check_setting, check_shape};
use ndarray::Array2;

use super::{VectorFile, Vocabulary};

/// The rows of a vocabulary, and which of them a file of vectors did not have.
#[derive(Clone, Debug)]
pub struct VectorTable<R> {
    /// `E: [V, d]`, to be looked up as it is, or trained on.
    pub embedding: Embedding<R>,
    /// Ids of words whose row is that of the word in lower case.
    pub lowered: Vec<usize>,
    /// Ids of words that the file has in no form: they all have the mean of its vectors.
    pub missing: Vec<usize>,
}

impl<R: Real> VectorFile<R> {
    /// The embedding of a vocabulary: for every word its vector.
    ///
    /// ```math
    /// E_i = \begin{cases}
    ///   v_w & w = \text{word}_i, \text{ if the file has it} \\
    ///   v_w & w = \text{word}_i \text{ in lower case, if it has that} \\
    ///   \frac 1n \sum_w v_w & \text{otherwise}
    /// \end{cases}
    /// ```
    ///
    /// `n` vectors of `d` numbers, `V` words → `E: [V, d]`
    ///
    /// Many files are of texts in lower case. The mean stands for what a word is on the whole when nothing is known of it: it
    /// is also where the marks `[CLS]`, `[SEP]`, .. of a BERT begin.
    ///
    /// ```
    /// use mmt_tokenizers::text::{VectorFile, Vocabulary};
    ///
    /// let file = VectorFile::<f64>::parse(b"the 1 0\ncat 0 4\n")?;
    /// let words = Vocabulary::new(["The", "cat", "sat"])?;
    /// let table = file.table(&words)?;
    /// assert_eq!(table.embedding.forward(&[0, 1, 2])?, ndarray::array![[1.0, 0.0], [0.0, 4.0], [0.5, 2.0]]);
    /// assert_eq!((table.lowered, table.missing), (vec![0], vec![2]));
    /// # Ok::<(), mmt_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NonFinite`](mmt_tensor::Error::NonFinite) for vectors whose mean is beyond the largest number, and for a NaN
    /// or an infinity in a file that was put together by hand. In such a file also
    /// [`Error::EmptyInput`](mmt_tensor::Error::EmptyInput) for no number,
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for another number of vectors than words, and
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for a word that stands twice.
    pub fn table(&self, vocabulary: &Vocabulary) -> Result<VectorTable<R>> {
        let n = self.words.len();
        let rows: BTreeMap<&str, usize> = self.words.iter().map(String::as_str).zip(0..).collect();
        check_setting("vectors: words", rows.len() == n, || "a word stands twice".to_string())?;
        check_shape("vectors", self.vectors.shape(), &[n, self.vectors.ncols()])?;
        check_not_empty("vectors", &self.vectors)?;
        check_finite("vectors", &self.vectors)?;
        let mean = column_sums(&self.vectors) / R::of(n as f64);
        check_finite("vectors: mean", &mean)?;
        let mut table = Array2::zeros((vocabulary.size(), self.vectors.ncols()));
        let (mut lowered, mut missing) = (vec![], vec![]);
        for (id, (word, mut row)) in vocabulary.words().zip(table.rows_mut()).enumerate() {
            let mut lower = || rows.get(&*word.to_lowercase()).inspect(|_| lowered.push(id));
            match rows.get(word).or_else(&mut lower) {
                Some(&found) => row.assign(&self.vectors.row(found)),
                None => {
                    row.assign(&mean);
                    missing.push(id);
                }
            }
        }
        Ok(VectorTable { embedding: Embedding { table }, lowered, missing })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn file() -> VectorFile<f64> {
        VectorFile::parse(b"3 2\nred 1 2\nRed 3 4\ngreen -1 0\n").unwrap()
    }

    fn words(list: &[&'static str]) -> Vocabulary {
        Vocabulary::new(list.iter().copied()).unwrap()
    }

    #[test]
    fn the_word_as_it_is_comes_before_the_word_in_lower_case() {
        let table = file().table(&words(&["Red", "GREEN", "red", "RED"])).unwrap();
        assert_eq!(table.embedding.table, array![[3.0, 4.0], [-1.0, 0.0], [1.0, 2.0], [1.0, 2.0]]);
        assert_eq!((table.lowered, table.missing), (vec![1, 3], vec![]));
    }

    #[test]
    fn words_without_a_vector_have_the_mean_and_are_named() {
        let table = file().table(&words(&["[CLS]", "green", "blue"])).unwrap();
        assert_eq!(table.embedding.table, array![[1.0, 2.0], [-1.0, 0.0], [1.0, 2.0]]);
        assert_eq!((table.lowered, table.missing), (vec![], vec![0, 2]));
    }

    /// Files of vectors have words that a vocabulary may not have, such as a space that does not break.
    #[test]
    fn a_word_of_the_file_that_is_no_word_of_a_vocabulary_does_no_harm() {
        let file = VectorFile::<f64>::parse("a\u{a0}b 1\nc 3\n".as_bytes()).unwrap();
        let table = file.table(&words(&["c", "d"])).unwrap();
        assert_eq!(table.embedding.table, array![[3.0], [2.0]]);
    }

    #[test]
    fn a_mean_beyond_the_largest_number_is_refused() {
        let file = VectorFile::<f32>::parse(b"a 3e38\nb 3e38\n").unwrap();
        assert_eq!(file.table(&words(&["a"])).unwrap_err().to_string(), "vectors: mean: not a finite number");
    }

    #[test]
    fn a_file_that_was_put_together_wrongly_is_refused() {
        let text = |words_of_file: &[&str], vectors| {
            let words_of_file = words_of_file.iter().map(|word| word.to_string()).collect();
            VectorFile::<f64> { words: words_of_file, vectors }.table(&words(&["a"])).unwrap_err().to_string()
        };
        assert_eq!(text(&["a", "b"], array![[1.0]]), "vectors: expected shape [2, 1], got [1, 1]");
        assert_eq!(text(&["a"], array![[f64::NAN]]), "vectors: not a finite number");
        assert_eq!(text(&["a", "a"], array![[1.0], [2.0]]), "vectors: words: a word stands twice");
        assert_eq!(text(&[], Array2::zeros((0, 1))), "vectors: empty");
    }
}
