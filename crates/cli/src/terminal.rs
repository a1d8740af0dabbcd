//! The only place that writes to the terminal: lines, tables, events, progress.

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use unicode_normalization::char::decompose_canonical;

use crate::failure::Failure;

/// Headings and names.
pub const BOLD: Style = Style::new().bold();
/// What passed.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub const FAINT: Style = Style::new().dimmed();

/// `text` in a style; the colors are dropped where nobody wants them.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Options that every verb understands.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Options {
    /// Number of threads; the results do not depend on it
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Where random numbers start
    #[arg(long, global = true, value_name = "N", default_value_t = 2023)]
    pub seed: u64,
    /// Number type; each verb has its own default
    #[arg(long, global = true, value_enum)]
    pub precision: Option<Precision>,
    /// One JSON object per line, and nothing else, on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Results only: no first line, no progress, no advice
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// More detail
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Colors
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Folder for everything that is written [default: target/mmt]
    #[arg(long, global = true, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

impl Options {
    /// Where things are written.
    pub fn out(&self) -> &Path {
        self.out.as_deref().unwrap_or(Path::new("target/mmt"))
    }
}

/// A number type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Single
    F32,
    /// Double
    F64,
}

impl Precision {
    /// As typed.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }
}

/// When to use colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The terminal, as the reader wants it. Text goes nowhere with `--json`, and events go nowhere without it.
pub struct Terminal {
    /// The global options.
    pub options: Options,
    ascii: bool,
    plain: bool,
    stdout: RefCell<anstream::AutoStream<io::Stdout>>,
}

impl Terminal {
    /// Sets colors for the whole program.
    pub fn new(options: Options) -> Self {
        match options.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::AlwaysAnsi,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        let stdout = anstream::AutoStream::auto(io::stdout());
        let plain = stdout.current_choice() == anstream::ColorChoice::Never;
        Terminal { options, ascii: !locale_is_utf8(), plain, stdout: RefCell::new(stdout) }
    }

    /// The first line: version, number type, threads, seed. `note` follows if it is not empty.
    pub fn start(&self, precision: Precision, note: &str) -> Result<(), Failure> {
        let (version, threads) = (env!("CARGO_PKG_VERSION"), rayon::current_num_threads());
        let (precision, seed) = (precision.name(), self.options.seed);
        self.event(
            "start",
            json!({ "version": version, "precision": precision, "threads": threads, "seed": seed }),
        )?;
        if self.options.quiet {
            return Ok(());
        }
        let gap = if note.is_empty() { "" } else { "   " };
        let plural = if threads == 1 { "" } else { "s" };
        let first = paint(BOLD, format_args!("mmt {version}"));
        self.line(format_args!("{first}   {precision}   {threads} thread{plural}   seed {seed}{gap}{note}"))
    }

    /// The number type that was asked for, or the verb's own.
    pub fn precision(&self, default: Precision) -> Precision {
        self.options.precision.unwrap_or(default)
    }

    /// The first line of a verb that computes in one number type only.
    pub fn start_only(&self, precision: Precision, verb: &str) -> Result<(), Failure> {
        self.only(precision, verb)?;
        self.start(precision, "")
    }

    /// Refuses another number type than the one that a verb computes in.
    pub fn only(&self, precision: Precision, verb: &str) -> Result<(), Failure> {
        if self.options.precision.is_some_and(|asked| asked != precision) {
            return Err(Failure::usage(format!("mmt {verb} computes in {} only", precision.name())));
        }
        Ok(())
    }

    /// One line, or several, of text.
    pub fn line(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.options.json {
            return Ok(());
        }
        let text = text.to_string();
        let text = if self.ascii { ascii(&text) } else { text };
        if self.plain {
            return Ok(writeln!(io::stdout(), "{}", unpainted(&text))?);
        }
        Ok(writeln!(self.stdout.borrow_mut(), "{text}")?)
    }

    /// Advice: a line that `--quiet` leaves out.
    pub fn advice(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        if self.options.quiet { Ok(()) } else { self.line(text) }
    }

