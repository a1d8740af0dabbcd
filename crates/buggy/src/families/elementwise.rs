//! Linear maps, norms, softmax, activations, dropout, pooling of tokens.

use crate::{Array, Bug, Run};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "linear" => linear(run)?,
        "fused_qkv" => fused(run)?,
        "layer_norm" => layer_norm(run)?,
        "l2_normalize" => l2_normalize(run)?,
        "softmax" => softmax(run)?,
        "log_softmax" => {
            let z = run.input("z")?;
            let l = run.tape.log_softmax(z);
            run.out("l", l);
        }
        "log_sum_exp" => {
            let z = run.input("z")?;
            let s = run.tape.log_sum_exp(z);
            run.out("s", s);
        }
        "activation" => {
            let z = run.input("z")?;
            let y = run.tape.activation(z, run.word("kind"))?;
            run.out("y", y);
        }
        "dropout" => dropout(run)?,
        "class_token" => class_token(run)?,
        "pooler" => pooler(run)?,
        "global_avg_pool" => global_avg_pool(run)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn linear(run: &mut Run) -> Result<(), String> {
    let [x, w] = [run.input("x")?, run.param("weight")?];
    let b = run.maybe("bias");
    let y = run.tape.linear(x, w, b);
    run.out("y", y);
    Ok(())
}

fn fused(run: &mut Run) -> Result<(), String> {
    let [x, w] = [run.input("x")?, run.param("weight")?];
    let b = run.maybe("bias");
    let y = run.tape.linear(x, w, b);
    let d = run.tape.value(y).width() / 3;
    for (i, name) in ["q", "k", "v"].into_iter().enumerate() {
        let part = run.tape.slice(y, 2, i * d, (i + 1) * d);
        run.out(name, part);
    }
    Ok(())
}

fn layer_norm(run: &mut Run) -> Result<(), String> {
    let x = run.input("x")?;
    let affine = if run.on("affine") { Some((run.param("gamma")?, run.param("beta")?)) } else { None };
    let normed = run.tape.layer_norm(x, affine, run.num("eps")?);
    run.out("y", normed.y);
    run.extra("act/mean", normed.mean);
    run.extra("act/rstd", normed.rstd);
    Ok(())
}

fn l2_normalize(run: &mut Run) -> Result<(), String> {
    let x = run.input("x")?;
    let eps = run.setting("eps").as_f64().unwrap_or(0.0);
    let (u, norms) = run.tape.l2_normalize(x, eps);
    run.out("u", u);
    run.extra("act/norms", norms);
    Ok(())
}

fn softmax(run: &mut Run) -> Result<(), String> {
    let x = run.input("x")?;
    let mut keep = run.maybe_mask("in/mask");
    match run.tape.how.bug {
        Some(Bug::MaskIgnored) => keep = None,
        Some(Bug::MaskInverted) => keep = keep.map(|keep| keep.iter().map(|k| !k).collect()),
        Some(Bug::PadOff1) => {
            let width = run.tape.value(x).width();
            keep = keep.map(|mut keep| {
                keep.chunks_mut(width).for_each(|row| row.rotate_right(1));
                keep
            });
        }
        _ => {}
    }
    let p = run.tape.probabilities(x, keep);
    run.out("p", p);
    Ok(())
}

fn dropout(run: &mut Run) -> Result<(), String> {
    let x = run.input("x")?;
    let (mask, p) = (run.mask("in/mask")?, run.num("p")?);
    let a = *run.tape.arithmetic();
    let scale = match run.tape.how.bug {
        Some(Bug::DropNoRescale) => 1.0,
        Some(Bug::DropRescaleP) => 1.0 / p,
        _ => a.r(1.0 / a.r(1.0 - p)),
    };
    let inverted = run.tape.has(Bug::DropInvertedMask);
    let factors = mask.iter().map(|&keep| if keep != inverted { scale } else { 0.0 }).collect();
    let y = run.tape.times(x, factors);
    let y = run.tape.backward_if(Bug::BwdDropNoRescale, y, |t| {
        t.times(x, mask.iter().map(|&keep| f64::from(u8::from(keep))).collect())
    });
    run.out("y", y);
    Ok(())
}

/// `[class; x] + position`, sample by sample.
fn class_token(run: &mut Run) -> Result<(), String> {
    let [x, class, position] = [run.input("x")?, run.param("class")?, run.param("position")?];
    let t = &mut run.tape;
    let [batch, n, d] = t.shape(x)[..] else { return Err("a sequence has three axes".to_string()) };
    let index = (0..batch * d).map(|i| i % d).collect();
    let class = t.take(class, &[batch, 1, d], index);
    let parts = if t.has(Bug::ClsLast) { [x, class] } else { [class, x] };
    let z = t.concat(&parts, 1);
    let z = if t.has(Bug::PosSkipCls) {
        let rows = t.slice(position, 0, 0, n);
        let none = t.leaf(Array::zeros(&[1, d]));
        let rows = t.concat(&[none, rows], 0);
        t.add(z, rows)
    } else {
        let rows = t.slice(position, 0, 0, n + 1);
        t.add(z, rows)
    };
    run.out("z", z);
    Ok(())
}

fn pooler(run: &mut Run) -> Result<(), String> {
    let h = run.input("h")?;
    let [w, b] = [run.param("dense.weight")?, run.param("dense.bias")?];
    let t = &mut run.tape;
    let shape = t.shape(h);
    let first = t.slice(h, 1, 0, 1);
    let first = t.reshape(first, &[shape[0], shape[2]]);
    let z = t.linear(first, w, Some(b));
    let p = t.activation(z, "tanh")?;
    run.out("p", p);
    Ok(())
}

fn global_avg_pool(run: &mut Run) -> Result<(), String> {
    let x = run.input("x")?;
    let shape = run.tape.shape(x);
    let size: usize = shape[2..].iter().product();
    let a = *run.tape.arithmetic();
    let share = a.r(1.0 / size as f64);
    let entries = (0..shape[0] * shape[1] * size).map(|i| (i / size, i, share)).collect();
    let y = run.tape.averaged(x, &shape[..2], entries);
    run.out("y", y);
    Ok(())
}
