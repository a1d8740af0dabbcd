//! Vectors of words as files of text: word2vec and GloVe.

use std::collections::BTreeMap;

use mmt_tensor::{Error, Real, Result};
use ndarray::Array2;

use super::text_of;

/// Most numbers of a vector: a longer line is not a vector of a word.
const MOST: usize = 1 << 16;

/// Words with a vector each.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorFile<R> {
    /// In the order of the file.
    pub words: Vec<String>,
    /// `[words, d]`
    pub vectors: Array2<R>,
}

impl<R: Real> VectorFile<R> {
    /// Reads a text with one word and its numbers on every line, separated by spaces or tabs.
    ///
    /// A first line of two whole numbers is word2vec's, and says how many words follow and how long their vectors are; GloVe has
    /// none. All lines have as many numbers as the first one. An empty line may end the text.
    ///
    /// # Errors
    /// As [`text_of`]; [`Error::InvalidLine`] with the number of the line: for a line without numbers, one with more or fewer
    /// than the first, a word that stands in the text already, what is not a number, NaN and infinities, numbers outside the
    /// range of `R`, and another number of words than announced; [`Error::EmptyInput`] for no word.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = text_of(bytes, "vectors")?;
        let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim_end())).peekable();
        let header = lines.peek().and_then(|(_, line)| header(line));
        let mut file = Lines { width: None, seen: BTreeMap::new(), words: vec![], numbers: vec![] };
        let mut last = 0;
        for (number, line) in lines.skip(usize::from(header.is_some())) {
            last = number;
            if line.is_empty() && text.lines().count() == number {
                break;
            }
            file.add(number, line)?;
        }
        file.finish(header, last)
    }
}

/// What has been read.
struct Lines<'a, R> {
    /// Numbers per word, after the first.
    width: Option<usize>,
    /// The line of every word.
    seen: BTreeMap<&'a str, usize>,
    words: Vec<String>,
    numbers: Vec<R>,
}

impl<'a, R: Real> Lines<'a, R> {
    fn add(&mut self, number: usize, line: &'a str) -> Result<()> {
        let mut parts = line.split([' ', '\t']).filter(|part| !part.is_empty());
        let Some(word) = parts.next() else { return Err(invalid(number, "empty".to_string())) };
        let before = self.numbers.len();
        for part in parts.take(MOST + 1) {
            self.numbers.push(value(part).map_err(|why| invalid(number, why))?);
        }
        let (count, wanted) = (self.numbers.len() - before, self.width);
        match wanted {
            _ if count == 0 => return Err(invalid(number, format!("no numbers after {word:?}"))),
            _ if count > MOST => return Err(invalid(number, format!("more than {MOST} numbers"))),
            Some(wanted) if count != wanted => {
                return Err(invalid(number, format!("{count} numbers, the lines before have {wanted}")));
            }
            _ => self.width = Some(count),
        }
        if let Some(first) = self.seen.insert(word, number) {
            return Err(invalid(number, format!("{word:?} stands on line {first} already")));
        }
        self.words.push(word.to_string());
        Ok(())
    }

    fn finish(self, header: Option<(usize, usize)>, last: usize) -> Result<VectorFile<R>> {
        let (n, width) = (self.words.len(), self.width.unwrap_or(0));
        if let Some((words, numbers)) = header {
            if words != n {
                let why = format!("{n} words, the first line says {words}");
                return Err(invalid(last.max(1), why));
            }
            if numbers != width && n > 0 {
                return Err(invalid(2, format!("{width} numbers, the first line says {numbers}")));
            }
        }
        if n == 0 {
            return Err(Error::EmptyInput { at: "vectors: words" });
        }
        let vectors = Array2::from_shape_vec((n, width), self.numbers).expect("as many numbers per word");
        Ok(VectorFile { words: self.words, vectors })
    }
}

/// The two whole numbers of word2vec's first line.
fn header(line: &str) -> Option<(usize, usize)> {
    let (words, numbers) = line.split_once(' ')?;
    Some((words.parse().ok()?, numbers.trim().parse().ok()?))
}

fn value<R: Real>(part: &str) -> std::result::Result<R, String> {
    let number: f64 = part.parse().map_err(|_| format!("{part:?} is not a number"))?;
    let value = R::of(number);
    if value.is_finite() { Ok(value) } else { Err(format!("{part:?} is not a finite number")) }
}

fn invalid(line: usize, why: String) -> Error {
    Error::InvalidLine { at: "vectors", line, why }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        VectorFile::<f32>::parse(bytes).unwrap_err().to_string()
    }

    #[test]
    fn both_formats_are_read() {
        let want = VectorFile {
            words: vec!["the".into(), "Ünder".into()],
            vectors: array![[1.0, -2.5], [0.0, 3e-2]],
        };
        for bytes in ["2 2\nthe 1 -2.5\nÜnder 0 3e-2\n", "the 1 -2.5 \r\nÜnder\t0  3e-2\n\n"] {
            assert_eq!(VectorFile::<f64>::parse(bytes.as_bytes()).unwrap(), want);
        }
    }

    #[test]
    fn a_word_may_be_a_number() {
        let file = VectorFile::<f64>::parse(b"7 1.5\n8 2\n").unwrap();
        assert_eq!(file.words, ["7", "8"]);
    }

    #[test]
    fn ragged_rows_are_refused() {
        assert_eq!(text(b"a 1 2\nb 1\n"), "vectors: line 2: 1 numbers, the lines before have 2");
        assert_eq!(text(b"a 1\nb 1 2\n"), "vectors: line 2: 2 numbers, the lines before have 1");
        assert_eq!(text(b"a 1\nb\n"), "vectors: line 2: no numbers after \"b\"");
        assert_eq!(text(b"a 1\n\nb 1\n"), "vectors: line 2: empty");
    }

    #[test]
    fn words_that_stand_twice_are_refused() {
        assert_eq!(text(b"a 1\nb 2\na 1\n"), "vectors: line 3: \"a\" stands on line 1 already");
    }

    #[test]
    fn what_is_no_finite_number_is_refused() {
        assert_eq!(text(b"a 1\nb x\n"), "vectors: line 2: \"x\" is not a number");
        for bad in ["NaN", "inf", "-inf", "1e39", "1e999"] {
            let error = text(format!("a 1\nb {bad}\n").as_bytes());
            assert_eq!(error, format!("vectors: line 2: {bad:?} is not a finite number"));
        }
    }

    #[test]
    fn another_number_of_words_or_numbers_than_announced_is_refused() {
        assert_eq!(text(b"3 1\na 1\nb 2\n"), "vectors: line 3: 2 words, the first line says 3");
        assert_eq!(text(b"2 2\na 1\nb 2\n"), "vectors: line 2: 1 numbers, the first line says 2");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(text(b""), "vectors: words: empty");
        assert_eq!(text(b"0 0\n"), "vectors: words: empty");
        assert_eq!(text(b"a 1\nb \xff\n"), "vectors: line 2: not UTF-8");
    }
}
