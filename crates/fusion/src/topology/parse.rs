//! From text to a topology.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use super::{Node, Topology};

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// From which byte of the text on.
    pub offset: usize,
    /// What was expected or is not allowed.
    pub why: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.why)
    }
}

impl std::error::Error for ParseError {}

/// A topology, and where in the text each of its nodes stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What the text says.
    pub topology: Topology,
    /// The bytes of every node.
    pub places: Vec<Range<usize>>,
}

/// Expressions inside each other, at most: nothing overflows, whatever the text.
pub(super) const DEEPEST: usize = 200;

/// Bytes of a text, at most.
const LONGEST: usize = 1 << 20;

/// Reads a topology.
///
/// # Errors
/// [`ParseError`] for a text that is no expression, is nested deeper than 200 times, or is longer than a mebibyte.
pub fn parse(text: &str) -> Result<Parsed, ParseError> {
    if text.len() > LONGEST {
        return Err(ParseError { offset: LONGEST, why: format!("the text is longer than {LONGEST} bytes") });
    }
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
        nodes: vec![],
        places: vec![],
        inputs: HashMap::new(),
        names: vec![],
    };
    let outputs = reader.outermost()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.error("expected the end"));
    }
    let topology = Topology::new(reader.nodes, outputs).expect("nodes that read earlier ones");
    Ok(Parsed { topology, places: reader.places })
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) depth: usize,
    nodes: Vec<Node>,
    places: Vec<Range<usize>>,
    inputs: HashMap<String, usize>,
    names: Vec<(String, usize)>,
}

pub(super) type Read<T> = Result<T, ParseError>;

impl<'a> Reader<'a> {
    /// An expression or a tuple of them, after any number of names.
    fn outermost(&mut self) -> Read<Vec<usize>> {
        self.deeper(|reader| {
            reader.space();
            if reader.word_is("Let") {
                reader.name()?;
                let outputs = reader.outermost()?;
                reader.names.pop();
                return Ok(outputs);
            }
            if reader.word_is("Tuple") {
                reader.word()?;
                return reader.list('[', ']', Self::expression);
            }
            Ok(vec![reader.expression()?])
        })
    }

    /// `Let x = E in`
    fn name(&mut self) -> Read<()> {
        self.word()?;
        let name = self.identifier("a name")?;
        self.expect("=")?;
        let bound = self.expression()?;
        self.space();
        let at = self.at;
        if self.word()? != "in" {
            self.at = at;
            return Err(self.error("expected `in`"));
        }
        self.names.push((name, bound));
        Ok(())
    }

    pub(super) fn expression(&mut self) -> Read<usize> {
        self.deeper(|reader| {
            reader.space();
            let start = reader.at;
            let word = reader.word()?;
            let node = match word {
                "Let" => {
                    reader.at = start;
                    reader.name()?;
                    let body = reader.expression()?;
                    reader.names.pop();
                    return Ok(body);
                }
                "In" => {
                    let modality = reader.identifier("a modality")?;
                    if let Some(&node) = reader.inputs.get(&modality) {
                        return Ok(node);
                    }
                    reader.inputs.insert(modality.clone(), reader.nodes.len());
                    Node::In { modality }
                }
                "Sum" => Node::Sum { terms: reader.list('[', ']', Self::term)? },
                "Cat" => Node::Cat { parts: reader.list('[', ']', Self::expression)? },
                "Mean" => Node::Mean { parts: reader.list('[', ']', Self::expression)? },
                "Learn" | "Lin" | "Seg" | "Tf" | "Ca" | "Bi" | "Out" => reader.call(word)?,
                "Tuple" => {
                    reader.at = start;
                    return Err(reader.error("a tuple stands outermost"));
                }
                name => match reader.names.iter().rev().find(|(known, _)| known == name) {
                    Some(&(_, node)) => return Ok(node),
                    None => {
                        reader.at = start;
                        let why = if name.is_empty() {
                            "expected an expression".into()
                        } else {
                            format!("`{name}` has no meaning here")
                        };
                        return Err(reader.error(&why));
                    }
                },
            };
            reader.nodes.push(node);
            reader.places.push(start..reader.at);
            Ok(reader.nodes.len() - 1)
        })
    }

