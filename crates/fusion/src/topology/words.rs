//! Words, numbers and marks of the text of a topology.

use super::parse::{DEEPEST, ParseError, Read, Reader};

/// Words and numbers.
impl<'a> Reader<'a> {
    pub(super) fn error(&self, why: &str) -> ParseError {
        ParseError { offset: self.at, why: why.to_string() }
    }

    pub(super) fn space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    pub(super) fn take(&mut self, mark: &str) -> bool {
        self.space();
        let found = self.text[self.at..].starts_with(mark);
        self.at += if found { mark.len() } else { 0 };
        found
    }

    pub(super) fn expect(&mut self, mark: &str) -> Read<()> {
        if self.take(mark) { Ok(()) } else { Err(self.error(&format!("expected `{mark}`"))) }
    }

    /// Letters, digits and underscores; nothing, if something else follows.
    pub(super) fn word(&mut self) -> Read<&'a str> {
        self.space();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        Ok(&rest[..end])
    }

    pub(super) fn word_is(&self, word: &str) -> bool {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end] == word
    }

    pub(super) fn identifier(&mut self, what: &str) -> Read<String> {
        self.space();
        let start = self.at;
        let word = self.word()?.to_string();
        if word.is_empty() || KEYWORDS.contains(&word.as_str()) {
            self.at = start;
            return Err(self.error(&format!("expected {what}")));
        }
        Ok(word)
    }

    pub(super) fn count(&mut self) -> Read<usize> {
        self.space();
        let start = self.at;
        self.word()?
            .parse()
            .map_err(|_| ParseError { offset: start, why: "expected a number of at least 0".into() })
    }

    pub(super) fn number(&mut self) -> Read<f64> {
        self.space();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| [',', ')'].contains(&c) || c.is_whitespace()).unwrap_or(rest.len());
        let number: Option<f64> = rest[..end].parse().ok().filter(|number: &f64| number.is_finite());
        let Some(number) = number else { return Err(self.error("expected a weight")) };
        self.at += end;
        Ok(number)
    }

    pub(super) fn after_comma<T>(&mut self, read: fn(&mut Self) -> Read<T>) -> Read<T> {
        self.expect(",")?;
        read(self)
    }

    pub(super) fn tags(&mut self) -> Read<Vec<String>> {
        self.list('[', ']', |reader| reader.identifier("a modality or `_`"))
    }

    /// `(w, E)`
    pub(super) fn term(&mut self) -> Read<(f64, usize)> {
        self.expect("(")?;
        let weight = self.number()?;
        let x = self.after_comma(Reader::expression)?;
        self.expect(")")?;
        Ok((weight, x))
    }

    /// At least one, with commas between.
    pub(super) fn list<T>(
        &mut self,
        open: char,
        close: char,
        read: fn(&mut Self) -> Read<T>,
    ) -> Read<Vec<T>> {
        self.expect(open.encode_utf8(&mut [0; 4]))?;
        let mut list = vec![read(self)?];
        while self.take(",") {
            list.push(read(self)?);
        }
        self.expect(close.encode_utf8(&mut [0; 4]))?;
        Ok(list)
    }

    /// One expression inside another.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == DEEPEST {
            return Err(self.error(&format!("nested deeper than {DEEPEST} times")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

/// Words that are no names.
const KEYWORDS: [&str; 14] =
    ["In", "Learn", "Lin", "Sum", "Cat", "Seg", "Tf", "Ca", "Bi", "Out", "Mean", "Let", "in", "Tuple"];
