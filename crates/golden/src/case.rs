//! Golden cases: inputs, parameters, intermediates, outputs and gradients of one computation.

use mmt_tensor::tree::join;
use mmt_tensor::{Real, Tree};
use ndarray::{ArrayD, ArrayRef, ArrayViewD, Dimension};

/// An array of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<R> {
    /// Numbers of the type of the run.
    Real(ArrayD<R>),
    /// Ids, labels, lengths.
    Int(ArrayD<i64>),
    /// Masks.
    Bool(ArrayD<bool>),
}

/// One computation: named arrays in the order they were added.
///
/// Keys are `<record>/<section>/<name>`; the record is `main`. Sections: `in`, `param`, `buf`, `cot` (the gradient that
/// comes in), `out`, `loss`, `act` (intermediates), `grad_in`, `grad_param`.
#[derive(Clone, Debug, PartialEq)]
pub struct Case<R> {
    /// `<family>.<subject>.<regime>`, stable for ever.
    pub name: String,
    /// The arrays.
    pub arrays: Vec<(String, Value<R>)>,
}

/// What a golden builder fills: the cases of one formula.
#[derive(Clone, Debug, PartialEq)]
pub struct Cases<R> {
    /// In the order they were added.
    pub list: Vec<Case<R>>,
}

impl<R> Default for Cases<R> {
    fn default() -> Self {
        Cases { list: Vec::new() }
    }
}

impl<R: Real> Cases<R> {
    /// Begins a case.
    pub fn case(&mut self, name: &str) -> &mut Case<R> {
        self.list.push(Case { name: name.to_string(), arrays: Vec::new() });
        self.list.last_mut().expect("just pushed")
    }
}

macro_rules! sections {
    ($($section:ident = $key:literal, $doc:literal;)*) => {
        $(#[doc = $doc]
        pub fn $section(&mut self, name: &str, tree: &impl Tree<R>) -> &mut Self {
            self.tree($key, name, tree)
        })*
    };
}

impl<R: Real> Case<R> {
    sections! {
        input = "in", "An input: an array or a tree of arrays; an empty name adds the names of the tree alone.";
        param = "param", "Parameters of a module.";
        buf = "buf", "A constant table that a reader should not have to compute again.";
        cot = "cot", "The gradient of an output.";
        out = "out", "An output.";
        loss = "loss", "A loss.";
        act = "act", "An intermediate, usually a tape.";
        grad_in = "grad_in", "The gradient of an input.";
        grad_param = "grad_param", "The gradient of parameters.";
    }

    /// Ids, labels or lengths.
    pub fn ids<D: Dimension>(&mut self, name: &str, ids: &ArrayRef<usize, D>) -> &mut Self {
        let ids = ids.to_owned().into_dyn().mapv(|i| i64::try_from(i).expect("an id below 2^63"));
        self.arrays.push((format!("main/in/{name}"), Value::Int(ids)));
        self
    }

    /// A mask.
    pub fn mask<D: Dimension>(&mut self, name: &str, mask: &ArrayRef<bool, D>) -> &mut Self {
        self.arrays.push((format!("main/in/{name}"), Value::Bool(mask.to_owned().into_dyn())));
        self
    }

    /// The array of numbers `section/name` of the record `main`.
    pub fn array(&self, key: &str) -> Option<&ArrayD<R>> {
        let key = format!("main/{key}");
        self.arrays.iter().find_map(|(name, value)| match value {
            Value::Real(a) if *name == key => Some(a),
            _ => None,
        })
    }

    fn tree(&mut self, section: &str, name: &str, tree: &impl Tree<R>) -> &mut Self {
        let mut list = Vec::new();
        tree.collect(name, &mut list);
        self.push(section, list);
        self
    }

    fn push(&mut self, section: &str, list: Vec<(String, ArrayViewD<R>)>) {
        for (name, a) in list {
            let name = if name.is_empty() { join("", "value") } else { name };
            self.arrays.push((format!("main/{section}/{name}"), Value::Real(a.to_owned())));
        }
    }
}
