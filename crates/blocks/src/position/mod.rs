//! Where a token stands in its sequence: tables of positions, made and learned.

pub mod interpolate;
pub mod learned;
pub mod sinusoidal;

pub use interpolate::{
    interpolate_positions, interpolate_positions_backward, resize_grid, resize_grid_backward,
};
pub use learned::{LearnedPositions, add_positions, add_positions_backward};
pub use sinusoidal::{SinusoidalKind, frequency, sinusoidal};
