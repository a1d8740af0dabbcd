//! Ctrl-C, and the signals by which a system ends programs: the first one asks for an end, the second one is the end.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Code, Failure};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What shells report of a program that Ctrl-C ended.
const ENDED: i32 = 130;

/// From now on Ctrl-C does not end the program at once, nor does what `kill` sends.
///
/// A program that `nohup` started goes on when its terminal is closed, and is left as it is.
pub fn catch() -> Result<(), Failure> {
    let asked = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(ENDED);
        }
    };
    if hangup_is_ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default()) {
        return Ok(());
    }
    ctrlc::set_handler(asked).map_err(|e| Failure::new(Code::Usage, format!("Ctrl-C cannot be caught: {e}")))
}

/// Whether the first signal, the end of the terminal, is among those that a process ignores, by what Linux says of it; elsewhere
/// nobody knows.
fn hangup_is_ignored(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// From now on the first Ctrl-C is the end: nothing waits to be kept.
pub fn release() {
    if ASKED.swap(true, Ordering::Relaxed) {
        std::process::exit(ENDED);
    }
}

/// Whether Ctrl-C was pressed.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nohup_asks_for_is_seen() {
        assert!(hangup_is_ignored("Name:\tmmt\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000004002\n"));
        assert!(!hangup_is_ignored("SigIgn:\t0000000000001002\n") && !hangup_is_ignored(""));
    }
}
