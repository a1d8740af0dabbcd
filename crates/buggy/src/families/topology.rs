//! Two streams and how they meet.

use super::attention::Names;
use super::mask::Mask;
use super::stack::{Looks, Shape, block, stack};
use crate::{Array, Bug, Run, Var};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "early_sum" => early_sum(run)?,
        "early_concat" => early_concat(run)?,
        "one_to_many" => one_to_many(run)?,
        "many_to_one" => many_to_one(run)?,
        "cross_attention" | "co_attention" => cross_attention(run)?,
        "cross_concat" => cross_concat(run)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A stream: a stack of blocks with the norms before the layers, and a norm at its end.
pub fn stream(run: &mut Run, x: Var, mask: &Mask, name: &str) -> Result<Var, String> {
    let shape = Shape::of(run, true)?;
    let layers = run.int("layers").unwrap_or(1);
    stack(run, x, [layers, 1], (mask, &shape), &Names::plain(&format!("{name}.")))
}

/// The mask of both streams one after the other.
fn joint_mask(run: &Run, [a, b]: [Var; 2]) -> Mask {
    let [n, m] = [a, b].map(|v| run.tape.shape(v)[1]);
    let batch = run.tape.shape(a)[0];
    let [left, right] = ["in/a_mask", "in/b_mask"].map(|key| run.maybe_mask(key));
    if (left.is_none() && right.is_none()) || run.tape.has(Bug::H12NoMaskJoint) {
        return Mask::default();
    }
    let left = left.unwrap_or_else(|| vec![true; batch * n]);
    let right = right.unwrap_or_else(|| vec![true; batch * m]);
    let mut keys = Vec::new();
    for sample in 0..batch {
        let (l, r) = (&left[sample * n..(sample + 1) * n], &right[sample * m..(sample + 1) * m]);
        let turned = run.tape.has(Bug::ConcatMaskOrder) || run.tape.has(Bug::ConcatOrder);
        let (first, second) = if turned { (r, l) } else { (l, r) };
        keys.extend(first.iter().chain(second));
    }
    Mask::keys(Some(keys))
}

fn joined(run: &mut Run, [a, b]: [Var; 2]) -> Var {
    let parts = if run.tape.has(Bug::ConcatOrder) { [b, a] } else { [a, b] };
    run.tape.concat(&parts, 1)
}

fn early_sum(run: &mut Run) -> Result<(), String> {
    let [a, b] = [run.input("a")?, run.input("b")?];
    let alpha = weights(run)?;
    let a = run.tape.scaled_by(a, alpha, 0);
    let b = run.tape.scaled_by(b, alpha, 1);
    let x = run.tape.add(a, b);
    let mask = Mask::keys(run.maybe_mask("in/a_mask"));
    let z = stream(run, x, &mask, "joint")?;
    run.out("z", z);
    Ok(())
}

/// The weights of a sum: given, learned, or learned through a softmax.
fn weights(run: &mut Run) -> Result<Var, String> {
    let given = run.setting("weights").as_array().into_iter().flatten();
    let given: Vec<f64> = given.filter_map(serde_json::Value::as_f64).collect();
    let alpha = match run.word("kind") {
        "learned" => run.param("weights")?,
        "softmax" => {
            let logits = run.param("weights")?;
            run.tape.probabilities(logits, None)
        }
        _ => run.tape.constant(Array::new(&[given.len()], given)),
    };
    Ok(match run.tape.how.bug {
        Some(Bug::SumUnweighted) => run.tape.leaf(Array::new(&[2], vec![1.0; 2])),
        Some(Bug::SumMean3) => run.tape.kept_scale(alpha, 2.0 / 3.0),
        _ => alpha,
    })
}

fn early_concat(run: &mut Run) -> Result<(), String> {
    let parts = [run.input("a")?, run.input("b")?];
    let mask = joint_mask(run, parts);
    let x = joined(run, parts);
    let z = stream(run, x, &mask, "joint")?;
    run.out("z", z);
    Ok(())
}

fn one_to_many(run: &mut Run) -> Result<(), String> {
    let parts = [run.input("a")?, run.input("b")?];
    let [n, m] = parts.map(|v| run.tape.shape(v)[1]);
    let mask = joint_mask(run, parts);
    let x = joined(run, parts);
    let u = stream(run, x, &mask, "joint")?;
    let off = usize::from(run.tape.has(Bug::H21SplitOff1));
    // One token late: the streams keep their lengths, and the second starts again from the front.
    let at = |i: usize| (i + off) % (n + m);
    let lists = [(0..n).map(at).collect::<Vec<_>>(), (n..n + m).map(at).collect()];
    for ((list, name), own) in lists.iter().zip(["a", "b"]).zip(own_streams(run)) {
        let part = run.tape.select(u, 1, list);
        let z = if run.tape.has(Bug::H21SkipSelf) { part } else { stream(run, part, &Mask::default(), own)? };
        run.out(name, z);
    }
    Ok(())
}

/// The parameters that each stream uses.
fn own_streams(run: &Run) -> [&'static str; 2] {
    if run.tape.has(Bug::H12Shared) { ["a", "a"] } else { ["a", "b"] }
}

fn many_to_one(run: &mut Run) -> Result<(), String> {
    let mut parts = [run.input("a")?, run.input("b")?];
    let mask = joint_mask(run, parts);
    for (part, own) in parts.iter_mut().zip(own_streams(run)) {
        *part = stream(run, *part, &Mask::default(), own)?;
    }
    let x = joined(run, parts);
    let z = stream(run, x, &mask, "joint")?;
    run.out("z", z);
    Ok(())
}

/// Each stream asks, the other one answers.
fn crossed(run: &mut Run, prefix: &str) -> Result<[Var; 2], String> {
    let [a, b] = [run.input("a")?, run.input("b")?];
    let shape = Shape::of(run, run.word("order") == "pre")?;
    let masks = ["in/a_mask", "in/b_mask"].map(|key| {
        let keys = run.maybe_mask(key).filter(|_| !run.tape.has(Bug::CrossMaskNone));
        Mask::keys(keys)
    });
    let names = match run.tape.how.bug {
        Some(Bug::CrossParamsSwapped) => ["b", "a"],
        Some(Bug::C2cSwapQ) => ["a", "a"],
        _ => ["a", "b"],
    };
    let names = names.map(|name| Names::plain(&format!("{prefix}{name}.")));
    let own = run.tape.has(Bug::CrossKvSelf);
    let (other, mask) = if own { (a, &masks[0]) } else { (b, &masks[1]) };
    let z_a = block(run, a, Looks::At(other), (mask, &shape), &names[0])?;
    let seen = if run.tape.has(Bug::CrossSequential) { z_a } else { a };
    let (other, mask) = if own { (b, &masks[1]) } else { (seen, &masks[0]) };
    let z_b = block(run, b, Looks::At(other), (mask, &shape), &names[1])?;
    Ok([z_a, z_b])
}

fn cross_attention(run: &mut Run) -> Result<(), String> {
    let z = crossed(run, "")?;
    let names = if run.word("exchange") == "queries" { ["b", "a"] } else { ["a", "b"] };
    for (name, z) in names.into_iter().zip(z) {
        run.out(name, z);
    }
    Ok(())
}

fn cross_concat(run: &mut Run) -> Result<(), String> {
    let inputs = [run.input("a")?, run.input("b")?];
    let mask = joint_mask(run, inputs);
    let parts = crossed(run, "cross.")?;
    let x = joined(run, parts);
    let z = stream(run, x, &mask, "joint")?;
    run.out("z", z);
    Ok(())
}
