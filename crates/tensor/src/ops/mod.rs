//! Elementary operations: pairs of a function and its gradient.

pub mod gelu;
pub mod layer_norm;
pub mod linear;
pub mod matmul;
pub mod relu;
pub mod softmax;
pub mod sum;

pub use gelu::{gelu, gelu_backward};
pub use layer_norm::{LayerNormTape, layer_norm, layer_norm_backward};
pub use linear::{linear, linear_backward};
pub use matmul::{add_matmul, matmul};
pub use relu::{relu, relu_backward};
pub use softmax::{softmax, softmax_backward};
