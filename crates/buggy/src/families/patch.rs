//! Pictures and videos as rows of numbers.

use crate::{Bug, Run, Tape, Var};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    let (name, frames) = match op {
        "patch" => ("images", 1),
        "tubelet" => ("videos", run.int("frames")?),
        _ => return Ok(false),
    };
    let x = run.input(name)?;
    let shape = run.tape.shape(x);
    let video = match shape[..] {
        [b, c, h, w] => run.tape.reshape(x, &[b, 1, c, h, w]),
        _ => x,
    };
    let (patch, chw) = (run.int("patch")?, run.word("order") == "chw");
    let rows = boxes(&mut run.tape, video, [frames, patch], chw)?;
    let [w, b] = [run.param("weight")?, run.param("bias")?];
    let b = if run.tape.has(Bug::PatchNoBias) { None } else { Some(b) };
    let y = run.tape.linear(rows, w, b);
    run.out("y", y);
    Ok(true)
}

/// Every box of `frames × patch × patch` pixels as a row: `[B, T, C, H, W]` → `[B, boxes, numbers]`.
fn boxes(t: &mut Tape, x: Var, [frames, patch]: [usize; 2], chw: bool) -> Result<Var, String> {
    let [batch, time, channels, high, wide] = t.shape(x)[..] else {
        return Err("a video has five axes".to_string());
    };
    if patch == 0 || frames == 0 || time % frames + high % patch + wide % patch > 0 {
        return Err(format!("boxes of {frames} x {patch} x {patch} do not tile {time} x {high} x {wide}"));
    }
    let chw = chw != t.has(Bug::PatchHwc);
    let [u, r, s] = [time / frames, high / patch, wide / patch];
    // [B, u, frames, C, r, patch, s, patch]
    let y = t.reshape(x, &[batch, u, frames, channels, r, patch, s, patch]);
    let outer: [usize; 4] = match t.how.bug {
        Some(Bug::PatchColMajor) => [0, 1, 6, 4],
        Some(Bug::TubeletOrder) => [0, 4, 6, 1],
        _ => [0, 1, 4, 6],
    };
    let inner: [usize; 4] = match (chw, t.has(Bug::TubeletTimeInChannel)) {
        (true, false) => [3, 2, 5, 7],
        (true, true) => [2, 3, 5, 7],
        (false, false) => [2, 5, 7, 3],
        (false, true) => [3, 5, 7, 2],
    };
    let axes: Vec<usize> = outer.into_iter().chain(inner).collect();
    let y = t.permute(y, &axes);
    Ok(t.reshape(y, &[batch, u * r * s, frames * patch * patch * channels]))
}
