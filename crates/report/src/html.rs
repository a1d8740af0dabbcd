//! Pages.

/// `text` with the five characters that mean something in HTML written as entities, and `\u{fffd}` for what XML has no place for.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => {
                escaped.push(char::REPLACEMENT_CHARACTER)
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// A page: `body` is HTML, everything else is text.
pub fn page(title: &str, body: &str) -> String {
    let style = include_str!("style.css");
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta name=\"generator\" content=\"mmt\"/>\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A figure: a drawing, a caption (HTML), and its numbers behind a fold.
pub fn figure(drawing: &str, caption: &str, table: &str) -> String {
    format!(
        "<figure>\n{drawing}\n<figcaption>{caption}</figcaption>\n\
         <details><summary>Numbers</summary>\n{table}</details>\n</figure>\n"
    )
}

/// A table of text.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let row = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells: String = cells.map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let body: String = rows.iter().map(|cells| row("td", &mut cells.iter().map(String::as_str))).collect();
    let head = row("th", &mut head.iter().copied());
    format!("<div class=\"scroll\"><table>\n<thead>{head}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
        assert_eq!(
            escape("a\u{0}\u{1b}\u{ffff}\u{fffe}\n"),
            "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\n",
            "XML has no place for them"
        );
        assert!(table(&["<b>"], &[vec!["<i>".into()]]).contains("<th>&lt;b&gt;</th>"));
        assert!(page("<script>", "").contains("<title>&lt;script&gt;</title>"));
    }
}
