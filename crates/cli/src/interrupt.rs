//! Ctrl-C, and the signals by which a system ends programs: the first one asks for an end, the second one is the end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Code, Failure};

static ASKED: AtomicBool = AtomicBool::new(false);

/// What shells report of a program that Ctrl-C ended.
const ENDED: i32 = 130;

/// From now on Ctrl-C does not end the program at once, nor does what `kill` sends.
pub fn catch() -> Result<(), Failure> {
    let asked = || {
        if ASKED.swap(true, Ordering::Relaxed) {
            std::process::exit(ENDED);
        }
    };
    ctrlc::set_handler(asked).map_err(|e| Failure::new(Code::Usage, format!("Ctrl-C cannot be caught: {e}")))
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
