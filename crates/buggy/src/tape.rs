//! What was computed, in order, and the way back.
//!
//! Every node holds its value and its hand-written gradient; the chain rule between nodes is a loop. A bug in a forward
//! therefore changes its backward as it would in a library that differentiates by itself, and a bug in a backward
//! changes nothing else.

use std::cell::RefCell;

use crate::{Arithmetic, Array, Bug, Variant};

/// A node of a [`Tape`].
pub type Var = usize;

/// From the gradient of a node to those of its parents.
pub type Back = Box<dyn Fn(&Tape, &Array) -> Vec<Array>>;

/// How a run computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct How {
    /// What is rounded.
    pub arithmetic: Arithmetic,
    /// What is wrong.
    pub bug: Option<Bug>,
    /// Which of several correct algorithms.
    pub variant: Option<Variant>,
    /// Keys that a tiled kernel takes at a time, for bugs of such kernels.
    pub tile: usize,
}

impl How {
    /// Whether the run has this bug.
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

/// A node.
struct Node {
    value: Array,
    parents: Vec<Var>,
    back: Option<Back>,
    /// Whether its gradient is stored, and so rounded.
    stored: bool,
}

/// The nodes of one computation.
pub struct Tape {
    /// How numbers are computed.
    pub how: How,
    nodes: Vec<Node>,
    /// `Σ dy y` of every row of the attention whose backward runs, for the backward of its softmax.
    pub centers: RefCell<Vec<f64>>,
}

impl Tape {
    /// No nodes.
    pub fn new(how: How) -> Self {
        Tape { how, nodes: Vec::new(), centers: RefCell::default() }
    }

    /// The arithmetic of the run.
    pub fn arithmetic(&self) -> &Arithmetic {
        &self.how.arithmetic
    }

    /// Whether the run has this bug.
    pub fn has(&self, bug: Bug) -> bool {
        self.how.has(bug)
    }

    /// An input, a parameter or a constant, rounded to the run's format.
    pub fn leaf(&mut self, mut value: Array) -> Var {
        let a = self.how.arithmetic;
        value.data.iter_mut().for_each(|x| *x = a.store.round(a.r(*x)));
        self.node(value, Vec::new(), None, true)
    }

    /// A constant, as exact as it is.
    pub fn constant(&mut self, value: Array) -> Var {
        self.node(value, Vec::new(), None, false)
    }

    /// The value of `y` with the gradient of `wrong`: a right forward and a backward that belongs to something else.
    pub fn backward_of(&mut self, y: Var, wrong: Var) -> Var {
        let value = self.value(y).clone();
        self.node(value, vec![wrong], Some(Box::new(|_, dy| vec![dy.clone()])), true)
    }

    /// `y`, with the gradient of `wrong` if the run has this bug.
    pub fn backward_if(&mut self, bug: Bug, y: Var, wrong: impl FnOnce(&mut Tape) -> Var) -> Var {
        if !self.has(bug) {
            return y;
        }
        let wrong = wrong(self);
        self.backward_of(y, wrong)
    }

    /// A result that is stored: rounded to the format of tensors, and its gradient too.
    pub fn push(&mut self, mut value: Array, parents: Vec<Var>, back: Back) -> Var {
        let store = self.how.arithmetic.store;
        value.data.iter_mut().for_each(|x| *x = store.round(*x));
        self.node(value, parents, Some(back), true)
    }

    /// A result that lives in registers: scores, statistics, losses.
    pub fn keep(&mut self, value: Array, parents: Vec<Var>, back: Back) -> Var {
        self.node(value, parents, Some(back), false)
    }

    fn node(&mut self, value: Array, parents: Vec<Var>, back: Option<Back>, stored: bool) -> Var {
        self.nodes.push(Node { value, parents, back, stored });
        self.nodes.len() - 1
    }

    /// The value of a node.
    pub fn value(&self, v: Var) -> &Array {
        &self.nodes[v].value
    }

    /// The sizes of the axes of a node.
    pub fn shape(&self, v: Var) -> Vec<usize> {
        self.nodes[v].value.shape.clone()
    }

    /// The gradient of every node, given those of some; `None` for a node that none of them depends on.
    pub fn backward(&self, seeds: Vec<(Var, Array)>) -> Vec<Option<Array>> {
        let a = self.how.arithmetic;
        let mut gradients: Vec<Option<Array>> = self.nodes.iter().map(|_| None).collect();
        for (v, seed) in seeds {
            add(&a, &mut gradients[v], seed);
        }
        for (v, node) in self.nodes.iter().enumerate().rev() {
            let Some(gradient) = &mut gradients[v] else { continue };
            if node.stored {
                gradient.data.iter_mut().for_each(|x| *x = a.store.round(*x));
            }
            let Some(back) = &node.back else { continue };
            let parts = back(self, gradient);
            for (&parent, part) in node.parents.iter().zip(parts) {
                add(&a, &mut gradients[parent], part);
            }
        }
        gradients
    }
}

fn add(a: &Arithmetic, sum: &mut Option<Array>, part: Array) {
    match sum {
        None => *sum = Some(part),
        Some(sum) => sum.data.iter_mut().zip(part.data).for_each(|(s, x)| *s = a.r(*s + x)),
    }
}
