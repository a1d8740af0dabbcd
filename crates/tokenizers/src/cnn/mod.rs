//! The parts of convolutional networks that read images and videos.

pub mod conv_unit;
pub mod inception;
pub mod layer;
pub mod residual;
pub mod separable;

pub use conv_unit::{ConvUnit, ConvUnitTape, FrozenNorm};
pub use inception::{Inception, InceptionTape, InceptionWidths, Windows};
pub use layer::{ClipLayer, ClipLayerConfig, ClipLayerTape};
pub use residual::{Residual, ResidualTape};
pub use separable::{Separable, SeparableTape};
