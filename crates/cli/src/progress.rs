//! Progress of work that takes seconds.

use std::io::IsTerminal;

use indicatif::ProgressBar;

use crate::terminal::Terminal;

/// A bar on standard error if that is a terminal, and otherwise a line there at every quarter of the way.
pub struct Progress<'a> {
    terminal: &'a Terminal,
    bar: ProgressBar,
    name: String,
    length: usize,
    lines: bool,
}

impl<'a> Progress<'a> {
    /// Work of `length` steps.
    pub fn new(terminal: &'a Terminal, name: &str, length: usize) -> Self {
        let silent = terminal.options.quiet || terminal.options.json;
        let lines = !silent && !std::io::stderr().is_terminal();
        let bar = terminal.bar(length as u64, name);
        Progress { terminal, bar, name: name.to_string(), length, lines }
    }

    /// The same without the lines, for a verb that prints its own.
    pub fn bar_only(terminal: &'a Terminal, name: &str, length: usize) -> Self {
        Progress { lines: false, ..Progress::new(terminal, name, length) }
    }

    /// `step` steps are done; `detail` says how it goes.
    pub fn at(&self, step: usize, detail: impl Fn() -> String) {
        self.bar.set_position(step as u64);
        if !self.bar.is_hidden() {
            self.bar.set_message(detail());
        }
        let quarter = |step: usize| 4 * step / self.length.max(1);
        if self.lines && quarter(step) > quarter(step - 1) {
            let Progress { name, length, .. } = self;
            self.terminal.complain(&format!("     {name:<12} {step:>5} of {length}   {}", detail()));
        }
    }

    /// Runs `f` while the bar is out of the way, for output in between.
    pub fn aside<T>(&self, f: impl FnOnce() -> T) -> T {
        self.bar.suspend(f)
    }

    /// The bar goes away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
