//! One file per figure. A figure is a function from numbers to a drawing.

pub mod accuracy;
pub mod attention;
pub mod curves;
pub mod lines;
pub mod missing;
pub mod patches;
pub mod picture;
pub mod pieces;
pub mod regions;
pub mod residuals;
pub mod scatter;
pub mod shares;
pub mod spectrogram;
pub mod topology;
pub mod verdicts;
pub mod visits;
pub mod words;

/// `86 %`
pub(crate) fn percent(x: f64) -> String {
    format!("{:.0} %", 100.0 * x)
}

/// The power of ten that a positive number is.
pub(crate) fn log10(x: f64) -> f64 {
    mmt_tensor::Real::ln(x) / std::f64::consts::LN_10
}