    /// One JSON object; `fields` is an object.
    pub fn event(&self, event: &str, fields: Value) -> Result<(), Failure> {
        if !self.options.json {
            return Ok(());
        }
        let mut object = json!({ "schema": "mmt-event/1", "event": event });
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
            object.extend(fields);
        }
        // Not through the stream that drops colors: a JSON string may hold anything.
        let mut stdout = io::stdout().lock();
        Ok(writeln!(stdout, "{object}")?)
    }

    /// A line on standard error, whatever the options.
    pub fn complain(&self, text: &str) {
        let text = if self.ascii { ascii(text) } else { text.to_string() };
        // If even this cannot be written, the exit code remains.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// A bar on standard error with a message behind it, for a training.
    pub fn bar(&self, length: u64, name: &str) -> ProgressBar {
        let style = ProgressStyle::with_template("     {prefix:12} {bar:28} {pos:>5}/{len}   {msg}")
            .expect("a valid template")
            .progress_chars(if self.ascii { "##." } else { "██░" });
        self.progress(length, "").with_style(style).with_prefix(name.to_string())
    }

    /// A bar on standard error for `length` steps; invisible unless standard error is a terminal.
    pub fn progress(&self, length: u64, name: &str) -> ProgressBar {
        let hidden = self.options.quiet || self.options.json;
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let style = ProgressStyle::with_template("{msg:20} {bar:40} {pos}/{len} {elapsed}")
            .expect("a valid template")
            .progress_chars(if self.ascii { "##." } else { "██░" });
        ProgressBar::with_draw_target(Some(length), target).with_style(style).with_message(name.to_string())
    }

    /// Sends out what is still held back.
    pub fn flush(&self) -> Result<(), Failure> {
        Ok(self.stdout.borrow_mut().flush()?)
    }
}

/// Whether the environment asks for UTF-8, by the rules of POSIX; on Windows the terminal takes it always.
fn locale_is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match set {
        None => cfg!(windows),
        Some(value) => {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        }
    }
}

/// Every letter with a mark as the letter and the mark.
fn letters_and_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphabetic() { decompose_canonical(c, |c| out.push(c)) } else { out.push(c) }
    }
    out
}

/// The nearest text in ASCII. Bars and rules keep their width; letters of formulas are spelled.
pub fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Whether the last character stood above the line, so that 2¹⁸ is 2^18.
    let mut raised = false;
    for c in letters_and_marks(text).chars() {
        let above = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻".contains(c);
        match c {
            c if c.is_ascii() => out.push(c),
            '✓' => out.push('+'),
            '✗' | '·' | '×' | '⊙' => out.push_str(match c {
                '✗' => "x",
                '×' => "x",
                '⊙' => "*",
                _ => ".",
            }),
            '─' | '–' | '—' | '−' => out.push('-'),
            '│' => out.push('|'),
            '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => out.push('+'),
            '█' | '▉' | '▊' | '▋' | '▌' | '▍' => out.push('#'),
            '▎' | '▏' | '░' => out.push('.'),
            '▒' => out.push(':'),
            '▓' => out.push('*'),
            '…' => out.push_str(".."),
            '→' => out.push_str("->"),
            '←' => out.push_str("<-"),
            '≤' => out.push_str("<="),
            '≥' => out.push_str(">="),
            '≠' => out.push_str("!="),
            '≈' => out.push('~'),
            '∞' => out.push_str("inf"),
            '√' => out.push_str("sqrt"),
            'Σ' | '∑' => out.push_str("sum"),
            '∂' => out.push('d'),
            'ᵀ' | '⊤' => out.push_str("^T"),
            '∝' => out.push_str(" proportional to "),
            '∈' => out.push_str(" in "),
            '±' => out.push_str("+-"),
            '§' => out.push_str("section "),
            'α' => out.push_str("alpha"),
            'β' => out.push_str("beta"),
            'γ' => out.push_str("gamma"),
            'δ' => out.push_str("delta"),
            'ε' | 'ϵ' => out.push_str("eps"),
            'θ' => out.push_str("theta"),
            'λ' => out.push_str("lambda"),
            'μ' | 'µ' => out.push_str("mu"),
            'π' => out.push_str("pi"),
            'σ' => out.push_str("sigma"),
            'τ' => out.push_str("tau"),
            'ω' => out.push_str("omega"),
            'Π' => out.push_str("Pi"),
            'ℓ' => out.push('l'),
            '⌊' | '⌈' => out.push('['),
            '⌋' | '⌉' => out.push(']'),
            '⁰' | '¹' | '²' | '³' | '⁴' | '⁵' | '⁶' | '⁷' | '⁸' | '⁹' => {
                let digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
                let digit = digits.chars().position(|digit| digit == c).expect("one of them");
                if !raised {
                    out.push('^');
                }
                out.push_str(&digit.to_string());
            }
            '⁻' => out.push_str(if raised { "-" } else { "^-" }),
            '₀'..='₉' => out.push(char::from(b'0' + (c as u32 - '₀' as u32) as u8)),
            'ᵢ' => out.push_str("_i"),
            'ⱼ' => out.push_str("_j"),
            '∏' => out.push_str("prod"),
            '⟨' | '≺' => out.push('<'),
            '⟩' => out.push('>'),
            '½' => out.push_str("1/2"),
            '∥' => out.push_str("||"),
            'Δ' => out.push_str("Delta"),
            'η' => out.push_str("eta"),
            'κ' => out.push_str("kappa"),
            'φ' | 'ϕ' => out.push_str("phi"),
            'Φ' => out.push_str("Phi"),
            'ρ' => out.push_str("rho"),
            'Λ' => out.push_str("Lambda"),
            '‖' => out.push_str("||"),
            '“' | '”' | '„' => out.push('"'),
            '’' | '‘' => out.push('\''),
            // A hat or a bar follows its letter; accents of names are left out.
            '\u{300}'..='\u{36f}' => out.push_str(match c {
                '\u{302}' => "^",
                '\u{303}' => "~",
                '\u{304}' => "_bar",
                _ => "",
            }),
            _ => out.push('?'),
        }
        raised = above;
    }
    out
}

