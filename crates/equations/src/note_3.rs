//! Section 3 of the note: how modalities meet.

use crate::{checks, equations};

equations! { "3",
    concat = "eq-3-concat-split": mmt_fusion::concat => checks::concat;
    early_concat = "eq-3-early-concat": mmt_fusion::EarlyConcat => checks::early_concat;
}
