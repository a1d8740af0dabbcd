//! The rule of every kind of node for the shape that it gives.

use std::collections::BTreeSet;

use mmt_tensor::{Error, Ragged, Result, check_setting, check_shape};

use super::shape::{Inputs, Segment, Sequence, Shape, is_kept, sequence, wrong};
use super::sizes::{LARGEST, check_size};
use super::{Node, Sizes};

/// The shape of one node, from those before it.
pub(super) fn shape(node: &Node, done: &[Shape], inputs: &Inputs, sizes: &Sizes) -> Result<Shape> {
    let at = |i: usize| sequence(done, i);
    let same = match node {
        Node::In { modality } => input(modality, inputs)?,
        Node::Learn { tokens, .. } => learned(*tokens, inputs, sizes)?,
        Node::Lin { x, .. } => Sequence { width: sizes.width, ..at(*x)?.clone() },
        Node::Sum { terms } => {
            if terms.iter().any(|(w, _)| !w.is_finite()) {
                return Err(Error::NonFinite { at: "topology: weights of a sum" });
            }
            let terms: Result<Vec<_>> = terms.iter().map(|(_, x)| at(*x)).collect();
            sum(&alike("topology: sum", terms?)?)
        }
        Node::Mean { parts } => {
            let parts: Result<Vec<_>> = parts.iter().map(|x| at(*x)).collect();
            sum(&alike("topology: mean", parts?)?)
        }
        Node::Cat { parts } => cat(&parts.iter().map(|x| at(*x)).collect::<Result<Vec<_>>>()?)?,
        Node::Seg { x, tags } => seg(at(*x)?, tags)?,
        Node::Tf { layers, x, .. } => {
            check_size("topology: layers", *layers)?;
            block(at(*x)?, sizes)?
        }
        Node::Ca { q, kv, .. } => {
            let (q, kv) = (block(at(*q)?, sizes)?, at(*kv)?);
            samples(&q, kv)?;
            not_empty(kv)?;
            q
        }
        Node::Bi { a, b, .. } => {
            let (a, b) = (block(at(*a)?, sizes)?, block(at(*b)?, sizes)?);
            samples(&a, &b)?;
            check_shape("topology: width of the second stream", &[b.width], &[a.width])?;
            return Ok(Shape::Pair(a, b));
        }
        Node::Out { x, index } => match (&done[*x], index) {
            (Shape::Pair(a, _), 0) => a.clone(),
            (Shape::Pair(_, b), 1) => b.clone(),
            (Shape::Pair(..), &index) => {
                return Err(Error::IndexOutOfRange { at: "topology: output of a pair", index, size: 2 });
            }
            (Shape::Sequence(_), _) => return wrong("a pair, and this is a sequence"),
        },
    };
    Ok(Shape::Sequence(same))
}

fn input(modality: &str, inputs: &Inputs) -> Result<Sequence> {
    let unknown = || Error::UnknownId { at: "topology: input", id: modality.to_string() };
    let (rows, width) = inputs.get(modality).ok_or_else(unknown)?;
    check_size("topology: width of an input", *width)?;
    check_size("topology: tokens of an input", rows.tokens())?;
    let origin = BTreeSet::from([modality.to_string()]);
    Ok(Sequence { width: *width, segments: vec![Segment { origin, rows: rows.clone() }] })
}

fn learned(tokens: usize, inputs: &Inputs, sizes: &Sizes) -> Result<Sequence> {
    check_size("topology: learned tokens", tokens)?;
    let Some((rows, _)) = inputs.values().next() else {
        return Err(Error::EmptyInput { at: "topology: inputs" });
    };
    let all = tokens.saturating_mul(rows.samples());
    check_size("topology: learned tokens", all)?;
    let rows = Ragged::even(rows.samples(), tokens);
    Ok(Sequence { width: sizes.width, segments: vec![Segment { origin: BTreeSet::new(), rows }] })
}

