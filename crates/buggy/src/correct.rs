//! Correct backends, which every case must let pass.

use crate::{Arithmetic, How, Order, TILE, Tensors, computed};

/// One of several correct algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Queries scaled before the product.
    ScaleFirst,
    /// Sums of exponentials with a running maximum.
    Online,
    /// Probabilities of attention computed again in the backward, from the logarithm of the sum.
    Recompute,
    /// `1 - β^t` from a power that is multiplied one by one, and rounded every time.
    Powers,
}

/// A correct backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correct {
    /// Its name.
    pub id: &'static str,
    /// What sets it apart.
    pub text: &'static str,
    /// The order of sums.
    pub order: Order,
    /// The algorithm, where it is another one.
    pub variant: Option<Variant>,
    /// Bits of its elementary functions, where they are not all exact.
    pub functions: Option<u32>,
}

const fn correct(id: &'static str, text: &'static str, order: Order, variant: Option<Variant>) -> Correct {
    Correct { id, text, order, variant, functions: None }
}

/// What must pass.
pub const CORRECT: &[Correct] = &[
    correct("naive", "loops in order", Order::Forward, None),
    correct("reversed", "sums from the last term to the first", Order::Reverse, None),
    correct("pairwise", "sums of halves of halves", Order::Pairwise, None),
    correct("blocked8", "eight running sums", Order::EightWays, None),
    correct("scale_first", "queries scaled before the product", Order::Forward, Some(Variant::ScaleFirst)),
    correct("online_softmax", "softmax with a running maximum", Order::Forward, Some(Variant::Online)),
    correct(
        "lse_recompute",
        "probabilities computed again from the logarithm of the sum",
        Order::Forward,
        Some(Variant::Recompute),
    ),
    correct(
        "rounded_powers",
        "corrections of AdamW from powers that are rounded",
        Order::Forward,
        Some(Variant::Powers),
    ),
    Correct {
        functions: Some(21),
        ..correct("functions21", "exponentials within 4 units of the last place", Order::Forward, None)
    },
];

/// A correct backend in the arithmetic of a profile.
///
/// # Errors
/// As [`run`](crate::run), and one line for a name that is not in the list.
pub fn run_correct(
    op: &str,
    config: &serde_json::Value,
    inputs: &Tensors,
    id: &str,
    profile: &str,
) -> Result<Tensors, String> {
    let found = CORRECT.iter().find(|other| other.id == id);
    let found = found.ok_or_else(|| format!("no variant `{id}`"))?;
    let arithmetic =
        Arithmetic { order: found.order, functions: found.functions, ..Arithmetic::of_profile(profile)? };
    computed(op, config, inputs, How { arithmetic, bug: None, variant: found.variant, tile: TILE })
}
