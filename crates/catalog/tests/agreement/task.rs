//! One comparison: what an operation is given, and what it has to answer.

use std::collections::BTreeMap;

use mmt_buggy::Tensor;
use mmt_golden::Value as Array;
use mmt_golden::compute::{Arrays, is_result};
use mmt_golden::file::{Data, Stored, Tensors};
use mmt_golden::given::{Given, execute_on};
use mmt_golden::row::Row;
use mmt_parity::case::Record;
use mmt_parity::compare::compare;
use mmt_parity::{Answer, Precision};
use mmt_tensor::{AnyReal, Dd, Real};
use ndarray::{Array as Numbers, ArrayD, IxDyn, arr0};
use serde_json::Value;

/// From the axes of a record to ours.
pub type Turn<'a> = &'a dyn Fn(&ArrayD<f64>) -> ArrayD<f64>;

/// An operation of the catalogue on the inputs of a record.
pub struct Task {
    pub op: &'static str,
    config: Value,
    sizes: Vec<(&'static str, usize)>,
    regimes: Vec<&'static str>,
    given: Given,
    want: Tensors,
    /// The rounding of the record itself, where more than its numbers are large.
    rounding: f64,
}

/// The array that is furthest off, in units of what is allowed.
pub struct Worst {
    pub units: f64,
    pub key: String,
}

/// As it is.
pub fn same(a: &ArrayD<f64>) -> ArrayD<f64> {
    a.clone()
}

/// Rows and columns exchanged.
pub fn turned(a: &ArrayD<f64>) -> ArrayD<f64> {
    standard(a.view().reversed_axes())
}

/// With its axes in another order, in memory too.
pub fn permuted(a: &ArrayD<f64>, axes: &[usize]) -> ArrayD<f64> {
    standard(a.view().permuted_axes(IxDyn(axes)))
}

fn standard(a: ndarray::ArrayViewD<f64>) -> ArrayD<f64> {
    a.as_standard_layout().into_owned()
}

/// In another shape.
pub fn shaped(a: &ArrayD<f64>, shape: &[usize]) -> ArrayD<f64> {
    Numbers::from_shape_vec(IxDyn(shape), a.iter().copied().collect()).expect("as many numbers")
}

/// The numbers of a record.
pub fn numbers(record: &Record, key: &str) -> Option<ArrayD<f64>> {
    record.arrays.get(key)?.real()
}

/// The shape of an array of a record.
pub fn shape(record: &Record, key: &str) -> Vec<usize> {
    record.arrays[key].data.shape().to_vec()
}

impl Task {
    /// Nothing given, nothing wanted.
    pub fn new(op: &'static str, config: Value, sizes: &[(&'static str, usize)]) -> Self {
        let (given, want) = (Given::new(), Tensors::new());
        Task { op, config, sizes: sizes.to_vec(), regimes: vec![], given, want, rounding: 0.0 }
    }

    /// With a tag of the row.
    pub fn regime(mut self, regime: &'static str) -> Self {
        self.regimes.push(regime);
        self
    }

    /// With the rounding of the record: what it subtracts is of size one, what is left may be much smaller.
    pub fn rounding(self, rounding: f64) -> Self {
        Task { rounding, ..self }
    }

    /// With an input or a parameter `ours`, which is `theirs` in the record, and its gradient if the record has one.
    pub fn input(mut self, record: &Record, ours: &str, theirs: &str, turn: Turn) -> Self {
        let array = numbers(record, theirs).unwrap_or_else(|| panic!("{}: no {theirs}", record.name));
        self.given.insert(ours.to_string(), Data::F64(turn(&array)));
        self.gradient(record, ours, theirs, turn)
    }

    /// With the gradient of an input alone.
    pub fn gradient(self, record: &Record, ours: &str, theirs: &str, turn: Turn) -> Self {
        match numbers(record, &format!("grad_{theirs}")) {
            Some(gradient) => self.wanted(&format!("grad_{ours}"), turn(&gradient)),
            None => self,
        }
    }

    /// With an output `out/ours`, which is `out/theirs` in the record, and its gradient.
    pub fn output(self, record: &Record, ours: &str, theirs: &str, turn: Turn) -> Self {
        let of = |section: &str| {
            let key = format!("{section}/{theirs}");
            turn(&numbers(record, &key).unwrap_or_else(|| panic!("{}: no {key}", record.name)))
        };
        self.number(&format!("cot/{ours}"), of("cot")).wanted(&format!("out/{ours}"), of("out"))
    }

    /// With an intermediate, if the record has it.
    pub fn inside(self, record: &Record, ours: &str, theirs: &str) -> Self {
        match numbers(record, theirs) {
            Some(array) => self.wanted(ours, array),
            None => self,
        }
    }

    /// With a loss that is a mean where theirs is `rows` times as large.
    pub fn loss(self, record: &Record, rows: f64) -> Self {
        let loss = numbers(record, "loss/loss").expect("a loss") / rows;
        self.number("cot/loss", arr0(rows).into_dyn()).wanted("loss/loss", loss)
    }

    /// With an array that is not of the record.
    pub fn number(mut self, key: &str, array: ArrayD<f64>) -> Self {
        self.given.insert(key.to_string(), Data::F64(array));
        self
    }

    /// With whole numbers.
    pub fn whole(mut self, key: &str, array: ArrayD<i64>) -> Self {
        self.given.insert(key.to_string(), Data::I64(array));
        self
    }

    /// With a mask: true keeps.
    pub fn mask(mut self, key: &str, array: ArrayD<bool>) -> Self {
        self.given.insert(key.to_string(), Data::Bool(array));
        self
    }

    /// With a result to compare.
    pub fn wanted(mut self, key: &str, array: ArrayD<f64>) -> Self {
        self.want.insert(key.to_string(), Stored { data: Data::F64(array), offset: 0 });
        self
    }

    fn run(&self, number: &dyn Fn(f64, u64) -> AnyReal) -> Arrays {
        let op = mmt_catalog::op(self.op).expect("an operation of the catalogue");
        let row = Row::new("agreement.record", op.name, "", self.config.clone()).sizes(&self.sizes);
        let arrays = execute_on(&row.regimes(&self.regimes), &op, &self.given, number).unwrap();
        // Nothing was drawn, and nothing that was given was left.
        let asked: Vec<&String> = arrays.iter().map(|(key, _)| key).filter(|key| !is_result(key)).collect();
        let drawn: Vec<_> = asked.iter().filter(|key| !self.given.contains_key(**key)).collect();
        assert!(drawn.is_empty(), "{} draws {drawn:?}", self.op);
        let left: Vec<_> = self.given.keys().filter(|key| !asked.contains(key)).collect();
        assert!(left.is_empty(), "{} does not ask for {left:?}", self.op);
        arrays
    }

    /// What the operation of the golden cases answers.
    pub fn catalogue(&self, case: &str, record: &str, precision: Precision) -> Worst {
        let arrays = match precision {
            Precision::F64 => self.run(&|x, _| AnyReal::True(Dd::of(x))),
            Precision::F32 => self.run(&|x, _| AnyReal::Single(x as f32)),
        };
        let real = |(key, value): (String, Array<AnyReal>)| match value {
            Array::Real(a) if is_result(&key) => Some((key, a.mapv(Real::to_f64))),
            _ => None,
        };
        self.worst(case, record, arrays.into_iter().filter_map(real).collect(), precision)
    }

    /// What the naive backend answers.
    pub fn naive(&self, case: &str, record: &str) -> Worst {
        let inputs = self.given.iter().map(|(key, data)| {
            let shape = data.shape();
            let tensor = match data {
                Data::F64(a) => Tensor::f64(shape, a.iter().copied().collect()),
                Data::I64(a) => Tensor::i64(shape, a.iter().copied().collect()),
                Data::Bool(a) => Tensor::bool(shape, a.iter().copied().collect()),
                other => panic!("{key} is {}", other.dtype()),
            };
            (key.clone(), tensor)
        });
        let answer = mmt_buggy::run(self.op, &self.config, &inputs.collect(), None).unwrap();
        let real = |(key, tensor): (String, Tensor)| match tensor.data {
            mmt_buggy::Data::F64(x) => Some((key, ArrayD::from_shape_vec(IxDyn(&tensor.shape), x).unwrap())),
            _ => None,
        };
        self.worst(case, record, answer.into_iter().filter_map(real).collect(), Precision::F64)
    }

    /// Takes what the record may have lost by its own rounding for equal.
    fn forgive(&self, got: &mut BTreeMap<String, ArrayD<f64>>) {
        for (key, want) in &self.want {
            let (Some(got), Some(want)) = (got.get_mut(key), want.real::<f64>()) else { continue };
            got.zip_mut_with(&want, |got, want| {
                if (*got - want).abs() <= self.rounding {
                    *got = *want;
                }
            });
        }
    }

    /// The comparison of `mmt parity`, with its tolerances.
    fn worst(
        &self,
        case: &str,
        record: &str,
        got: BTreeMap<String, ArrayD<f64>>,
        precision: Precision,
    ) -> Worst {
        // What a step of an optimizer leaves is an output of the record.
        let out = |key: String| key.strip_prefix("opt/").map_or(key.clone(), |name| format!("out/{name}"));
        let mut answer = Answer { arrays: got.into_iter().map(|(key, a)| (out(key), a)).collect() };
        self.forgive(&mut answer.arrays);
        let arrays = self.want.iter().map(|(key, stored)| (out(key.clone()), stored.clone())).collect();
        let (system, config) = (String::new(), Value::Null);
        let record = Record { name: record.to_string(), system, config, arrays };
        let comparison = compare(case, &record, &answer, precision);
        assert!(comparison.missing.is_empty(), "{}: no {:?}", self.op, comparison.missing);
        let worst = comparison.worst.expect("something to compare");
        Worst { units: worst.units, key: worst.key }
    }
}
