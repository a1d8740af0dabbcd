//! What depth does to Transformers at initialization and in the first steps of training.
//!
//! Statements about expectations, so each page has a model or a measure, and a study that draws weights from seeds.
//! Nothing here is random but the weights and inputs drawn from [`Random`](mmt_tensor::Random).

pub mod amplification;
pub mod gradient_scale;
pub mod reading;
pub mod relative_update;
pub mod reversal;
pub mod statistics;
pub mod warm_up;

pub use amplification::{AmplificationConfig, Residual, amplification, output_change};
pub use gradient_scale::{DepthConfig, DepthProbe, DepthProbeTape};
pub use reading::{DepthReading, read_depth};
pub use relative_update::{parallel_pair, relative_updates, states};
pub use reversal::{Reverser, ReverserTape, reversed};
pub use statistics::{Spread, excess_share, log_slope, theorem_probability};
pub use warm_up::{WarmUpConfig, WarmUpRun, warm_up};
