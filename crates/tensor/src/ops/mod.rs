//! Elementary operations: pairs of a function and its gradient.

pub mod avg_pool;
pub mod batch_norm;
pub mod binary_cross_entropy;
pub mod conv;
pub mod cross_entropy;
pub mod dropout;
pub mod frozen_norm;
pub mod gelu;
pub mod gelu_tanh;
pub mod hinge;
#[cfg(target_arch = "x86_64")]
mod inner;
pub(crate) mod kernel;
pub mod kl_divergence;
pub mod l2_normalize;
pub mod layer_norm;
pub mod linear;
pub mod log_softmax;
pub mod lookup;
pub mod matmul;
pub mod max_of_windows;
pub mod max_pool;
#[cfg(target_arch = "x86_64")]
mod packed;
#[cfg(target_arch = "x86_64")]
mod panel;
pub mod quick_gelu;
#[cfg(target_arch = "x86_64")]
mod register;
pub mod regression;
pub mod relu;
pub mod resample;
pub mod soft_cross_entropy;
pub mod softmax;
pub mod store;
pub mod sum;
pub mod symmetric_kl;
#[cfg(target_arch = "x86_64")]
mod tile;
mod window;

pub use avg_pool::{Divisor, avg_pool, avg_pool_backward, global_avg_pool, global_avg_pool_backward};
pub use batch_norm::{BatchNormTape, batch_norm, batch_norm_backward};
pub use binary_cross_entropy::{Reduction, binary_cross_entropy, binary_cross_entropy_backward};
pub use conv::{Conv, conv, conv_backward};
pub use cross_entropy::{CrossEntropyTape, OnEmpty, cross_entropy, cross_entropy_backward};
pub use dropout::{dropout, dropout_backward, sample_dropout};
pub use frozen_norm::{Statistics, frozen_norm, frozen_norm_backward};
pub use gelu::{gelu, gelu_backward};
pub use gelu_tanh::{gelu_tanh, gelu_tanh_backward};
pub use hinge::{hardest_hinge, hardest_hinge_backward, hinge, hinge_backward};
pub use kl_divergence::{kl_divergence, kl_divergence_backward, kl_divergence_targets_backward};
pub use l2_normalize::{L2NormalizeTape, l2_normalize, l2_normalize_backward};
pub use layer_norm::{Moments, layer_norm, layer_norm_backward};
pub use linear::{linear, linear_backward};
pub use log_softmax::{log_softmax, log_softmax_backward, log_sum_exp, log_sum_exp_backward};
pub use lookup::{lookup, lookup_backward};
pub use matmul::{add_matmul, matmul, matmul_plus_row, set_matmul};
pub use max_of_windows::{adaptive_windows, cut_windows, max_of_windows, max_of_windows_backward};
pub use max_pool::{Pool, max_pool, max_pool_backward};
pub use quick_gelu::{quick_gelu, quick_gelu_backward};
pub use regression::{l1, l1_backward, mse, mse_backward, smooth_l1, smooth_l1_backward};
pub use relu::{relu, relu_backward};
pub use resample::{Resampling, resample, resample_backward};
pub use soft_cross_entropy::{SoftCrossEntropyTape, soft_cross_entropy, soft_cross_entropy_backward};
pub use softmax::{softmax, softmax_backward};
pub use store::stored;
pub use symmetric_kl::{SymmetricKlTape, symmetric_kl, symmetric_kl_backward};
