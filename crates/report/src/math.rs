//! Formulas as MathML.

use pulldown_latex::config::{DisplayMode, RenderConfig};
use pulldown_latex::{Parser, Storage, mathml};

/// A formula as a `<math>` element, on a line of its own.
///
/// # Errors
/// What is wrong with the LaTeX, in one line.
pub fn display(latex: &str) -> Result<String, String> {
    render(latex, DisplayMode::Block)
}

/// A formula as a `<math>` element inside a line of text.
///
/// # Errors
/// As [`display`].
pub fn inline(latex: &str) -> Result<String, String> {
    render(latex, DisplayMode::Inline)
}

fn render(latex: &str, display_mode: DisplayMode) -> Result<String, String> {
    let latex = latex.trim();
    let storage = Storage::new();
    // The writer turns mistakes into red text; a page must not be written with them, so they are looked for first.
    let mistake = Parser::new(latex, &storage).find_map(Result::err);
    if let Some(error) = mistake {
        return Err(format!("`{latex}`: {error}").replace('\n', " "));
    }
    let mut html = String::new();
    let config = RenderConfig { display_mode, ..RenderConfig::default() };
    mathml::push_mathml(&mut html, Parser::new(latex, &storage), config).map_err(|e| e.to_string())?;
    Ok(entities(&html))
}

/// The writer leaves the relation `<` as it is, which has to be an entity between tags; it names a space by an entity
/// that HTML knows and XML does not; and it writes no space between two attributes of a bracket.
fn entities(html: &str) -> String {
    let mut fixed = String::with_capacity(html.len());
    for (i, c) in html.char_indices() {
        let tag = |next: char| next.is_ascii_alphabetic() || next == '/';
        if c == '<' && !html[i + 1..].starts_with(tag) {
            fixed.push_str("&lt;");
        } else {
            fixed.push(c);
        }
    }
    fixed.replace("&nbsp;", "&#160;").replace("\"minsize=", "\" minsize=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_becomes_mathml() {
        let html = display(r"p_i = \frac{e^{x_i}}{\sum_j e^{x_j}}").unwrap();
        assert!(html.starts_with("<math display=\"block\">"), "{html}");
        assert!(html.contains("<mfrac>") && html.ends_with("</math>"), "{html}");
        assert!(inline("x < y").unwrap().contains("<mo>&lt;</mo>"));
        let bracket = display(r"\bigl( \frac12 \Bigr)").unwrap();
        assert!(bracket.contains(" minsize=\"") && !bracket.contains("\"minsize"), "{bracket}");
    }

    #[test]
    fn wrong_latex_is_refused() {
        assert!(display(r"\frac{1}{").is_err());
        assert!(display(r"\nosuchcommand x").is_err());
    }
}
