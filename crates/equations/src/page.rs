//! The page of equations: from the doc comments of the sources to `docs/equations.md`, and back.
//!
//! A formula is written once, in the doc comment of its code. The page is made from the comments by a test, and the
//! program reads formulas from the page, so that it needs no sources at run time.

use std::fmt::Write;

/// What the doc comments say about one formula. Texts are Markdown with formulas in `math` fences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// The id: `eq-0.2-softmax`.
    pub id: String,
    /// The section of the note.
    pub section: String,
    /// The sentence that names the thing in words.
    pub title: String,
    /// The line of shapes.
    pub shapes: String,
    /// The formula, how it is computed, and the source.
    pub forward: String,
    /// The formulas of the gradient and their derivation; empty if nothing is differentiated.
    pub backward: String,
    /// The path of the function or module.
    pub code: String,
    /// The file, from the root of the workspace.
    pub file: String,
}

impl Card {
    /// All formulas of both parts, in LaTeX.
    pub fn formulas(&self) -> impl Iterator<Item = String> {
        fences(&self.forward).into_iter().chain(fences(&self.backward))
    }

    /// The formula of the gradient, in LaTeX; empty if nothing is differentiated.
    pub fn gradient(&self) -> String {
        fences(&self.backward).into_iter().next().unwrap_or_default()
    }

    /// The formula itself, in LaTeX.
    pub fn formula(&self) -> String {
        fences(&self.forward).into_iter().next().unwrap_or_default()
    }
}

/// The contents of the `math` fences of a text.
fn fences(text: &str) -> Vec<String> {
    let parts = text.split("```math\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap_or_default().to_string()).collect()
}

/// One mark of a source file: `**eq-id**` or `**eq-id, backward**`, and what stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The id, without `, backward`.
    pub id: String,
    /// Whether it marks the backward.
    pub backward: bool,
    /// The first paragraph of the comment, if no other mark of the comment has claimed it.
    pub title: String,
    /// What follows the mark, up to the next mark, `# Errors`, or the end of the comment.
    pub text: String,
}

/// All marks of a source file.
pub fn marks(source: &str) -> Vec<Mark> {
    comments(source).iter().flat_map(|comment| marks_of(comment)).collect()
}

/// The doc comments of a source file, without their slashes.
fn comments(source: &str) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = vec![Vec::new()];
    for line in source.lines() {
        match line.trim_start().strip_prefix("///") {
            Some(text) => {
                let text = text.strip_prefix(' ').unwrap_or(text);
                all.last_mut().expect("never empty").push(text.trim_end());
            }
            None => all.push(Vec::new()),
        }
    }
    all.retain(|comment| !comment.is_empty());
    all
}

fn marks_of(comment: &[&str]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    let mut title = Some(paragraph(comment));
    let mut open = false;
    for line in comment {
        if let Some((id, backward, rest)) = mark(line) {
            let title = title.take().unwrap_or_default();
            let rest = rest.trim_start_matches([',', ' ']);
            let text = if rest.is_empty() { String::new() } else { format!("{}\n", capital(rest)) };
            marks.push(Mark { id, backward, title, text });
            open = true;
        } else if line.starts_with("# ") {
            open = false;
        } else if let (true, Some(last)) = (open, marks.last_mut()) {
            last.text.push_str(line);
            last.text.push('\n');
        }
    }
    for mark in &mut marks {
        mark.title = without_links(&mark.title);
        mark.text = without_links(mark.text.trim());
    }
    marks
}

/// Id, whether backward, and what else stands on the line.
fn mark(line: &str) -> Option<(String, bool, &str)> {
    let (id, rest) = line.strip_prefix("**eq-")?.split_once("**")?;
    let (id, backward) = id.strip_suffix(", backward").map_or((id, false), |id| (id, true));
    Some((format!("eq-{id}"), backward, rest))
}

