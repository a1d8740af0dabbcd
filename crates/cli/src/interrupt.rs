//! Ctrl-C, and the signals by which a system ends programs: the first one asks for an end, the second one is the end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Code, Failure};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What shells report of a program that Ctrl-C ended.
const ENDED: i32 = 130;

/// From now on Ctrl-C does not end the program at once, nor does what `kill` sends.
///
/// A program that `nohup` started goes on when its terminal is closed.
pub fn catch() -> Result<(), Failure> {
    let asked = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(ENDED);
        }
    };
    let goes_on = ignore_hangup();
    ctrlc::set_handler(asked)
        .map_err(|e| Failure::new(Code::Usage, format!("Ctrl-C cannot be caught: {e}")))?;
    if goes_on {
        ignore_hangup();
    }
    Ok(())
}

/// Ignores the end of the terminal; whether it was ignored before, as `nohup` has it.
#[cfg(unix)]
fn ignore_hangup() -> bool {
    // SAFETY: to ignore a signal runs no code of ours, and nothing else in this program sets what it does.
    #[allow(unsafe_code)]
    let before = unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    before == libc::SIG_IGN
}

#[cfg(not(unix))]
fn ignore_hangup() -> bool {
    false
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
