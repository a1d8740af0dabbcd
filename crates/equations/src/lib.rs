//! The register: every formula of the note, where it is implemented, what proves it, and its golden cases.
//!
//! One file per section of the note with one row per formula, and one file per formula under `checks` with its
//! evidence. The compiler holds a row and its code, checks and golden builder together; `tests/register.rs` compares
//! the rows with the `**eq-..**` marks in the sources and with the page `docs/equations.md`.
//!
//! `mmt verify` and `cargo test` run the same functions.

use mmt_golden::Cases;
use mmt_tensor::{Dd, Random, Result};

pub mod checks;
pub mod errata;
mod note_0;
mod note_1_1;
mod note_1_2;
mod note_1_3;
mod note_1_4;
mod note_2;
mod note_3;
mod note_6_3;
pub mod page;

pub use errata::{Erratum, errata};

/// A property of a formula: panics when it does not hold for the numbers that it draws.
pub type Property = (&'static str, fn(&mut Random));

/// One formula of the note and everything that stands behind it.
pub struct Equation {
    /// The id of the specification, which also stands in the doc comment: `eq-0.2-softmax`.
    pub id: &'static str,
    /// The section of the note.
    pub section: &'static str,
    /// The path of the function or module that computes it.
    pub code: &'static str,
    /// Compares the forward function with numbers that somebody else computed; panics when they differ.
    pub forward: fn(),
    /// Compares the hand-derived gradient with dual numbers; panics when they differ. `None` if nothing is
    /// differentiated.
    pub backward: Option<fn()>,
    /// What holds for all inputs.
    pub properties: &'static [Property],
    /// Its golden cases.
    pub golden: Golden,
}

/// The golden builder of a formula, for each number type that asks for one.
#[derive(Clone, Copy)]
pub struct Golden {
    /// In single precision.
    pub f32: fn(&mut Cases<f32>) -> Result<()>,
    /// In double precision.
    pub f64: fn(&mut Cases<f64>) -> Result<()>,
    /// The true values.
    pub dd: fn(&mut Cases<Dd>) -> Result<()>,
}

/// All rows, in the order of the note.
pub fn register() -> impl Iterator<Item = &'static Equation> {
    [
        note_0::ROWS,
        note_1_1::ROWS,
        note_1_2::ROWS,
        note_1_3::ROWS,
        note_1_4::ROWS,
        note_2::ROWS,
        note_3::ROWS,
        note_6_3::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The row of an id.
pub fn find(id: &str) -> Option<&'static Equation> {
    register().find(|row| row.id == id)
}

/// The rows of one section: `id: path of the code => module of its evidence`.
///
/// The module has `forward()`, `BACKWARD`, `PROPERTIES` and `golden(&mut Cases<R>)`. `tests/rows.rs` makes tests of it.
macro_rules! equations {
    ($section:literal, $($name:ident = $id:literal: $code:path => $($check:ident)::+;)*) => {
        pub(crate) const ROWS: &[crate::Equation] = &[$({
            #[allow(unused_imports)]
            use $code as _;
            crate::Equation {
                id: $id,
                section: $section,
                code: stringify!($code),
                forward: $($check)::+::forward,
                backward: $($check)::+::BACKWARD,
                properties: $($check)::+::PROPERTIES,
                golden: crate::Golden {
                    f32: $($check)::+::golden::<f32>,
                    f64: $($check)::+::golden::<f64>,
                    dd: $($check)::+::golden::<mmt_tensor::Dd>,
                },
            }
        }),*];
    };
}
use equations;

/// `properties![a, b]`: functions with their names.
macro_rules! properties {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name)),*] };
}
use properties;
