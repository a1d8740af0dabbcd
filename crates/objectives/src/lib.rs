//! Pretraining objectives: what is hidden, what is predicted, and the losses.

pub mod dense;
pub mod graph_autoencoder;
pub mod independent_masking;
pub mod label_smoothing;
pub mod masked_tokens;
pub mod masking;
pub mod next_medication;
pub mod next_sentence;
pub mod prolonged_stay;
pub mod self_and_dual;
pub mod sentence_pairs;
pub mod visit_rows;

pub use dense::DenseTape;
pub use graph_autoencoder::{
    GraphAutoencoderTape, edge_weight, graph_autoencoder, graph_autoencoder_backward,
};
pub use independent_masking::{AtLeastOne, sample_independent_masking};
pub use label_smoothing::{
    Distance, LabelSmoothing, LabelSmoothingTape, Shares, Smoothing, label_smoothing,
    label_smoothing_backward,
};
pub use masked_tokens::{Denominator, masked_tokens, masked_tokens_backward};
pub use masking::{MaskRule, Masked, groups, sample_masking};
pub use next_medication::{NextMedication, NextMedicationTape};
pub use next_sentence::{NextSentence, NextSentenceTape};
pub use prolonged_stay::{PatientPool, ProlongedStay, ProlongedStayTape, is_prolonged};
pub use self_and_dual::{GuessTape, SelfAndDual, SelfAndDualTape};
pub use sentence_pairs::{PairConfig, SentencePair, sample_sentence_pairs};
pub use visit_rows::{Regrouping, visit_rows, visit_rows_backward};
