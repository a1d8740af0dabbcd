//! The number types of training.

use mmt_tensor::{Real, Result};

use crate::batch::Modalities;
use crate::data::digits_qa::Example;
use crate::evaluate::{self, Evaluation};
use crate::model::Answerer;
use crate::train::{self, Step, TrainConfig};

/// A number type in which models are trained and tested: `f32` or `f64`.
///
/// A generic function is compiled by the crate that names its types, and the program is built without optimization. What
/// takes time goes through this trait: compiled here, once for each type.
pub trait Trainable: Real {
    /// See [`train`](crate::train::train()).
    #[doc(hidden)]
    fn train(config: &TrainConfig, watch: &mut dyn FnMut(&Step)) -> Result<Answerer<Self>>;

    /// See [`evaluate`](crate::evaluate::evaluate()).
    #[doc(hidden)]
    fn evaluate(model: &Answerer<Self>, examples: &[Example], modalities: Modalities) -> Result<Evaluation>;
}

macro_rules! trainable {
    ($($t:ty),*) => {$(
        impl Trainable for $t {
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
trainable!(f32, f64);
