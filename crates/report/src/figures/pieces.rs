//! A sentence and the pieces that a model reads of it.

use crate::svg::{Anchor, Svg};

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    /// A mark that is in no text: `[CLS]`, `[SEP]`.
    Special,
    /// The beginning of a word.
    Start,
    /// The continuation of a word.
    Inside,
    /// A word without pieces.
    Unknown,
}

/// One token of a text.
#[derive(Clone, Debug)]
pub struct Piece {
    /// As in the vocabulary.
    pub piece: String,
    /// What it is.
    pub kind: PieceKind,
    /// Its row in the vocabulary, if there is one.
    pub id: Option<usize>,
    /// What stands in the text; empty for marks.
    pub typed: String,
}

const WIDTH: f64 = 760.0;
const LINE: f64 = 92.0;
const HEAD: f64 = 30.0;
const CHIP: f64 = 28.0;

/// Chips in lines: above each what was typed, below it its position and its row of the vocabulary. The pieces of a word have its
/// color and touch each other.
pub fn pieces(sentence: &str, list: &[Piece]) -> String {
    let places = places(list);
    let lines = places.iter().map(|place| place.1).max().unwrap_or(0) + 1;
    let title = format!("{} tokens of a sentence", list.len());
    let names: Vec<&str> = list.iter().map(|piece| piece.piece.as_str()).collect();
    let mut svg = Svg::new(WIDTH, HEAD + lines as f64 * LINE, &title, &names.join(" ")).with_margin(20.0);
    svg.text("heading", (0.0, 16.0), Anchor::Start, &shortened(sentence, 84));
    let mut word = 0;
    for (at, (piece, &(x, line, width))) in list.iter().zip(&places).enumerate() {
        let top = HEAD + line as f64 * LINE + 22.0;
        word += usize::from(piece.kind != PieceKind::Inside);
        let class = match piece.kind {
            PieceKind::Special => "chip special".to_string(),
            PieceKind::Unknown => "chip unknown".to_string(),
            _ => format!("chip c{}", word % 5),
        };
        svg.rect(&class, (x, top), (width, CHIP), 6.0);
        let middle = x + width / 2.0;
        svg.text("note", (middle, top - 7.0), Anchor::Middle, &piece.typed);
        svg.text("mono", (middle, top + 18.5), Anchor::Middle, &piece.piece);
        let id = piece.id.map_or(String::new(), |id| id.to_string());
        svg.text("mono small", (middle, top + CHIP + 15.0), Anchor::Middle, &id);
        svg.text("mono small", (middle, top + CHIP + 29.0), Anchor::Middle, &at.to_string());
    }
    svg.finish()
}

/// Left edge, line and width of every chip. A word is not torn apart if it fits into a line.
fn places(list: &[Piece]) -> Vec<(f64, usize, f64)> {
    let width = |piece: &Piece| {
        let letters = cells(&piece.piece).max(piece.id.map_or(0, |id| id.to_string().len()));
        (letters as f64 * 8.0 + 16.0).max(cells(&piece.typed) as f64 * 7.2 + 4.0).max(34.0)
    };
    let (mut x, mut line, mut found) = (0.0, 0, Vec::with_capacity(list.len()));
    let mut rest = list;
    while !rest.is_empty() {
        let length = 1 + rest[1..].iter().take_while(|piece| piece.kind == PieceKind::Inside).count();
        let (word, after) = rest.split_at(length);
        let whole: f64 = word.iter().map(|piece| width(piece) + 2.0).fold(0.0, |sum, w| sum + w);
        if x > 0.0 && x + whole > WIDTH {
            (x, line) = (0.0, line + 1);
        }
        for piece in word {
            if x > 0.0 && x + width(piece) > WIDTH {
                (x, line) = (0.0, line + 1);
            }
            found.push((x, line, width(piece)));
            x += width(piece) + 2.0;
        }
        x += 8.0;
        rest = after;
    }
    found
}

/// Letters as wide as those of Latin; those of Chinese, Japanese and Korean and pictures are twice as wide.
pub(crate) fn cells(text: &str) -> usize {
    text.chars()
        .map(|c| if matches!(u32::from(c), 0x1100..=0x115F | 0x2E80..=0xFFEF | 0x1F000..) { 2 } else { 1 })
        .sum()
}

/// At most so many letters of a text.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if cells(text) <= most {
        return text.to_string();
    }
    let mut short = String::new();
    for c in text.chars() {
        if cells(&short) + cells(c.encode_utf8(&mut [0; 4])) + 1 > most {
            break;
        }
        short.push(c);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(piece: &str, kind: PieceKind) -> Piece {
        Piece { piece: piece.to_string(), kind, id: Some(7), typed: piece.to_string() }
    }

    #[test]
    fn pieces_of_a_word_stay_in_one_line() {
        let word = |n: usize| {
            let inside = (1..n).map(|_| piece("##abcdefgh", PieceKind::Inside));
            [piece("abcdefgh", PieceKind::Start)].into_iter().chain(inside).collect::<Vec<_>>()
        };
        let list: Vec<Piece> = [word(4), word(5), word(2)].concat();
        let lines: Vec<usize> = places(&list).iter().map(|place| place.1).collect();
        assert_eq!(lines, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
        assert!(places(&list).iter().all(|(x, _, width)| x + width <= WIDTH));
        let long = places(&word(20));
        assert!(long.iter().all(|(x, _, width)| x + width <= WIDTH) && long.last().unwrap().1 > 0);
    }

    #[test]
    fn wide_letters_count_twice_and_long_sentences_are_cut() {
        assert_eq!([cells("café"), cells("日本"), cells("🙂")], [4, 4, 2]);
        assert_eq!(shortened("日本語", 4), "日…");
        assert_eq!(shortened("<ab>", 4), "<ab>");
    }

    #[test]
    fn marks_and_unknown_words_are_seen() {
        let list = [piece("[CLS]", PieceKind::Special), piece("[UNK]", PieceKind::Unknown)];
        let svg = pieces("a < b", &list);
        assert!(svg.contains("chip special") && svg.contains("chip unknown") && svg.contains("a &lt; b"));
    }
}
