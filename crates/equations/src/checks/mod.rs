//! The evidence for every formula, one file each: numbers, gradients, properties, golden cases.

pub mod concat;
pub mod linear;
pub mod softmax;
