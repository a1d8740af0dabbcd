//! Section 1.2 of the note: Post-LN and Pre-LN.

use crate::equations;

equations! { "1.2", }
