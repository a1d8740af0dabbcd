//! `mmt tokens --text`: words and pieces of words.

use std::path::Path;

use mmt_lab::words::read_word_piece;
use mmt_report::figures::pieces::{Piece, PieceKind, pieces as drawing};
use mmt_tokenizers::text::words::for_each_word;
use mmt_tokenizers::text::{Reading, WordPiece};
use serde_json::json;

use super::{left_out, save};
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, table};

/// Most pieces that are read, as BERT does.
const LONGEST: usize = 512;

/// What a reader of the terminal may see of a text: no control letter, and none that turns the direction of writing.
fn visible(text: &str) -> String {
    let hidden = |c: char| {
        let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || turns
    };
    text.replace(hidden, "?")
}

/// The words of a text.
pub fn words(text: &str, svg: bool, terminal: &Terminal) -> Done {
    let mut rows = vec![];
    for_each_word(text, 0, Reading::UNCASED, |word| {
        rows.push((word.letters.clone(), word.span(0..word.letters.len())));
    });
    if rows.is_empty() {
        return Err(Failure::usage("--text: no word"));
    }
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut cells = vec![["word", "bytes"].map(|head| paint(BOLD, head)).to_vec()];
    let mut drawn = vec![];
    for (word, bytes) in rows {
        terminal.event("word", json!({ "word": word, "bytes": [bytes.start, bytes.end] }))?;
        cells.push(vec![visible(&word), format!("{}..{}", bytes.start, bytes.end)]);
        let typed = visible(&text[bytes]);
        drawn.push(Piece { piece: visible(&word), kind: PieceKind::Start, id: None, typed });
    }
    table(&[Align::Left, Align::Right], &cells).iter().try_for_each(|line| terminal.line(line))?;
    if svg {
        save("text", &drawing(&visible(text), &drawn), terminal)?;
    }
    terminal.advice("Pieces and their ids: --vocab vocab.txt, the file of a published model")?;
    Ok(Code::Ok)
}

/// The pieces of a text, as BERT reads them.
pub fn pieces(text: &str, vocab: &Path, svg: bool, terminal: &Terminal) -> Done {
    let reader = read_word_piece(vocab, Reading::UNCASED)?;
    let pieces = reader.pieces(text).len();
    if pieces == 0 {
        return Err(Failure::usage("--text: no word"));
    }
    let encoding = reader.encode(text, None, LONGEST)?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut cells = vec![["position", "id", "piece", "bytes"].map(|head| paint(BOLD, head)).to_vec()];
    let mut drawn = vec![];
    for (at, (&id, span)) in encoding.input.ids.iter().zip(&encoding.spans).enumerate() {
        let piece = reader.vocabulary().word(id)?;
        let bytes = span.as_ref().map(|span| [span.start, span.end]);
        terminal.event("token", json!({ "position": at, "id": id, "piece": piece, "bytes": bytes }))?;
        let typed = span.as_ref().map_or(String::new(), |span| visible(&text[span.clone()]));
        let kind = kind(&reader, id, piece, span.is_some());
        drawn.push(Piece { piece: visible(piece), kind, id: Some(id), typed });
        let bytes = bytes.map_or(String::new(), |[start, end]| format!("{start}..{end}"));
        cells.push(vec![at.to_string(), id.to_string(), visible(piece), bytes]);
    }
    let align = [Align::Right, Align::Right, Align::Left, Align::Right];
    table(&align, &cells).iter().try_for_each(|line| terminal.line(line))?;
    left_out(drawn.len(), pieces + 2, "first", terminal)?; // [CLS] and [SEP]
    if svg {
        save("text", &drawing(&visible(text), &drawn), terminal)?;
    }
    Ok(Code::Ok)
}

fn kind(reader: &WordPiece, id: usize, piece: &str, typed: bool) -> PieceKind {
    match piece {
        _ if !typed => PieceKind::Special,
        _ if reader.vocabulary().id("[UNK]") == Ok(id) => PieceKind::Unknown,
        _ if piece.starts_with("##") && piece.len() > 2 => PieceKind::Inside,
        _ => PieceKind::Start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_steer_a_terminal_are_not_shown() {
        assert_eq!(visible("a\u{1b}[1mb\u{202e}c\u{2067}d\u{e9}"), "a?[1mb?c?dé");
    }
}
