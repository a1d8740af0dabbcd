//! Bugs of arithmetic: what they round.

use super::Bug;
use crate::{Arithmetic, Format};

/// The arithmetic of a run with this bug.
pub fn arithmetic_of(bug: Option<Bug>, base: Arithmetic) -> Arithmetic {
    let mut a = base;
    match bug {
        Some(Bug::PTf32) => a.operand = Format::Bits(11),
        Some(Bug::PBf16Operands) => a.operand = Format::Bits(8),
        Some(Bug::P16BitOperands) => a.operand = Format::Bits(16),
        Some(Bug::PF16Accum) => a.accumulator = (Format::F16, 4),
        Some(Bug::PF16AccumH) => a.accumulator = (Format::F16, 1),
        Some(Bug::PBf16Accum) => a.accumulator = (Format::Bf16, 1),
        Some(Bug::PBf16Accum16) => a.accumulator = (Format::Bf16, 16),
        Some(Bug::PFastExp11) => a.functions = Some(11),
        Some(Bug::PFastExp16) => a.functions = Some(16),
        Some(Bug::PTrunc) => {
            a.store = Format::Bf16Cut;
            a.operand = Format::Bf16Cut;
        }
        Some(Bug::PLnStatsBf16) => a.statistics = Format::Bf16,
        Some(Bug::PLossHalf) => a.losses = Format::Bf16,
        _ => {}
    }
    a
}
