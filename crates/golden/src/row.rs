//! What the catalogue says about a case, and the operations that compute them.

use mmt_tensor::{AnyReal, Profile, Result};
use serde_json::Value;

use crate::draw::{Fill, Grid};
pub use crate::level::{Level, Tier};
use crate::run::Run;

/// A case of the catalogue. Its name never changes its meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// `<family>.<subject>.<regime>`
    pub id: String,
    /// What computes it.
    pub op: &'static str,
    /// How much it covers.
    pub level: Level,
    /// The smallest bundle that it is in.
    pub tier: Tier,
    /// The settings of the operation.
    pub config: Value,
    /// Sizes of its inputs.
    pub sizes: Vec<(&'static str, usize)>,
    /// Inputs that are not drawn as the operation draws them: `("in/x", ..)`.
    pub fills: Vec<(&'static str, Fill)>,
    /// What its inputs are like.
    pub regimes: Vec<&'static str>,
    /// The numbers that inputs may take.
    pub grid: Grid,
    /// The formula that it is about.
    pub equation: &'static str,
    /// Why it is there, where no bug of the catalogue says so.
    pub notes: Vec<&'static str>,
}

impl Row {
    /// A case of normal numbers in the core tier.
    pub fn new(id: impl Into<String>, op: &'static str, equation: &'static str, config: Value) -> Self {
        Row {
            id: id.into(),
            op,
            level: Level::Op,
            tier: Tier::Core,
            config,
            sizes: vec![],
            fills: vec![],
            regimes: vec!["normal"],
            grid: Grid::G8,
            equation,
            notes: vec![],
        }
    }

    /// With these sizes.
    pub fn sizes(mut self, sizes: &[(&'static str, usize)]) -> Self {
        self.sizes.retain(|(old, _)| sizes.iter().all(|(new, _)| new != old));
        self.sizes.extend(sizes);
        self
    }

    /// With another filling of an input.
    pub fn fill(mut self, key: &'static str, fill: Fill) -> Self {
        self.fills.push((key, fill));
        self
    }

    /// With these tags.
    pub fn regimes(mut self, regimes: &[&'static str]) -> Self {
        self.regimes = regimes.to_vec();
        self
    }

    /// With the reason why it is there.
    pub fn note(mut self, text: &'static str) -> Self {
        self.notes.push(text);
        self
    }

    /// At this level.
    pub fn level(self, level: Level) -> Self {
        Row { level, ..self }
    }

    /// In the smallest bundle.
    pub fn smoke(self) -> Self {
        Row { tier: Tier::Smoke, ..self }
    }

    /// With inputs of 24 bits.
    pub fn g24(mut self) -> Self {
        self.grid = Grid::G24;
        self.regimes.push("g24");
        self
    }

    /// With inputs below the smallest normal number of single precision: a program may take them for zero.
    pub fn subnormal(mut self) -> Self {
        self.grid = Grid::Subnormal;
        self.regimes = vec!["subnormal"];
        self
    }

    /// The part of the name before the first dot.
    pub fn family(&self) -> &str {
        self.id.split('.').next().unwrap_or(&self.id)
    }

    /// `ops/linear.affine.normal.safetensors`
    pub fn file(&self) -> String {
        format!("{}/{}.safetensors", self.level.folder(), self.id)
    }

    /// The arithmetics that a case is about: inputs that do not fit into half the bits are not for those that have them, large
    /// numbers and faint ones are not for those with five bits of exponent, and the subnormal numbers of single precision are
    /// for it alone.
    pub fn profiles(&self) -> Vec<Profile> {
        let fits = |profile: &Profile| match profile {
            Profile::F32 => true,
            Profile::F64 | Profile::Tf32 => self.grid != Grid::Subnormal,
            Profile::Bf16 => self.grid == Grid::G8,
            Profile::F16 => {
                self.grid == Grid::G8 && !self.regimes.iter().any(|r| ["huge", "faint"].contains(r))
            }
        };
        Profile::ALL.into_iter().filter(fits).collect()
    }
}

/// A computation of the catalogue.
#[derive(Clone, Copy)]
pub struct Op {
    /// The name that rows call it by.
    pub name: &'static str,
    /// Whether it has attention inside, which programs compute in two ways.
    pub attends: bool,
    /// What computes it, in any number type.
    pub run: fn(&mut Run<AnyReal>) -> Result<()>,
}

/// `op!(linear)`: the generic function of that name, for a number type that is chosen later; `op!(mha attends)` for one with attention.
#[macro_export]
macro_rules! op {
    ($function:ident) => {
        $crate::op!($function, false)
    };
    ($function:ident attends) => {
        $crate::op!($function, true)
    };
    ($function:ident, $attends:literal) => {
        $crate::row::Op {
            name: stringify!($function),
            attends: $attends,
            run: $function::<mmt_tensor::AnyReal>,
        }
    };
}
