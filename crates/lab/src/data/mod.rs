//! The data sets that travel inside the program, and what is known of those that do not.

pub mod captions;
pub mod clips;
pub mod digit_pairs;
pub mod digits;
pub mod digits_qa;
pub mod ehr;
pub mod export;
pub mod phones;
pub mod scenes;
pub mod spoken;
pub mod text;

/// A data set as `mmt data list` describes it.
#[derive(Clone, Copy, Debug)]
pub struct DataSet {
    /// What one types.
    pub id: &'static str,
    /// What is in it.
    pub content: &'static str,
    /// Which part trains and which one tests.
    pub split: &'static str,
    /// Who made it.
    pub source: &'static str,
    /// On which terms.
    pub license: &'static str,
    /// What has to be said with it.
    pub notice: &'static str,
    /// Bytes inside the program; 0 if it is generated.
    pub bytes: usize,
}

/// All data sets.
pub const DATA_SETS: [DataSet; 9] = [
    DataSet {
        id: "digits",
        content: "1797 handwritten digits, 8x8 pixels, values 0 to 16",
        split: "rows 0 to 1296 train, 1297 to 1796 test; most likely other writers, which is inferred",
        source: "E. Alpaydin, C. Kaynak 1998, UCI Optical Recognition of Handwritten Digits, 10.24432/C50P49",
        license: "CC BY 4.0",
        notice: "the 1797 images of the original test part, in the order of scikit-learn's copy; the numbers are \
                 unchanged, the file format is not",
        bytes: digits::PIXELS.len() + digits::LABELS.len(),
    },
    DataSet {
        id: "digit-pairs",
        content: "two digits side by side, 8x16 pixels, drawn from digits on the fly",
        split: "as the digits: no image is in both parts",
        source: "derived from digits",
        license: "CC BY 4.0",
        notice: "changes to digits: two images side by side",
        bytes: 0,
    },
    DataSet {
        id: "digits-qa",
        content: "a pair of digits, one of four questions about it, and the answer, a digit",
        split: "as the digits; both parts ask the same four questions",
        source: "pairs derived from digits; questions written for this project",
        license: "CC BY 4.0 (pairs), CC0 1.0 (questions)",
        notice: "changes to digits: two images side by side, with a question",
        bytes: 0,
    },
    DataSet {
        id: "captions",
        content: "a pair of digits and its caption, in one of sixteen wordings, with words between that say nothing",
        split: "80 of 100 ordered pairs and 12 wordings train; 20 other pairs in 4 other wordings test; images as the digits",
        source: "pairs derived from digits; wordings written for this project",
        license: "CC BY 4.0 (pairs), CC0 1.0 (wordings)",
        notice: "changes to digits: two images side by side, with a caption",
        bytes: 0,
    },
    DataSet {
        id: "scenes",
        content: "one to four digits on a canvas of 24x24 pixels, and the box of each",
        split: "as the digits: no image is in both parts",
        source: "derived from digits",
        license: "CC BY 4.0",
        notice: "changes to digits: several images on one canvas, with boxes",
        bytes: 0,
    },
    DataSet {
        id: "clips",
        content: "a digit that moves left, right, up or down for 8 frames of 16x16 pixels and comes in again where it leaves",
        split: "as the digits: no image is in both parts",
        source: "derived from digits",
        license: "CC BY 4.0",
        notice: "changes to digits: eight copies of an image, each one pixel further",
        bytes: 0,
    },
    DataSet {
        id: "spoken",
        content: "synthetic speech: ten number words as pictures of 16 frames x 20 bands, 30 speakers",
        split: "24 speakers train, 6 others test",
        source: "generator written for this project; vowels after Peterson and Barney 1952",
        license: "CC0 1.0",
        notice: "synthetic: nobody said any of it; the pictures are computed from resonances, not from sounds",
        bytes: 0,
    },
    DataSet {
        id: "text",
        content: "five poems, and 200 sentences of a small grammar, questions and their answers",
        split: "none: it is for embeddings of words and for pairs of sentences",
        source: "W. Blake 1794, E. Lear 1871, L. Carroll 1865 and 1871, R. L. Stevenson 1885; grammar written for this project",
        license: "public domain (verse), CC0 1.0 (grammar)",
        notice: "synthetic sentences: the grammar says nothing true about animals, fruits, vehicles and people",
        bytes: text::VERSE.len(),
    },
    DataSet {
        id: "ehr",
        content: "synthetic patients: 48 diagnoses in 8 groups, 16 medications, five visits, a complaint",
        split: "by seed",
        source: "generator written for this project",
        license: "CC0 1.0",
        notice: "synthetic: no patient exists, and no code belongs to a real system",
        bytes: 0,
    },
];

/// Data sets that are read from a folder of the user, because their terms do not fit inside the program.
pub const IMPORTED: [DataSet; 1] = [DataSet {
    id: "fsdd",
    content: "Free Spoken Digit Dataset: 3000 recordings at 8 kHz, ten digits, 6 speakers, 50 times each",
    split: "takes 0 to 4 test, the others train: the official split, in which all speakers are in both parts",
    source: "Z. Jackson and others, github.com/Jakobovski/free-spoken-digit-dataset; mmt data import fsdd FOLDER",
    license: "CC BY-SA 4.0",
    notice: "share alike: features computed from it are under the same license; nothing of it is inside the program",
    bytes: 0,
}];
