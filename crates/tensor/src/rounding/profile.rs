//! The arithmetic that a program claims to compute in.

/// How a program rounds: after every operation, the factors of its matrix products, and what it writes to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// IEEE double precision.
    F64,
    /// IEEE single precision, in any order, with functions to about 4 units in the last place.
    F32,
    /// Single precision with the factors of products rounded to 11 bits, as tensor cores do.
    Tf32,
    /// Factors and results of 8 bits; statistics, scores, losses and sums in single precision.
    Bf16,
    /// Factors and results of 11 bits and five bits of exponent; the rest as in [`Bf16`](Profile::Bf16).
    F16,
}

impl Profile {
    /// From the finest to the coarsest.
    pub const ALL: [Profile; 5] = [Profile::F64, Profile::F32, Profile::Tf32, Profile::Bf16, Profile::F16];

    /// `"f32"`
    pub fn name(self) -> &'static str {
        match self {
            Profile::F64 => "f64",
            Profile::F32 => "f32",
            Profile::Tf32 => "tf32",
            Profile::Bf16 => "bf16",
            Profile::F16 => "f16",
        }
    }

    /// The profile of a name.
    pub fn of(name: &str) -> Option<Self> {
        Profile::ALL.into_iter().find(|p| p.name() == name)
    }

    /// `k`, where an operation is off by at most `2^-k` of its result.
    pub fn compute_bits(self) -> i32 {
        if self == Profile::F64 { 53 } else { 24 }
    }

    /// The same of a factor of a matrix product; `None` if factors are taken as they are.
    pub fn operand_bits(self) -> Option<i32> {
        match self {
            Profile::F64 | Profile::F32 => None,
            Profile::Tf32 | Profile::F16 => Some(11),
            Profile::Bf16 => Some(8),
        }
    }

    /// The same of a number in memory.
    pub fn store_bits(self) -> i32 {
        match self {
            Profile::F64 => 53,
            Profile::F32 | Profile::Tf32 => 24,
            Profile::Bf16 => 8,
            Profile::F16 => 11,
        }
    }

    /// `k`, where `2^k` is the smallest normal number in memory.
    pub fn smallest_exponent(self) -> i32 {
        match self {
            Profile::F64 => -1022,
            Profile::F32 | Profile::Tf32 | Profile::Bf16 => -126,
            Profile::F16 => -14,
        }
    }
}
