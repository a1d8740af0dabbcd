//! The register of errata: claims of the note that a test refutes, with what holds instead.

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
    pub as_written: fn() -> Result<(), String>,
    /// Runs the corrected claim.
    pub as_corrected: fn() -> Result<(), String>,
}

/// All errata, in the order of the note.
pub fn errata() -> impl Iterator<Item = &'static Erratum> {
    const NONE: &[Erratum] = &[];
    [NONE].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_claim_fails_as_written_and_holds_as_corrected() {
        for erratum in super::errata() {
            assert!((erratum.as_written)().is_err(), "{} holds as written", erratum.id);
            assert_eq!((erratum.as_corrected)(), Ok(()), "{} as corrected", erratum.id);
        }
    }
}