fn paragraph(comment: &[&str]) -> String {
    let lines: Vec<&str> = comment.iter().take_while(|line| !line.is_empty()).copied().collect();
    if lines.iter().any(|line| mark(line).is_some()) { String::new() } else { lines.join(" ") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Links between items of the code mean nothing on a page: of ``[`a`]`` and ``[`a`](b)`` remains `` `a` ``.
fn without_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("[`") {
        let (before, link) = rest.split_at(at);
        out.push_str(before);
        let Some((name, after)) = link[2..].split_once("`]") else {
            out.push_str(link);
            return out;
        };
        write!(out, "`{name}`").expect("a string takes all");
        rest = after;
        if let Some(target) = after.strip_prefix('(') {
            rest = end_of_target(target).map_or(after, |end| &target[end..]);
        }
    }
    out.push_str(rest);
    out
}

/// Where the target of a link ends: behind the parenthesis that closes it.
fn end_of_target(target: &str) -> Option<usize> {
    let mut depth = 1;
    for (i, c) in target.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i + 1);
        }
    }
    None
}

/// The card of a row, from the marks of its file.
pub fn card(section: &str, code: &str, file: &str, forward: &Mark, backward: Option<&Mark>) -> Card {
    let paragraphs: Vec<&str> = split_paragraphs(&forward.text);
    let shapes = paragraphs.iter().find(|text| is_shapes(text)).copied().unwrap_or_default();
    let rest: Vec<&str> = paragraphs.into_iter().filter(|text| *text != shapes).collect();
    let backward = backward.map_or(String::new(), |mark| {
        let title = if mark.title.is_empty() { String::new() } else { format!("{}\n\n", mark.title) };
        format!("{title}{}", mark.text)
    });
    Card {
        id: forward.id.clone(),
        section: section.to_string(),
        title: forward.title.clone(),
        shapes: shapes.to_string(),
        forward: rest.join("\n\n"),
        backward,
        code: code.to_string(),
        file: file.to_string(),
    }
}

/// A line of shapes begins with a name and its shape, and has an arrow.
fn is_shapes(text: &str) -> bool {
    text.starts_with('`') && text.contains(": [") && text.contains('→')
}

/// Paragraphs, of which a fence is one with the lines that touch it.
fn split_paragraphs(text: &str) -> Vec<&str> {
    text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The whole page.
pub fn render(cards: &[Card]) -> String {
    let mut page =
        String::from("# Equations\n\nWritten by `just equations` from the doc comments of the code.\n");
    for Card { id, section, title, shapes, forward, backward, code, file } in cards {
        write!(page, "\n## §{section} {id}\n").expect("a string takes all");
        for part in [title, shapes, forward] {
            if !part.is_empty() {
                write!(page, "\n{part}\n").expect("a string takes all");
            }
        }
        if !backward.is_empty() {
            write!(page, "\n### Backward\n\n{backward}\n").expect("a string takes all");
        }
        write!(page, "\n`{code}` in [{file}](../{file})\n").expect("a string takes all");
    }
    page
}

/// The cards of a page that [`render`] wrote.
pub fn parse(page: &str) -> Vec<Card> {
    page.split("\n## §").skip(1).filter_map(parse_card).collect()
}

fn parse_card(text: &str) -> Option<Card> {
    let (heading, rest) = text.split_once('\n')?;
    let (section, id) = heading.split_once(' ')?;
    let (rest, place) = rest.trim().rsplit_once("\n\n")?;
    let (code, file) = place.strip_prefix('`')?.split_once("` in [")?;
    let file = file.split_once(']')?.0;
    let (forward, backward) = rest.split_once("\n### Backward\n").unwrap_or((rest, ""));
    let mut parts = forward.trim().splitn(2, "\n\n");
    let title = parts.next()?;
    let rest = parts.next().unwrap_or_default();
    let (shapes, forward) = match rest.split_once("\n\n") {
        Some((shapes, rest)) if is_shapes(shapes) => (shapes, rest),
        _ => ("", rest),
    };
    let own = |text: &str| text.trim().to_string();
    Some(Card {
        id: own(id),
        section: own(section),
        title: own(title),
        shapes: own(shapes),
        forward: own(forward),
        backward: own(backward),
        code: own(code),
        file: own(file),
    })
}
