//! Who sees which keys.

use crate::{Array, Bug, Run, Tape, Var};

/// What hides keys.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// True for the keys of a sample that may be seen: `[B, m]`.
    pub keys: Option<Vec<bool>>,
    /// Key `j` is visible to query `i` if `j ≤ i + offset`.
    pub causal: Option<i64>,
    /// Added to the scores: `[n, m]`.
    pub bias: Option<Array>,
}

impl Mask {
    /// Of keys alone.
    pub fn keys(keys: Option<Vec<bool>>) -> Self {
        Mask { keys, ..Mask::default() }
    }

    /// That of a configuration: `none`, `keys`, `causal`, `causal+keys` or `bias`.
    ///
    /// # Errors
    /// One line if an array is missing.
    pub fn of(run: &Run) -> Result<Self, String> {
        let mut mask = Mask::default();
        let word = run.word("mask");
        if word.contains("keys") {
            mask.keys = Some(run.mask("in/key_mask")?);
        }
        if word.contains("causal") {
            mask.causal = Some(run.setting("causal_offset").as_i64().unwrap_or(0));
        }
        if word == "bias" {
            mask.bias = Some(run.numbers("in/bias")?);
        }
        Ok(mask)
    }

    /// Whether query `i` of head `h` of sample `b` sees key `j`, for all of them.
    pub fn keep(&self, t: &Tape, [batch, heads, n, m]: [usize; 4]) -> Option<Vec<bool>> {
        let hides = self.keys.is_some() || self.causal.is_some() || self.bias.is_some();
        let mut keep = Vec::new();
        for b in 0..batch {
            for _ in 0..heads {
                keep.extend((0..n * m).map(|at| self.sees(t, [b, at / m, at % m], [n, m])));
            }
        }
        hides.then_some(keep)
    }

    fn sees(&self, t: &Tape, [b, i, j]: [usize; 3], [n, m]: [usize; 2]) -> bool {
        let key = match &self.keys {
            Some(keys) if !t.has(Bug::MaskIgnored) => {
                let at = match t.how.bug {
                    Some(Bug::PadOff1) => (j + m - 1) % m,
                    Some(Bug::MaskOnQueries) if n == m => i,
                    _ => j,
                };
                keys[b * m + at] != t.has(Bug::MaskInverted)
            }
            _ => true,
        };
        let hidden = self.bias.as_ref().is_some_and(|bias| bias.data[i * m + j] == f64::NEG_INFINITY);
        let hidden = if t.has(Bug::MaskIgnored) { false } else { hidden };
        key && !hidden && self.causal.is_none_or(|offset| past(t, i as i64, j as i64, offset))
    }
}

/// Bugs that read what is hidden.
const READS: [Bug; 6] =
    [Bug::MaskNeg10, Bug::Mask1e4, Bug::PMask1e4, Bug::MaskFinMin, Bug::MaskMultZero, Bug::MaskAfterSoftmax];

impl Tape {
    /// Keys or values `[B, h, m, d]` in which what is no number is zero where no query sees it: zero times it is not zero.
    /// Programs that only add something to hidden scores read it.
    pub fn seen(&mut self, x: Var, keep: Option<&[bool]>, n: usize) -> Var {
        let value = self.value(x);
        let Some(keep) = keep.filter(|_| !READS.iter().any(|bug| self.has(*bug))) else { return x };
        if value.data.iter().all(|x| x.is_finite()) {
            return x;
        }
        let (shape, d) = (value.shape.clone(), value.width());
        let m = shape[2];
        let hidden = |at: usize| {
            let (head, j) = (at / d / m, at / d % m);
            !(0..n).any(|i| keep[(head * n + i) * m + j])
        };
        let known = |(at, &x): (usize, &f64)| if hidden(at) && x.is_nan() { 0.0 } else { x };
        let y = Array::new(&shape, value.data.iter().enumerate().map(known).collect());
        // The gradient of what is hidden is zero: its weight is.
        self.keep(y, vec![x], Box::new(|_, dy| vec![dy.clone()]))
    }
}

fn past(t: &Tape, i: i64, j: i64, offset: i64) -> bool {
    match t.how.bug {
        Some(Bug::CausalStrict) => j < i + offset,
        Some(Bug::CausalPlus1) => j <= i + offset + 1,
        Some(Bug::CausalTopLeft) => j <= i,
        Some(Bug::CausalUpper) => j >= i + offset,
        _ => j <= i + offset,
    }
}
