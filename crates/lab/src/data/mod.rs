//! The data sets that travel inside the program.

pub mod digit_pairs;
pub mod digits;
pub mod digits_qa;

/// A data set as `mmt data list` describes it.
#[derive(Clone, Copy, Debug)]
pub struct DataSet {
    /// What one types.
    pub id: &'static str,
    /// What is in it.
    pub content: &'static str,
    /// Who made it.
    pub source: &'static str,
    /// On which terms.
    pub license: &'static str,
    /// Bytes inside the program; 0 if it is generated.
    pub bytes: usize,
}

/// All data sets.
pub const DATA_SETS: [DataSet; 3] = [
    DataSet {
        id: "digits",
        content: "1797 handwritten digits, 8x8 pixels, values 0..=16; train rows 0..1297, test rows 1297..1797",
        source: "E. Alpaydin, C. Kaynak 1998, UCI Optical Recognition of Handwritten Digits, 10.24432/C50P49",
        license: "CC BY 4.0",
        bytes: digits::PIXELS.len() + digits::LABELS.len(),
    },
    DataSet {
        id: "digit-pairs",
        content: "two digits side by side, 8x16 pixels, drawn from digits on the fly",
        source: "derived from digits",
        license: "CC BY 4.0",
        bytes: 0,
    },
    DataSet {
        id: "digits-qa",
        content: "a pair of digits, one of four questions about it, and the answer 0..=9",
        source: "pairs derived from digits; questions written for this project",
        license: "CC BY 4.0 (pairs), CC0 (questions)",
        bytes: 0,
    },
];
