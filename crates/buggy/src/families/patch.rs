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
        [b, h, w, c] => run.tape.reshape(x, &[b, 1, h, w, c]),
        _ => x,
    };
    let (patch, chw) = (run.int("patch")?, run.word("order") == "chw");
    let rows = boxes(&mut run.tape, video, [frames, patch], chw)?;
    let [w, b] = [run.param("project.weight")?, run.param("project.bias")?];
    let b = if run.tape.has(Bug::PatchNoBias) { None } else { Some(b) };
    let y = run.tape.linear(rows, w, b);
    run.out("y", y);
    Ok(true)
}

/// Every box of `frames × patch × patch` pixels as a row: `[B, T, H, W, C]` → `[B, boxes, numbers]`.
fn boxes(t: &mut Tape, x: Var, [frames, patch]: [usize; 2], chw: bool) -> Result<Var, String> {
    let [batch, time, high, wide, channels] = t.shape(x)[..] else {
        return Err("a video has five axes".to_string());
    };
    if patch == 0 || frames == 0 || time % frames + high % patch + wide % patch > 0 {
        return Err(format!("boxes of {frames} x {patch} x {patch} do not tile {time} x {high} x {wide}"));
    }
    let chw = chw != t.has(Bug::PatchHwc);
    let [u, r, s] = [time / frames, high / patch, wide / patch];
    let y = t.reshape(x, &[batch, u, frames, r, patch, s, patch, channels]);
    let outer: [usize; 4] = match t.how.bug {
        Some(Bug::PatchColMajor) => [0, 1, 5, 3],
        Some(Bug::TubeletOrder) => [0, 3, 5, 1],
        _ => [0, 1, 3, 5],
    };
    let inner: [usize; 4] = match (chw, t.has(Bug::TubeletTimeInChannel)) {
        (true, false) => [7, 2, 4, 6],
        (true, true) => [2, 7, 4, 6],
        (false, false) => [2, 4, 6, 7],
        (false, true) => [7, 4, 6, 2],
    };
    let axes: Vec<usize> = outer.into_iter().chain(inner).collect();
    let y = t.permute(y, &axes);
    Ok(t.reshape(y, &[batch, u * r * s, frames * patch * patch * channels]))
}
