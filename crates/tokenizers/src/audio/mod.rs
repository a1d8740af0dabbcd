//! Tokens of sounds.

pub mod dft;
pub mod frames;
pub mod log_mel;
pub mod mel_filters;
pub mod spectrogram_patch;
pub mod wav;

pub use dft::{Window, fourier_tables, window};
pub use frames::{FrameConfig, cut_frames, cut_frames_backward};
pub use log_mel::{LogFloor, LogMel, LogMelConfig, LogMelTape};
pub use mel_filters::{MelTriangles, mel_filters};
pub use spectrogram_patch::{SpectrogramPatches, SpectrogramPatchesTape};
pub use wav::{Sound, parse_wav};
