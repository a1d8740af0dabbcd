//! The page of an experiment.

use crate::{html, svg};

/// A drawing with what is said about it.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// An `<svg>` element.
    pub svg: String,
    /// Below it.
    pub caption: String,
    /// The names of the columns of its numbers.
    pub head: Vec<String>,
    /// Its numbers.
    pub rows: Vec<Vec<String>>,
}

/// Drawings that belong together.
#[derive(Clone, Debug)]
pub struct Part {
    /// Above them.
    pub title: String,
    /// What they are about.
    pub about: String,
    /// Beside each other where there is room.
    pub small: bool,
    /// The drawings.
    pub drawings: Vec<Drawing>,
}

/// A claim with what was measured.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// In words.
    pub claim: String,
    /// `91.4 %`
    pub measured: String,
    /// `90.1 to 92.6 %`
    pub interval: String,
    /// `at least 84 %`
    pub band: String,
    /// Whether it holds.
    pub holds: bool,
}

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct Page {
    /// `x2-interaction`
    pub id: String,
    /// What is claimed.
    pub claim: String,
    /// Data and protocol.
    pub method: String,
    /// Short facts about the run.
    pub facts: Vec<String>,
    /// What has to be known to read the numbers.
    pub notes: Vec<String>,
    /// Claim by claim.
    pub verdicts: Vec<Verdict>,
    /// The figures.
    pub parts: Vec<Part>,
    /// What makes this page again.
    pub command: String,
}

/// The page.
pub fn page(page: &Page) -> String {
    let mut sections = vec![header(page), verdicts(page)];
    for (i, part) in page.parts.iter().enumerate() {
        sections.push(section(i + 2, &part.title, &drawings(part)));
    }
    let again = format!(
        "<p>The same bits for any number of threads.</p>\n<pre>{}</pre>\n",
        html::escape(&page.command)
    );
    sections.push(section(page.parts.len() + 2, "Again", &again));
    html::page(&page.id, &sections.concat())
}

fn section(number: usize, title: &str, body: &str) -> String {
    let title = html::escape(title);
    format!("<section>\n<h2><span class=\"n\">{number}</span>{title}</h2>\n{body}</section>\n")
}

fn header(page: &Page) -> String {
    let facts: String = page.facts.iter().map(|f| format!("<li>{}</li>", html::escape(f))).collect();
    let (claim, method) = (html::escape(&page.claim), html::escape(&page.method));
    let mut first = claim.chars();
    let claim = first.next().map_or(String::new(), |c| c.to_uppercase().chain(first).collect());
    format!(
        "<header>\n<h1>{claim}</h1>\n<p class=\"lead\">{method}</p>\n<ul class=\"facts\">{facts}</ul>\n</header>\n"
    )
}

fn verdicts(page: &Page) -> String {
    let row = |v: &Verdict| {
        let (class, word) = if v.holds { ("pass", "holds") } else { ("fail", "fails") };
        let cells = [&v.measured, &v.interval, &v.band].map(|c| format!("<td>{}</td>", html::escape(c)));
        let claim = html::escape(&v.claim);
        format!(
            "<tr><td class=\"claim\">{claim}</td>{}<td class=\"{class}\">{word}</td></tr>\n",
            cells.concat()
        )
    };
    let rows: String = page.verdicts.iter().map(row).collect();
    let notes: String = page.notes.iter().map(|note| format!("<p>{}</p>\n", html::escape(note))).collect();
    let body = format!(
        "<div class=\"scroll\"><table>\n<thead><tr><th>claim</th><th>measured</th><th>95 % interval</th><th>band</th><th></th></tr>\
         </thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n<div class=\"after\">{notes}</div>\n"
    );
    section(1, "Verdict", &body)
}

fn drawings(part: &Part) -> String {
    let one = |drawing: &Drawing| {
        let head: Vec<&str> = drawing.head.iter().map(String::as_str).collect();
        let caption = html::escape(&drawing.caption);
        if drawing.rows.is_empty() {
            // No larger than it was drawn.
            let width = svg::size(&drawing.svg).map_or(720.0, |size| size.0);
            let drawn = format!("<div style=\"max-width: {width}px\">{}</div>", drawing.svg);
            return format!("<figure>\n{drawn}\n<figcaption>{caption}</figcaption>\n</figure>\n");
        }
        let table = html::table(&head, &drawing.rows);
        if drawing.svg.is_empty() {
            return format!("<h3>{caption}</h3>\n{table}");
        }
        html::figure(&drawing.svg, &caption, &table)
    };
    let all: String = part.drawings.iter().map(one).collect();
    let all = if part.small { format!("<div class=\"panels\">\n{all}</div>\n") } else { all };
    format!("<p>{}</p>\n{all}", html::escape(&part.about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_loads_nothing_and_says_what_fails() {
        let verdict = Verdict {
            claim: "a < b".to_string(),
            measured: "1".to_string(),
            interval: String::new(),
            band: "at least 2".to_string(),
            holds: false,
        };
        let text = page(&Page {
            id: "x0".to_string(),
            claim: "claim".to_string(),
            method: "method".to_string(),
            facts: vec![],
            notes: vec![],
            verdicts: vec![verdict],
            parts: vec![],
            command: "mmt experiment run x0".to_string(),
        });
        assert!(
            text.contains("<td class=\"claim\">a &lt; b</td>")
                && text.contains("<td class=\"fail\">fails</td>")
        );
        assert!(text.contains("<h1>Claim</h1>"));
        for word in ["<script", "http", "src=", "@import", "url("] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
