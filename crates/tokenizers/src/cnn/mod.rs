//! The parts of convolutional networks that read images and videos.

pub mod conv_unit;
pub mod residual;

pub use conv_unit::{ConvUnit, ConvUnitTape, FrozenNorm};
pub use residual::{Residual, ResidualTape};
