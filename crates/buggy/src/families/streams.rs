//! Streams that meet in a few tokens, in threes, or in the decision.

use super::attention::{Names, attend};
use super::heads::{merge_heads, split_heads};
use super::mask::Mask;
use super::stack::{Shape, shortcut, stack};
use super::topology::stream;
use crate::{Bug, Run, Tape, Var};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "bottleneck_layer" => bottleneck_layer(run)?,
        "bottleneck" => bottleneck(run)?,
        "three_streams" => three_streams(run)?,
        "bidirectional" => bidirectional(run)?,
        "late" => late(run)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Each stream over itself and the shared tokens, which are averaged afterwards.
fn exchange(run: &mut Run, x: [Var; 2], f: Var, names: [&str; 2]) -> Result<([Var; 2], Var), String> {
    let shape = Shape::of(run, true)?;
    let tokens = run.tape.shape(f)[1];
    let (mut streams, mut written, mut seen) = (Vec::new(), Vec::new(), f);
    for (x, name) in x.into_iter().zip(names) {
        let n = run.tape.shape(x)[1];
        let u = run.tape.concat(&[x, seen], 1);
        let y = stack(run, u, [1, 1], (&Mask::default(), &shape), &Names::plain(&format!("{name}.")))?;
        streams.push(run.tape.slice(y, 1, 0, n));
        let f_m = run.tape.slice(y, 1, n, n + tokens);
        written.push(f_m);
        if run.tape.has(Bug::MbtSequential) {
            seen = f_m;
        }
    }
    let share = if run.tape.has(Bug::MbtSum) { 1.0 } else { 0.5 };
    let first = run.tape.kept_scale(written[0], share);
    let mean = run.tape.add_scaled(first, written[1], share);
    let f = if run.tape.has(Bug::MbtFirst) { written[0] } else { mean };
    Ok(([streams[0], streams[1]], f))
}

fn bottleneck_layer(run: &mut Run) -> Result<(), String> {
    let (x, f) = ([run.input("a")?, run.input("b")?], run.input("f")?);
    let ([a, b], f) = exchange(run, x, f, ["streams.0", "streams.1"])?;
    run.out("a", a);
    run.out("b", b);
    run.out("f", f);
    Ok(())
}

fn bottleneck(run: &mut Run) -> Result<(), String> {
    let mut x = [run.input("a")?, run.input("b")?];
    for (i, x) in x.iter_mut().enumerate() {
        *x = stream(run, *x, &Mask::default(), &format!("alone.{i}"))?;
    }
    let tokens = run.param("tokens")?;
    let first = repeated(&mut run.tape, tokens, x[0]);
    let mut f = first;
    for layer in 0..run.int("fused")? {
        let names = [0, 1].map(|s| format!("fused.{layer}.streams.{s}"));
        let start = if run.tape.has(Bug::MbtReset) { first } else { f };
        (x, f) = exchange(run, x, start, [&names[0], &names[1]])?;
    }
    run.out("a", x[0]);
    run.out("b", x[1]);
    Ok(())
}

/// The same rows for every sample: `[t, d]` → `[B, t, d]`.
fn repeated(t: &mut Tape, rows: Var, like: Var) -> Var {
    let (batch, shape) = (t.shape(like)[0], t.shape(rows));
    let size: usize = shape.iter().product();
    t.take(rows, &[batch, shape[0], shape[1]], (0..batch * size).map(|i| i % size).collect())
}