/// Sequences of one shape.
fn alike<'a>(at: &'static str, parts: Vec<&'a Sequence>) -> Result<Vec<&'a Sequence>> {
    let Some(first) = parts.first() else { return Err(Error::EmptyInput { at }) };
    for part in &parts {
        samples(first, part)?;
        check_shape(at, &[part.tokens(), part.width], &[first.tokens(), first.width])?;
        let (rows, want) = (part.rows(), first.rows());
        let differs = (0..want.samples()).find(|&b| rows.length(b) != want.length(b));
        if let Some(b) = differs {
            check_shape(at, &[rows.length(b), part.width], &[want.length(b), first.width])?;
        }
    }
    Ok(parts)
}

/// The layout of the first, with what belongs to whom united, if all layouts have the same lengths.
fn united(parts: &[&Sequence]) -> Option<Sequence> {
    let mut all = parts[0].clone();
    for part in parts {
        let same = part.segments.len() == all.segments.len()
            && part.segments.iter().zip(&all.segments).all(|(p, s)| p.rows == s.rows);
        if !same {
            return None;
        }
        for (segment, own) in all.segments.iter_mut().zip(&part.segments) {
            segment.origin.extend(own.origin.iter().cloned());
        }
    }
    Some(all)
}

fn sum(terms: &[&Sequence]) -> Sequence {
    united(terms).unwrap_or_else(|| {
        let origin = terms.iter().flat_map(|term| term.origin()).collect();
        Sequence { width: terms[0].width, segments: vec![Segment { origin, rows: terms[0].rows() }] }
    })
}

fn cat(parts: &[&Sequence]) -> Result<Sequence> {
    let Some(first) = parts.first() else { return Err(Error::EmptyInput { at: "topology: concatenation" }) };
    for part in parts {
        samples(first, part)?;
        check_shape("topology: concatenation", &[part.width], &[first.width])?;
    }
    let segments: Vec<Segment> = parts.iter().flat_map(|part| part.segments.iter().cloned()).collect();
    let joined = Sequence { width: first.width, segments };
    let (tokens, count) = (joined.tokens(), joined.segments.len());
    check_setting("topology: concatenation", tokens <= LARGEST && count <= 1 << 12, || {
        format!("{count} segments with {tokens} tokens are too many")
    })?;
    Ok(joined)
}

/// The segments that belong to the tags and to nobody else; `_` names those of nobody.
fn seg(x: &Sequence, tags: &[String]) -> Result<Sequence> {
    for (i, tag) in tags.iter().enumerate() {
        let has = |segment: &&Segment| {
            if tag == "_" { segment.origin.is_empty() } else { segment.origin.contains(tag) }
        };
        let count = x.segments.iter().filter(has).count();
        if count == 0 {
            return Err(Error::UnknownId { at: "topology: segment", id: tag.clone() });
        }
        if (count > 1 && tag != "_") || tags[..i].contains(tag) {
            return Err(Error::DuplicateModality { tag: tag.clone() });
        }
    }
    let kept: Vec<Segment> = x.segments.iter().filter(|segment| is_kept(segment, tags)).cloned().collect();
    let lost = tags.iter().find(|tag| **tag != "_" && !kept.iter().any(|s| s.origin.contains(*tag)));
    match lost {
        Some(tag) => Err(Error::UnknownId { at: "topology: segment", id: tag.clone() }),
        None if kept.is_empty() => Err(Error::EmptyInput { at: "topology: segments" }),
        None => Ok(Sequence { width: x.width, segments: kept }),
    }
}

/// The input of a block.
fn block(x: &Sequence, sizes: &Sizes) -> Result<Sequence> {
    if !x.width.is_multiple_of(sizes.heads) {
        return Err(Error::HeadDivisibility { width: x.width, heads: sizes.heads });
    }
    not_empty(x)?;
    Ok(x.clone())
}

fn not_empty(x: &Sequence) -> Result<()> {
    let empty = x.rows().lengths().any(|n| n == 0);
    if empty { Err(Error::EmptyInput { at: "topology: tokens" }) } else { Ok(()) }
}

fn samples(x: &Sequence, y: &Sequence) -> Result<()> {
    y.segments[0].rows.check_samples("topology: samples", x.segments[0].rows.samples())
}
