//! Section 6.3 of the note: efficiency.

use crate::{checks, equations};

equations! { "6.3",
    distill = "eq-5-kd": mmt_efficiency::distill => checks::distill;
    flash_attention = "eq-5-flash": mmt_blocks::flash_attention => checks::flash_attention;
}
