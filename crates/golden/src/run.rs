//! One computation of a case: draws its inputs, and collects what it computes.

use mmt_tensor::tree::join;
use mmt_tensor::{Real, Tree};
use ndarray::{Array, ArrayD, ArrayRef, Dimension, IntoDimension, IxDyn};

use crate::case::Value;
use crate::draw::{Fill, Source};
use crate::given::Given;
use crate::row::Row;

/// A case while it is computed in one number type.
pub struct Run<'a, R> {
    pub(crate) row: &'a Row,
    pub(crate) bump: u32,
    number: &'a dyn Fn(f64, u64) -> R,
    /// Whether attention is computed in tiles, which recomputes its weights for the gradient.
    pub tiled: bool,
    /// Arrays to take in place of those that would be drawn.
    pub(crate) given: Option<&'a Given>,
    /// What was drawn and computed so far: `in/x`, `out/y`, ..
    pub arrays: Vec<(String, Value<R>)>,
}

impl<'a, R: Real> Run<'a, R> {
    /// Nothing yet. `number(x, key)` makes an input; the key is another one for every element of every array.
    pub fn new(row: &'a Row, bump: u32, number: &'a dyn Fn(f64, u64) -> R) -> Self {
        Run { row, bump, number, tiled: false, given: None, arrays: vec![] }
    }

    /// Draws an array: as the row says, or with `fill`.
    pub fn draw<S: IntoDimension>(&mut self, key: &str, shape: S, fill: Fill) -> Array<R, S::Dim> {
        let shape = shape.into_dimension();
        let exact = self.exact(key, shape.slice(), &fill);
        self.known(key, shape, &exact)
    }

    /// An input whose numbers are known: boxes, sizes.
    ///
    /// # Panics
    /// If they are not as many as the shape asks for.
    pub fn known<S: IntoDimension>(&mut self, key: &str, shape: S, exact: &[f64]) -> Array<R, S::Dim> {
        let shape = shape.into_dimension();
        let given = self.given_numbers(key, exact.len());
        let exact = given.as_deref().unwrap_or(exact);
        let source = Source::new(&self.row.id, self.bump, key);
        let numbers =
            exact.iter().enumerate().map(|(i, &x)| (self.number)(x, source.word((1 << 40) + i as u64)));
        let array = Array::from_shape_vec(shape, numbers.collect()).expect("as many numbers as the shape");
        self.keep(key, &array);
        array
    }

    /// The same numbers before they are made inputs.
    pub fn exact(&self, key: &str, shape: &[usize], fill: &Fill) -> Vec<f64> {
        if let Some(given) = self.given_numbers(key, shape.iter().product()) {
            return given;
        }
        let fill = self.row.fills.iter().find(|(other, _)| *other == key).map_or(fill, |(_, fill)| fill);
        let width = shape.last().copied().unwrap_or(1).max(1);
        let source = Source::new(&self.row.id, self.bump, key);
        source.fill(fill, self.row.grid, shape.iter().product(), width)
    }

    /// Numbers that are the same in every number type and have no gradient: boxes, tables, biases.
    pub fn constant(&mut self, key: &str, shape: &[usize], fill: &Fill) -> ArrayD<f64> {
        let exact = self.exact(key, shape, fill);
        let array = ArrayD::from_shape_vec(IxDyn(shape), exact).expect("as many numbers as the shape");
        self.keep(key, &array.mapv(R::of));
        array
    }

    /// An input `in/name` of standard deviation `std`.
    pub fn input<S: IntoDimension>(&mut self, name: &str, shape: S, std: f64) -> Array<R, S::Dim> {
        self.draw(&format!("in/{name}"), shape, Fill::normal(std))
    }

    /// The gradient of an output.
    pub fn cot<S: IntoDimension>(&mut self, name: &str, shape: S) -> Array<R, S::Dim> {
        self.draw(&format!("cot/{name}"), shape, Fill::normal(1.0))
    }

    /// Draws the parameters of a module, and returns it: gains around 1, biases small, matrices so that a product keeps
    /// the size of its input.
    pub fn module<T: Tree<R>>(&mut self, name: &str, mut module: T) -> T {
        let mut list = vec![];
        module.collect_mut(name, &mut list);
        for (name, mut array) in list {
            let shape = array.shape().to_vec();
            let fill = match name.rsplit('.').next().unwrap_or("") {
                "gamma" => Fill::Normal { mean: 1.0, std: 0.25 },
                "beta" | "bias" => Fill::normal(0.3),
                "weight" if shape.len() == 2 => Fill::normal((1.0 / shape[0] as f64).sqrt()),
                "weight" => Fill::normal((1.0 / shape[1..].iter().product::<usize>() as f64).sqrt()),
                _ => Fill::normal(0.7),
            };
            let drawn = self.draw(&format!("param/{name}"), IxDyn(&shape), fill);
            array.assign(&drawn);
        }
        module
    }

    /// Puts other numbers into an input that was drawn: those that a program must not read.
    ///
    /// # Panics
    /// If it was not drawn.
    pub fn poison<D: Dimension>(&mut self, key: &str, array: &ArrayRef<R, D>) {
        let array = array.to_owned().into_dyn().as_standard_layout().into_owned();
        let place = self.arrays.iter_mut().find(|(name, _)| name == key).expect("an input that was drawn");
        place.1 = Value::Real(array);
    }

    /// Keeps an array under `out/y`, `act/p`, `grad_in/x`, ..
    pub fn keep<D: Dimension>(&mut self, key: &str, array: &ArrayRef<R, D>) {
        let array = array.to_owned().into_dyn().as_standard_layout().into_owned();
        self.arrays.push((key.to_string(), Value::Real(array)));
    }

    /// Keeps an array in another shape.
    ///
    /// # Panics
    /// If the shape asks for another number of numbers.
    pub fn keep_as<D: Dimension>(&mut self, key: &str, array: &ArrayRef<R, D>, shape: &[usize]) {
        let list: Vec<R> = array.iter().copied().collect();
        let array = ArrayD::from_shape_vec(IxDyn(shape), list).expect("another shape of as many numbers");
        self.arrays.push((key.to_string(), Value::Real(array)));
    }

    /// Keeps a number.
    pub fn keep_number(&mut self, key: &str, x: R) {
        self.keep(key, &ndarray::arr0(x));
    }

    /// Keeps every array of a tree, usually the gradients of parameters.
    pub fn keep_tree(&mut self, section: &str, name: &str, tree: &impl Tree<R>) {
        let mut list = vec![];
        tree.collect(name, &mut list);
        for (name, array) in list {
            self.keep(&format!("{section}/{}", join("", &name)), &array);
        }
    }
}
