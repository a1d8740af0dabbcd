//! Numbers in row-major order: of a run, and of a file.

use std::collections::BTreeMap;

/// An array of any rank.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub data: Vec<f64>,
}

/// Arrays of a case by short name: `in/x`, `grad_param/weight`.
pub type Tensors = BTreeMap<String, Tensor>;

/// The numbers of a [`Tensor`], row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Numbers.
    F64(Vec<f64>),
    /// Ids and labels.
    I64(Vec<i64>),
    /// Masks: true keeps.
    Bool(Vec<bool>),
}

/// An array of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Data,
}

impl Tensor {
    /// Numbers of this shape.
    pub fn f64(shape: &[usize], data: Vec<f64>) -> Self {
        Tensor { shape: shape.to_vec(), data: Data::F64(data) }
    }

    /// Ids of this shape.
    pub fn i64(shape: &[usize], data: Vec<i64>) -> Self {
        Tensor { shape: shape.to_vec(), data: Data::I64(data) }
    }

    /// A mask of this shape.
    pub fn bool(shape: &[usize], data: Vec<bool>) -> Self {
        Tensor { shape: shape.to_vec(), data: Data::Bool(data) }
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::F64(x) => x.len(),
            Data::I64(x) => x.len(),
            Data::Bool(x) => x.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// Of these sizes and numbers.
    pub fn new(shape: &[usize], data: Vec<f64>) -> Self {
        Array { shape: shape.to_vec(), data }
    }

    /// Zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Array { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
    }

    /// One number.
    pub fn number(x: f64) -> Self {
        Array { shape: Vec::new(), data: vec![x] }
    }

    /// The size of the last axis; 1 for a number.
    pub fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How many rows of [`Array::width`] there are.
    pub fn rows(&self) -> usize {
        self.data.len() / self.width().max(1)
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.width()..(i + 1) * self.width()]
    }
}

impl From<Array> for Tensor {
    fn from(a: Array) -> Self {
        Tensor { shape: a.shape, data: Data::F64(a.data) }
    }
}
