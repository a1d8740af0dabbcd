//! The register of errata: claims of the note that a test refutes, with what holds instead.

mod note_1;
mod note_1_2;
mod note_1_4;
mod note_2_codes;
mod note_2_images;
mod note_2_sums;
mod note_2_words;
mod note_3;

/// A claim as written and as corrected.
pub struct Erratum {
    /// As printed in the specification: `ERR-C01`.
    pub id: &'static str,
    /// The section of the note.
    pub section: &'static str,
    /// What the note says.
    pub claim: &'static str,
    /// What holds.
    pub correction: &'static str,
    /// The sources of the correction.
    pub source: &'static str,
    /// The formula that has it right.
    pub equation: &'static str,
    /// Runs the claim as written: `Err` says how it fails.
    pub as_written: fn() -> Outcome,
    /// Runs the corrected claim.
    pub as_corrected: fn() -> Outcome,
}

/// What came out of running a claim: what was seen, if it holds, or how it fails.
pub type Outcome = Result<String, String>;

/// All errata, in the order of the note.
pub fn errata() -> impl Iterator<Item = &'static Erratum> {
    [
        note_1::ROWS,
        note_1_2::ROWS,
        note_1_4::ROWS,
        note_2_images::ROWS,
        note_2_words::ROWS,
        note_2_codes::ROWS,
        note_2_sums::ROWS,
        note_3::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// `Ok(seen)` if the claim holds.
fn judge(holds: bool, seen: String) -> Outcome {
    if holds { Ok(seen) } else { Err(seen) }
}
