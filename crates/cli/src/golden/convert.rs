//! Between the arrays of files and those of the naive backend, which shares nothing with the other crates.

use mmt_buggy::{Data as Plain, Tensor};
use mmt_golden::compute::is_result;
use mmt_golden::file::{Data, Stored, Tensors};
use ndarray::{ArrayD, IxDyn};

/// What a program is given: the inputs, parameters, tables and gradients of outputs of a case, under short names.
pub fn inputs(truth: &Tensors) -> mmt_buggy::Tensors {
    plain(truth, |key| !is_result(key))
}

/// What it has to answer, under short names.
pub fn results(truth: &Tensors) -> mmt_buggy::Tensors {
    plain(truth, |key| is_result(key) && !key.starts_with("tol/"))
}

fn plain(truth: &Tensors, wanted: impl Fn(&str) -> bool) -> mmt_buggy::Tensors {
    let short = truth.iter().filter_map(|(key, stored)| Some((key.strip_prefix("main/")?, stored)));
    short
        .filter(|(key, _)| wanted(key))
        .map(|(key, stored)| (key.to_string(), tensor(&stored.data)))
        .collect()
}

fn tensor(data: &Data) -> Tensor {
    let shape = data.shape();
    match data {
        Data::I64(a) => Tensor::i64(shape, a.iter().copied().collect()),
        Data::Bool(a) => Tensor::bool(shape, a.iter().copied().collect()),
        real => {
            let numbers = Stored { data: real.clone(), offset: 0 }.real::<f64>();
            Tensor::f64(shape, numbers.into_iter().flatten().collect())
        }
    }
}

/// The answers of the naive backend under the names of the bundle.
pub fn answers(tensors: mmt_buggy::Tensors) -> Tensors {
    let named = |(key, tensor): (String, Tensor)| {
        let shape = IxDyn(&tensor.shape);
        let data = match tensor.data {
            Plain::F64(x) => ArrayD::from_shape_vec(shape, x).ok().map(Data::F64),
            Plain::I64(x) => ArrayD::from_shape_vec(shape, x).ok().map(Data::I64),
            Plain::Bool(x) => ArrayD::from_shape_vec(shape, x).ok().map(Data::Bool),
        };
        data.map(|data| (format!("main/{key}"), Stored { data, offset: 0 }))
    };
    tensors.into_iter().filter_map(named).collect()
}
