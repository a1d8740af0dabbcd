//! Sequences as heads, and back.

use crate::{Bug, Tape, Var};

/// `[B, n, h w]` → `[B, h, n, w]`
pub fn split_heads(t: &mut Tape, x: Var, heads: usize) -> Result<Var, String> {
    let [batch, n, d] = t.shape(x)[..] else { return Err("a sequence has three axes".to_string()) };
    if heads == 0 || d % heads != 0 {
        return Err(format!("{heads} heads do not divide a width of {d}"));
    }
    if t.has(Bug::HeadsInterleaved) {
        let y = t.reshape(x, &[batch, n, d / heads, heads]);
        return Ok(t.permute(y, &[0, 3, 1, 2]));
    }
    let y = t.reshape(x, &[batch, n, heads, d / heads]);
    Ok(t.permute(y, &[0, 2, 1, 3]))
}

/// `[B, h, n, w]` → `[B, n, h w]`
pub fn merge_heads(t: &mut Tape, x: Var) -> Var {
    let shape = t.shape(x);
    let flat = [shape[0], shape[2], shape[1] * shape[3]];
    if t.has(Bug::HeadsNotTransposed) {
        return t.reshape(x, &flat);
    }
    let axes = if t.has(Bug::HeadsInterleaved) { [0, 2, 3, 1] } else { [0, 2, 1, 3] };
    let y = t.permute(x, &axes);
    t.reshape(y, &flat)
}
