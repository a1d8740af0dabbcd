//! Trees of named arrays: parameters, gradients, optimizer moments, tapes, golden cases.

use std::collections::BTreeMap;

use ndarray::{Array, ArrayViewD, ArrayViewMutD, Dimension};

use crate::Real;
use crate::parallel::{for_chunks, zip_in_place};

/// A tree of named arrays: a module, a tape, a single array, a list or a tuple of those.
///
/// The gradient of a module `M` is another `M`, so parameters, gradients, Adam moments and random
/// directions are listed by the same code, in the same order and under the same names.
pub trait Tree<R: Real>: Clone {
    /// Appends every array below `self` to `list`, named from `name` on, in field order.
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>);
    /// As [`collect`](Tree::collect), with write access.
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>);

    /// Every array with its name: `("attn.w_q.weight", [d, d])`, ...
    fn arrays(&self) -> Vec<(String, ArrayViewD<'_, R>)> {
        let mut list = Vec::new();
        self.collect("", &mut list);
        list
    }

    /// Every array with its name, writable.
    fn arrays_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, R>)> {
        let mut list = Vec::new();
        self.collect_mut("", &mut list);
        list
    }

    /// The same tree with every number zero: what gradients are accumulated in.
    fn zeros_like(&self) -> Self {
        let mut zeros = self.clone();
        zeros.set_to_zero();
        zeros
    }

    /// Sets every number to zero: gradients at the beginning of a step.
    fn set_to_zero(&mut self) {
        fill_with_zeros(self.arrays_mut());
    }

    /// `self += scale · other`.
    ///
    /// # Panics
    /// If arrays at the same place have different shapes.
    fn add_scaled(&mut self, scale: R, other: &Self) {
        add_scaled_arrays(self.arrays_mut(), scale, other.arrays());
    }

    /// How many numbers the tree holds.
    fn count(&self) -> usize {
        self.arrays().iter().map(|(_, a)| a.len()).sum()
    }
}

// The loops of the trait without the type of the tree: compiled once for each number type.

fn fill_with_zeros<R: Real>(arrays: Vec<(String, ArrayViewMutD<R>)>) {
    for (_, mut a) in arrays {
        match a.as_slice_memory_order_mut() {
            Some(a) => for_chunks(
                a,
                1,
                #[inline(always)]
                |_, a| a.fill(R::of(0.0)),
            ),
            None => a.fill(R::of(0.0)),
        }
    }
}

fn add_scaled_arrays<R: Real>(
    arrays: Vec<(String, ArrayViewMutD<R>)>,
    scale: R,
    others: Vec<(String, ArrayViewD<R>)>,
) {
    for ((_, mut a), (_, b)) in arrays.into_iter().zip(others) {
        zip_in_place(
            &mut a,
            &b,
            #[inline(always)]
            |a, b| a + scale * b,
        );
    }
}

/// `"attn"` and `"w_q"` give `"attn.w_q"`.
pub fn join(parent: &str, child: &str) -> String {
    if parent.is_empty() { child.to_string() } else { format!("{parent}.{child}") }
}

impl<R: Real, D: Dimension> Tree<R> for Array<R, D> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        list.push((name.to_string(), self.view().into_dyn()));
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        list.push((name.to_string(), self.view_mut().into_dyn()));
    }
}

/// A single number is an array without axes.
macro_rules! number {
    ($($t:ty),*) => {$(
        impl Tree<$t> for $t {
            fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, $t>)>) {
                list.push((name.to_string(), ndarray::aview0(self).into_dyn()));
            }
            fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, $t>)>) {
                let one = ArrayViewMutD::from_shape(ndarray::IxDyn(&[]), std::slice::from_mut(self));
                list.push((name.to_string(), one.expect("one number")));
            }
        }
    )*};
}
number!(f32, f64, crate::Dual, crate::Dd, crate::DdReversed, crate::Mca, crate::Emu, crate::AnyReal);

impl<R: Real, T: Tree<R>> Tree<R> for Vec<T> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        self.iter().enumerate().for_each(|(i, t)| t.collect(&join(name, &i.to_string()), list));
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        self.iter_mut().enumerate().for_each(|(i, t)| t.collect_mut(&join(name, &i.to_string()), list));
    }
}

impl<R: Real, T: Tree<R>> Tree<R> for Option<T> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        self.iter().for_each(|t| t.collect(name, list));
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        self.iter_mut().for_each(|t| t.collect_mut(name, list));
    }
}

impl<R: Real, T: Tree<R>> Tree<R> for BTreeMap<String, T> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        self.iter().for_each(|(key, t)| t.collect(&join(name, key), list));
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        self.iter_mut().for_each(|(key, t)| t.collect_mut(&join(name, key), list));
    }
}

macro_rules! tuple {
    ($($T:ident $i:tt),+) => {
        /// Named `0`, `1`, ...: how tests bundle a module with its inputs.
        impl<R: Real, $($T: Tree<R>),+> Tree<R> for ($($T,)+) {
            fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
                $(self.$i.collect(&join(name, stringify!($i)), list);)+
            }
            fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
                $(self.$i.collect_mut(&join(name, stringify!($i)), list);)+
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, E 3);
tuple!(A 0, B 1, C 2, E 3, F 4);
tuple!(A 0, B 1, C 2, E 3, F 4, G 5);

/// `tree!(Linear { weight, bias })` names the arrays of a struct; fields that hold no arrays follow
/// a semicolon: `tree!(MultiHead { w_q, w_k; heads })`.
///
/// The pattern it expands to has no `..`, so a field left out does not compile.
#[macro_export]
macro_rules! tree {
    ($T:ident { $($field:ident),* $(; $($other:ident),*)? }) => {
        impl<R: $crate::Real> $crate::Tree<R> for $T<R> {
            fn collect<'a>(
                &'a self,
                name: &str,
                list: &mut Vec<(String, $crate::ndarray::ArrayViewD<'a, R>)>,
            ) {
                let Self { $($field,)* $($($other: _,)*)? } = self;
                $($crate::Tree::collect($field, &$crate::tree::join(name, stringify!($field)), list);)*
            }
            fn collect_mut<'a>(
                &'a mut self,
                name: &str,
                list: &mut Vec<(String, $crate::ndarray::ArrayViewMutD<'a, R>)>,
            ) {
                let Self { $($field,)* $($($other: _,)*)? } = self;
                $($crate::Tree::collect_mut($field, &$crate::tree::join(name, stringify!($field)), list);)*
            }
        }
    };
}