    /// What stands in parentheses.
    fn call(&mut self, word: &str) -> Read<Node> {
        self.expect("(")?;
        let id = match word {
            "Seg" | "Out" => String::new(),
            _ => self.identifier("an id")?,
        };
        let node = match word {
            "Learn" => Node::Learn { id, tokens: self.after_comma(Self::count)? },
            "Lin" => Node::Lin { id, x: self.after_comma(Self::expression)? },
            "Seg" => Node::Seg { x: self.expression()?, tags: self.after_comma(Self::tags)? },
            "Tf" => Node::Tf {
                id,
                layers: self.after_comma(Self::count)?,
                x: self.after_comma(Self::expression)?,
            },
            "Ca" => Node::Ca {
                id,
                q: self.after_comma(Self::expression)?,
                kv: self.after_comma(Self::expression)?,
            },
            "Bi" => Node::Bi {
                id,
                a: self.after_comma(Self::expression)?,
                b: self.after_comma(Self::expression)?,
            },
            _ => Node::Out { x: self.expression()?, index: self.after_comma(Self::count)? },
        };
        self.expect(")")?;
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (usize, String) {
        let error = parse(text).unwrap_err();
        (error.offset, error.why)
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        for (text, offset, why) in [
            ("", 0, "expected an expression"),
            ("Tf(1, 2, In a) In t", 15, "expected the end"),
            ("Tf(1, 2 In a)", 8, "expected `,`"),
            ("Tf(1, x, In a)", 6, "expected a number of at least 0"),
            ("Tf(, 2, In a)", 3, "expected an id"),
            ("Cat[]", 4, "expected an expression"),
            ("Cat[In a, u]", 10, "`u` has no meaning here"),
            ("Let u = In a In t", 13, "expected `in`"),
            ("Let in = In a in In t", 4, "expected a name"),
            ("Sum[(much, In a)]", 5, "expected a weight"),
            ("Sum[(inf, In a)]", 5, "expected a weight"),
            ("Cat[Tuple[In a], In t]", 4, "a tuple stands outermost"),
            ("In Cat", 3, "expected a modality"),
            ("Seg(In a, [é])", 11, "expected a modality or `_`"),
            ("Let u = In a in Cat[Let u = In t in u, u, v]", 42, "`v` has no meaning here"),
        ] {
            assert_eq!(wrong(text), (offset, why.to_string()), "{text}");
        }
    }

    #[test]
    fn deep_and_long_texts_are_refused() {
        let (_, why) = wrong(&"Cat[".repeat(100_000));
        assert_eq!(why, "nested deeper than 200 times");
        let (_, why) = wrong(&"Let x = In a in ".repeat(50_000));
        assert_eq!(why, "nested deeper than 200 times");
        let (_, why) = wrong(&" ".repeat(LONGEST + 1));
        assert_eq!(why, "the text is longer than 1048576 bytes");
    }

    #[test]
    fn white_space_is_free_everywhere() {
        let spread = "Sum[(\t0.5\t,\nIn a\n), (1\n, In t)]";
        assert_eq!(parse(spread).unwrap().topology, parse("Sum[(0.5, In a), (1, In t)]").unwrap().topology);
    }

    #[test]
    fn names_are_nodes_and_places_are_known() {
        let text = "Let u = Tf(1, 2, In a) in Cat[u, In t, u]";
        let Parsed { topology, places } = parse(text).unwrap();
        assert_eq!(topology.nodes()[3], Node::Cat { parts: vec![1, 2, 1] });
        assert_eq!(&text[places[1].clone()], "Tf(1, 2, In a)");
        assert_eq!(topology.outputs(), [3]);
    }
}
