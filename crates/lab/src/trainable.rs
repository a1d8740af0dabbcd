//! The number types of training.

use std::ops::ControlFlow;

use mmt_golden::file::Data;
use mmt_tensor::{Real, Result};
use ndarray::ArrayD;

use crate::batch::Modalities;
use crate::data::digits_qa::Example;
use crate::evaluate::{self, Evaluation};
use crate::model::Answerer;
use crate::net::Net;
use crate::train::{self, Step, TrainConfig};
use crate::training::test::{self, Test};
use crate::training::{Diverged, Settings, Trainer};

/// A number type in which models are trained and tested: `f32` or `f64`.
///
/// A generic function is compiled by the crate that names its types, and the program is built without optimization. What
/// takes time goes through this trait: compiled here, once for each type.
pub trait Trainable: Real {
    /// The name of the type in files.
    const DTYPE: &'static str;

    /// An array as files hold it.
    fn to_data(array: ArrayD<Self>) -> Data;

    /// See [`begin`](crate::training::begin()).
    #[doc(hidden)]
    fn begin(settings: &Settings) -> Result<Trainer<Self>>;

    /// See [`go_on`](crate::training::go_on()).
    #[doc(hidden)]
    fn go_on(
        trainer: &mut Trainer<Self>,
        watch: &mut dyn FnMut(&Trainer<Self>) -> ControlFlow<()>,
    ) -> std::result::Result<(), Diverged>;

    /// See [`test`](crate::training::test::test()).
    #[doc(hidden)]
    fn test(net: &Net<Self>, count: usize, seed: u64, hidden: &[&str]) -> Result<Test>;

    /// See [`train`](crate::train::train()).
    #[doc(hidden)]
    fn train(config: &TrainConfig, watch: &mut dyn FnMut(&Step)) -> Result<Answerer<Self>>;

    /// See [`evaluate`](crate::evaluate::evaluate()).
    #[doc(hidden)]
    fn evaluate(model: &Answerer<Self>, examples: &[Example], modalities: Modalities) -> Result<Evaluation>;
}

macro_rules! trainable {
    ($($t:ty: $data:ident, $dtype:literal;)*) => {$(
        impl Trainable for $t {
            const DTYPE: &'static str = $dtype;
            fn to_data(array: ArrayD<$t>) -> Data {
                Data::$data(array)
            }
            fn begin(settings: &Settings) -> Result<Trainer<$t>> {
                Trainer::new(settings)
            }
            fn go_on(
                trainer: &mut Trainer<$t>,
                watch: &mut dyn FnMut(&Trainer<$t>) -> ControlFlow<()>,
            ) -> std::result::Result<(), Diverged> {
                trainer.run(watch)
            }
            fn test(net: &Net<$t>, count: usize, seed: u64, hidden: &[&str]) -> Result<Test> {
                test::run(net, count, seed, hidden)
            }
            fn train(config: &TrainConfig, watch: &mut dyn FnMut(&Step)) -> Result<Answerer<$t>> {
                train::run(config, watch)
            }
            fn evaluate(
                model: &Answerer<$t>,
                examples: &[Example],
                modalities: Modalities,
            ) -> Result<Evaluation> {
                evaluate::run(model, examples, modalities)
            }
        }
    )*};
}
trainable! { f32: F32, "F32"; f64: F64, "F64"; }