/// Each stream asks the other two, whose keys and values stand side by side in every head.
fn three_streams(run: &mut Run) -> Result<(), String> {
    let shape = Shape::of(run, false)?;
    let letters = ["a", "b", "c"];
    let names = letters.map(|letter| Names::plain(&format!("{letter}.")));
    let (mut x, mut q, mut k, mut v) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (letter, names) in letters.iter().zip(&names) {
        let input = run.input(letter)?;
        x.push(input);
        q.push(run.project(input, names, "w_q")?);
        k.push(run.project(input, names, "w_k")?);
        v.push(run.project(input, names, "w_v")?);
    }
    for (m, [i, j]) in [[1, 2], [0, 2], [0, 1]].into_iter().enumerate() {
        let (i, j) = match run.tape.how.bug {
            Some(Bug::TriQOrder) => (j, i),
            Some(Bug::TriKvSelf) => (m, m),
            _ => (i, j),
        };
        let mut parts = vec![split_heads(&mut run.tape, q[m], shape.heads)?];
        for kv in [&k, &v] {
            let pair = [kv[i], kv[j]];
            let left = split_heads(&mut run.tape, pair[0], shape.heads)?;
            let right = split_heads(&mut run.tape, pair[1], shape.heads)?;
            parts.push(run.tape.concat(&[left, right], 3));
        }
        let [_, _, o] = attend(&mut run.tape, [parts[0], parts[1], parts[2]], &Mask::default());
        let o = merge_heads(&mut run.tape, o);
        let y = run.project(o, &names[m], "w_o")?;
        let y = shortcut(run, y, x[m]);
        let u = run.norm(y, &shape, &names[m], "norm_1")?;
        let f = run.network(u, &shape, &names[m].of("ffn"))?;
        let f = shortcut(run, f, u);
        let z = run.norm(f, &shape, &names[m], "norm_2")?;
        run.out(letters[m], z);
    }
    Ok(())
}

/// Each stream takes half from itself and half from the other one.
fn bidirectional(run: &mut Run) -> Result<(), String> {
    let shape = Shape::of(run, true)?;
    let letters = ["a", "b"];
    let masks = ["in/a_mask", "in/b_mask"].map(|key| Mask::keys(run.maybe_mask(key)));
    let (mut x, mut parts) = (Vec::new(), Vec::new());
    for letter in letters {
        let input = run.input(letter)?;
        let h = run.norm(input, &shape, &Names::plain(&format!("{letter}.")), "norm_1")?;
        let names = Names::plain(&format!("attn.{letter}."));
        let mut list = Vec::new();
        for name in ["w_q", "w_k", "w_v"] {
            let y = run.project(h, &names, name)?;
            list.push(split_heads(&mut run.tape, y, shape.heads)?);
        }
        x.push(input);
        parts.push(list);
    }
    for (m, letter) in letters.into_iter().enumerate() {
        let names = Names::plain(&format!("{letter}."));
        let mut halves = Vec::new();
        for of in [m, 1 - m] {
            let [_, _, o] = attend(&mut run.tape, [parts[m][0], parts[of][1], parts[of][2]], &masks[of]);
            halves.push(merge_heads(&mut run.tape, o));
        }
        let both = run.tape.kept_sum(halves[0], halves[1]);
        let mean = run.tape.scale(both, 0.5);
        let y = run.project(mean, &Names::plain("attn."), "w_o")?;
        let y = shortcut(run, y, x[m]);
        let h = run.norm(y, &shape, &names, "norm_2")?;
        let f = run.network(h, &shape, &names.of("ffn"))?;
        let z = shortcut(run, f, y);
        run.out(letter, z);
    }
    Ok(())
}

/// The mean score of both streams, each from the mean of its tokens.
fn late(run: &mut Run) -> Result<(), String> {
    let mut scores = Vec::new();
    for (i, letter) in ["a", "b"].into_iter().enumerate() {
        let x = run.input(letter)?;
        let name = format!("streams.{i}");
        let z = stream(run, x, &Mask::default(), &format!("{name}.stream"))?;
        let [batch, n, d] = run.tape.shape(z)[..] else { return Err("three axes".to_string()) };
        let entries = (0..batch * n * d).map(|at| (at / (n * d) * d + at % d, at, 1.0 / n as f64)).collect();
        let mean = run.tape.weighted(z, &[batch, d], entries);
        scores.push(run.project(mean, &Names::plain(&format!("{name}.")), "head")?);
    }
    let first = run.tape.kept_scale(scores[0], 0.5);
    let y = run.tape.add_scaled(first, scores[1], 0.5);
    run.out("y", y);
    Ok(())
}
