//! Section 3 of the note: how modalities meet.

use crate::{checks, equations};

equations! { "3",
    concat = "eq-3-concat-split": mmt_fusion::concat => checks::concat;
}
