//! The longest of many words at the beginning of a text.

use std::collections::VecDeque;
use std::ops::Range;

/// Words by their letters: a way from cell 0 along the bytes of a word ends at the cell of the word.
///
/// ```math
/// \text{child}(n, c) = \text{base}(n) + c \quad\text{if}\quad \text{parent}(\text{base}(n) + c) = n
/// ```
///
/// The cells of all nodes share one list, in which the children of one node lie in the gaps that those of others leave:
/// a step is an addition and a comparison.
///
/// Source: Aoe 1989, *An efficient digital search algorithm by using a double-array structure*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trie {
    cells: Vec<Cell>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    /// The node one byte before; [`NONE`] for a cell that is free.
    parent: u32,
    /// Where byte 0 would lie.
    base: u32,
    /// The number of the word that ends here, or [`NONE`].
    word: u32,
}

const NONE: u32 = u32::MAX;
/// The parent of cell 0: no node, and not free.
const ROOT: u32 = NONE - 1;
const FREE: Cell = Cell { parent: NONE, base: 0, word: NONE };

/// How many cells are tried before the children of a node are put behind all others.
const TRIES: usize = 16;

impl Trie {
    /// Bytes of all words together: less than this.
    pub const MOST: usize = (1 << 24) - 2;

    /// The trie of words with their numbers. Of equal words the smallest number counts.
    ///
    /// # Panics
    /// For words of [`MOST`](Self::MOST) bytes or numbers of about `2^32`.
    pub fn new(mut words: Vec<(&[u8], usize)>) -> Self {
        words.sort_unstable();
        words.dedup_by_key(|(bytes, _)| *bytes);
        let mut trie = Trie { cells: vec![FREE] };
        trie.cells[0].parent = ROOT;
        let mut gap = 0;
        // Nodes whose children have no cells yet: the words that pass through them, and how deep they lie.
        let mut open = VecDeque::from([(0, 0..words.len(), 0)]);
        while let Some((node, through, depth)) = open.pop_front() {
            let end = words[through.clone()].first().filter(|(bytes, _)| bytes.len() == depth);
            if let Some((_, number)) = end {
                trie.cells[node].word = short(*number);
            }
            let parts = parts(&words, through.start + usize::from(end.is_some())..through.end, depth);
            let base = trie.place(&parts, &mut gap);
            trie.cells[node].base = short(base);
            for (byte, part) in parts {
                trie.cells[base + usize::from(byte)].parent = short(node);
                open.push_back((base + usize::from(byte), part, depth + 1));
            }
        }
        trie
    }

    /// The length and the number of the longest word, of one byte at least, that `text` begins with.
    pub fn longest(&self, text: &[u8]) -> Option<(usize, usize)> {
        let (mut node, mut longest) = (0, None);
        let mut base = self.cells[0].base;
        for (i, byte) in text.iter().enumerate() {
            let child = base + u32::from(*byte);
            let Some(cell) = self.cells.get(child as usize).filter(|cell| cell.parent == node) else { break };
            (node, base) = (child, cell.base);
            if cell.word != NONE {
                longest = Some((i + 1, cell.word as usize));
            }
        }
        longest
    }

    /// A base at which the cells of some children are free; `gap` is where the first free cell may lie.
    fn place(&mut self, parts: &[(u8, Range<usize>)], gap: &mut usize) -> usize {
        let (Some((first, _)), Some((last, _))) = (parts.first(), parts.last()) else { return 0 };
        let (first, last) = (usize::from(*first), usize::from(*last));
        let free = |cell: usize| self.cells.get(cell).is_none_or(|cell| cell.parent == NONE);
        *gap = (*gap..).find(|&cell| free(cell)).expect("what lies behind all cells is free");
        let fits = |base: &usize| parts.iter().all(|(byte, _)| free(base + usize::from(*byte)));
        let tried = (first.max(*gap)..).take(TRIES);
        let base = tried.map(|cell| cell - first).find(fits).unwrap_or(self.cells.len());
        let size = self.cells.len().max(base + last + 1);
        self.cells.resize(size, FREE);
        base
    }
}

/// A place or a number in four bytes: half the memory, so that more of it is in the cache. Cells are no more than 256 for
/// each byte of the words.
fn short(x: usize) -> u32 {
    u32::try_from(x).ok().filter(|x| *x < NONE - 256).expect("words of less than `MOST` bytes")
}

/// Sorted words in groups of the same byte at `depth`.
fn parts(words: &[(&[u8], usize)], range: Range<usize>, depth: usize) -> Vec<(u8, Range<usize>)> {
    let mut parts = Vec::new();
    let mut from = range.start;
    while from < range.end {
        let byte = words[from].0[depth];
        let to = from + words[from..range.end].partition_point(|(bytes, _)| bytes[depth] == byte);
        parts.push((byte, from..to));
        from = to;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_word_wins_and_not_the_longest_way() {
        let trie = Trie::new(vec![(b"una", 0), (b"un", 1), (b"unaffable", 2), (b"x", 3)]);
        assert_eq!(trie.longest(b"unaffected"), Some((3, 0)));
        assert_eq!(trie.longest(b"unaffable!"), Some((9, 2)));
        assert_eq!(trie.longest(b"un"), Some((2, 1)));
        assert_eq!(trie.longest(b"u"), None);
        assert_eq!(trie.longest(b""), None);
        assert_eq!(trie.longest(b"yx"), None);
        assert_eq!(trie.longest(b"\0una"), None);
    }

    #[test]
    fn no_words_and_empty_words_match_nothing() {
        assert_eq!(Trie::new(vec![]).longest(b"a"), None);
        assert_eq!(Trie::new(vec![]).longest(b"\0"), None);
        assert_eq!(Trie::new(vec![(b"", 7)]).longest(b"\0"), None);
        assert_eq!(Trie::new(vec![(b"a", 0)]).longest(b"\0\0a"), None);
        assert_eq!(Trie::new(vec![(b"\0\0a", 0)]).longest(b"\0\0ab"), Some((3, 0)));
        assert_eq!(Trie::new(vec![(b"", 7)]).longest(b"a"), None);
        assert_eq!(Trie::new(vec![(b"", 7), (b"a", 8), (b"a", 9)]).longest(b"ab"), Some((1, 8)));
    }
}