/// How a column of a [`table`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells in columns, two blanks apart, one blank before the first. The first row is the heading. Styles do
/// not count as width.
pub fn table(align: &[Align], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..align.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for ((cell, &width), align) in row.iter().zip(&widths).zip(align) {
            let blanks = " ".repeat(width - columns(cell));
            let between = if line.is_empty() { " " } else { "  " };
            match align {
                Align::Left => line.extend([between, cell, &blanks]),
                Align::Right => line.extend([between, &blanks, cell]),
            }
        }
        line.trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// A text without its styles.
fn unpainted(text: &str) -> Cow<'_, str> {
    // Most have none, and the search for one byte is much faster than the parser.
    if text.contains('\x1b') { anstream::adapter::strip_str(text).to_string().into() } else { text.into() }
}

/// How many columns a text takes: styles and combining marks take none, signs of Chinese, Japanese and Korean and pictures two.
pub fn columns(text: &str) -> usize {
    let width = |c: char| match u32::from(c) {
        0x300..=0x36f | 0x1160..=0x11ff => 0, // vowels and ends of Hangul join the letter before them
        0x1100..=0x115f | 0x2e80..=0xffef | 0x1f000.. => 2,
        _ => 1,
    };
    unpainted(text).chars().map(width).sum()
}

/// `text`, shortened to at most `width` columns.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_string();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The words of a text in lines of at most `width` columns.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// Pieces with `gap` between them in lines of at most `width` columns; empty pieces are left out.
pub fn wrap_with(pieces: &[String], gap: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces.iter().filter(|piece| !piece.trim().is_empty()) {
        match lines.last_mut() {
            Some(line) if columns(line) + columns(gap) + columns(piece) <= width => {
                line.push_str(gap);
                line.push_str(piece);
            }
            _ => lines.push(piece.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_spelled_in_ascii() {
        assert_eq!(
            ascii("Ȳ = 2¹⁸ γ ⊙ x̂, n⁻¹ Σ_j √σ² ≤ ∞ …"),
            "Y_bar = 2^18 gamma * x^, n^-1 sum_j sqrtsigma^2 <= inf .."
        );
    }

    #[test]
    fn tables_line_up_with_and_without_styles() {
        let row = |cells: [&str; 2]| cells.map(str::to_string).to_vec();
        let painted = paint(GOOD, "a");
        let lines = table(&[Align::Left, Align::Right], &[row(["name", "n"]), row([&painted, "12"])]);
        assert_eq!(lines[0], " name   n");
        assert_eq!(columns(&lines[1]), 9);
    }

    #[test]
    fn long_text_is_shortened_and_wrapped() {
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap_with(&["aa".into(), String::new(), "bb".into()], "   ", 80), ["aa   bb"]);
    }
}
