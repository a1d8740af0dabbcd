//! Section 6.3 of the note: efficiency.

use crate::{checks, equations};

equations! { "6.3",
    flash_attention = "eq-5-flash": mmt_blocks::flash_attention => checks::flash_attention;
}
