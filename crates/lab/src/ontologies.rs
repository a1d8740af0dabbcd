//! Trees of codes from files.

use std::collections::BTreeMap;
use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::Error;
use mmt_tokenizers::ehr::Ontology;
use mmt_tokenizers::text::text_of;

/// The tree of a file; see [`parse_ontology`].
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the number of the line at which it stops being a tree.
pub fn read_ontology(path: &Path) -> Result<Ontology, FileError> {
    let tree = parse_ontology(&file::read_bytes(path)?);
    tree.map_err(|e| FileError { path: path.to_path_buf(), offset: None, why: e.to_string() })
}

/// A tree as a text: a line per code with the code, its class, the class of that, and so on to the root, parted by spaces. A line
/// that begins with `#` is a remark.
///
/// # Errors
/// [`Error::InvalidLine`] for what is not UTF-8, a code that is given twice, a name with two parents, a name above itself, and a
/// path that does not end at the root of the others: the first line with which it is so. [`Error::EmptyInput`] for no code.
pub fn parse_ontology(bytes: &[u8]) -> Result<Ontology, Error> {
    let text = text_of(bytes, "ontology")?;
    let lines = text.lines().map(str::trim).zip(1..);
    let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let (paths, numbers): (Vec<Vec<String>>, Vec<usize>) = lines
        .map(|(line, number)| (line.split_whitespace().map(str::to_string).collect::<Vec<_>>(), number))
        .unzip();
    if paths.is_empty() {
        return Err(Error::EmptyInput { at: "ontology" });
    }
    Ontology::of_paths(&paths).map_err(|error| {
        let (line, error) = first_wrong(&paths, error);
        let why = match error {
            Error::InvalidHyperparameter { why, .. } => why,
            other => other.to_string(),
        };
        // Names come from the file, and an error is one line that a terminal may show.
        let why = why.replace(char::is_control, "?");
        Error::InvalidLine { at: "ontology", line: numbers[line], why }
    })
}

/// For every code the number of the class right below the root that it lies in, counted as they are met.
pub fn groups(tree: &Ontology) -> Vec<usize> {
    let (mut numbers, mut known) = (BTreeMap::new(), vec![None; tree.nodes()]);
    let group = |&leaf: &usize| {
        let next = numbers.len();
        *numbers.entry(below_root(tree, leaf, &mut known)).or_insert(next)
    };
    tree.leaves().iter().map(group).collect()
}

/// The class right below the root that a node lies in. Every node is walked from once.
fn below_root(tree: &Ontology, leaf: usize, known: &mut [Option<usize>]) -> usize {
    let (mut path, mut node) = (vec![], leaf);
    let top = loop {
        if let Some(top) = known[node] {
            break top;
        }
        let Some(parent) = tree.parent(node) else { break *path.last().unwrap_or(&node) };
        path.push(node);
        node = parent;
    };
    path.into_iter().for_each(|node| known[node] = Some(top));
    top
}

/// The last line of the shortest beginning that is found not to be a tree, and what is wrong with that: what is wrong with two
/// lines stays wrong whatever follows, but for a class that a later line puts below the root.
fn first_wrong(paths: &[Vec<String>], mut error: Error) -> (usize, Error) {
    let (mut good, mut bad) = (0, paths.len());
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        match Ontology::of_paths(&paths[..middle]) {
            Ok(_) => good = middle,
            Err(earlier) => (bad, error) = (middle, earlier),
        }
    }
    (bad - 1, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        parse_ontology(bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_tree_is_read() {
        let tree = parse_ontology(b"# two codes\nI10 hypertension heart root\n\nJ45 lung root\n").unwrap();
        assert_eq!((tree.nodes(), tree.leaves().len(), tree.code("J45").unwrap()), (6, 2, 1));
        assert_eq!(groups(&tree), [0, 1]);
        let own = groups(&crate::data::ehr::diagnoses());
        assert!((0..48).all(|code| own[code] == code / 6));
    }

    /// Each of so many codes is the class of the one before it: nobody walks to the root from all of them.
    #[test]
    fn a_long_chain_is_read_at_once() {
        let lines: Vec<String> = (1..200_000).map(|i| format!("c{i} c{}\n", i - 1)).collect();
        let tree = parse_ontology(lines.concat().as_bytes()).unwrap();
        assert!(groups(&tree).iter().all(|&group| group == 0));
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_letter() {
        let tree = parse_ontology(b"\xef\xbb\xbfa root\r\nb root\r\n").unwrap();
        assert_eq!(tree.code("a").unwrap(), 0);
        assert_eq!(text(b"a root\rb root\r"), "ontology: line 1: ends with a carriage return alone");
    }

    #[test]
    fn what_is_no_tree_is_refused_with_its_line() {
        assert_eq!(text(b"a b root\nb a root\n"), "ontology: line 2: `b` lies below `root` and below `a`");
        assert_eq!(text(b"a root\n# again\na root\n"), "ontology: line 3: `a` is given twice");
        assert_eq!(text(b"x root\na b c a\n"), "ontology: line 2: `a` lies above itself");
        let root = "ontology: line 2: `trunk` has none, and is not the root `root`";
        assert_eq!(text(b"a root\nb trunk\nc root\n"), root);
        assert_eq!(text(b"a root\n\xff\n"), "ontology: line 2: not UTF-8");
        assert_eq!(text(b"# nothing\n"), "ontology: empty");
    }

    #[test]
    fn a_file_is_named() {
        let error = read_ontology(Path::new("none.txt")).unwrap_err();
        assert_eq!(error.to_string(), "none.txt: no such file or directory");
    }
}
