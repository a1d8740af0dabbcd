//! The text of a file.

use mmt_tensor::{Error, Result};

/// What some editors put before the first letter.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of a file as a text in UTF-8 whose lines end with LF or CR LF; a mark of the byte order is left out.
///
/// # Errors
/// [`Error::InvalidLine`] of what `at` names, with the first line that is not UTF-8, or that a carriage return alone ends.
pub fn text_of<'a>(bytes: &'a [u8], at: &'static str) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let wrong = |end: usize, why: &str| {
        let line = 1 + bytes[..end].iter().filter(|&&b| b == b'\n').count();
        Error::InvalidLine { at, line, why: why.to_string() }
    };
    let text = std::str::from_utf8(bytes).map_err(|e| wrong(e.valid_up_to(), "not UTF-8"))?;
    match text.match_indices('\r').find(|(end, _)| !text[end + 1..].starts_with('\n')) {
        Some((end, _)) => Err(wrong(end, "ends with a carriage return alone")),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_of_the_byte_order_is_no_letter() {
        assert_eq!(text_of(b"\xef\xbb\xbfa\r\nb", "file").unwrap(), "a\r\nb");
        assert_eq!(text_of(b"", "file").unwrap(), "");
    }

    #[test]
    fn wrong_lines_are_refused_by_number() {
        let text = |bytes| text_of(bytes, "file").unwrap_err().to_string();
        assert_eq!(text(b"a\nb\n\xff"), "file: line 3: not UTF-8");
        assert_eq!(text(b"a\r\nb\rc\n"), "file: line 2: ends with a carriage return alone");
        assert_eq!(text(b"a\r"), "file: line 1: ends with a carriage return alone");
    }
}
