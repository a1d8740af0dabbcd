//! Elementary operations: pairs of a function and its gradient.

pub mod avg_pool;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod conv;
pub mod frozen_norm;
pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod matmul;
pub mod max_pool;
pub mod relu;
pub mod softmax;
pub mod sum;
mod window;

pub use avg_pool::{Divisor, avg_pool, avg_pool_backward, global_avg_pool, global_avg_pool_backward};
pub use conv::{Conv, conv, conv_backward};
pub use frozen_norm::{Statistics, frozen_norm, frozen_norm_backward};
pub use gelu::{gelu, gelu_backward};
pub use layer_norm::{LayerNormTape, layer_norm, layer_norm_backward};
pub use linear::{linear, linear_backward};
pub use matmul::{add_matmul, matmul, set_matmul};
pub use max_pool::{Pool, max_pool, max_pool_backward};
pub use relu::{relu, relu_backward};
pub use softmax::{softmax, softmax_backward};
