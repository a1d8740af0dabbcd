//! Steps of optimizers, and clipping.

use crate::{Arithmetic, Array, Bug, Format, Run, Variant};

/// The arrays that are updated.
const NAMES: [&str; 2] = ["weight", "bias"];

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "adamw" => adamw(run)?,
        "sgd" => sgd(run)?,
        "clip_norm" => clip_norm(run)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The settings of AdamW.
struct Adam {
    rate: f64,
    betas: [f64; 2],
    eps: f64,
    decay: f64,
}

fn adamw(run: &mut Run) -> Result<(), String> {
    let adam = Adam {
        rate: run.num("lr")?,
        betas: [run.num("beta_1")?, run.num("beta_2")?],
        eps: run.num("eps")?,
        decay: run.num("weight_decay")?,
    };
    for name in NAMES {
        let mut p = run.numbers(&format!("param/{name}"))?;
        let g = run.numbers(&format!("in/grad.{name}"))?;
        let (mut m, mut v) = (Array::zeros(&p.shape), Array::zeros(&p.shape));
        let decays = p.shape.len() > 1 || run.tape.has(Bug::AdamWdAll);
        let adam = Adam { decay: if decays { adam.decay } else { 0.0 }, ..adam };
        for step in 1..=run.int("steps")? {
            let t = if run.tape.has(Bug::AdamT0) { step as f64 - 1.0 } else { step as f64 };
            for i in 0..p.data.len() {
                let state = [&mut p.data[i], &mut m.data[i], &mut v.data[i]];
                adam_step(run, &adam, t, state, g.data[i]);
            }
        }
        run.extra(&format!("opt/{name}"), p);
        run.extra(&format!("opt/m.{name}"), m);
        run.extra(&format!("opt/v.{name}"), v);
    }
    Ok(())
}

/// `m ← β₁ m + (1 - β₁) g`, `v ← β₂ v + (1 - β₂) g²`, `θ ← θ - α (m̂ / (√v̂ + ε) + λ θ)`.
fn adam_step(run: &Run, adam: &Adam, t: f64, [p, m, v]: [&mut f64; 3], g: f64) {
    let (a, bug) = (*run.tape.arithmetic(), run.tape.how.bug);
    let g = if bug == Some(Bug::AdamL2) { a.r(g + a.r(adam.decay * *p)) } else { g };
    let [b1, b2] = adam.betas;
    *m = a.r(a.r(b1 * *m) + a.r((1.0 - b1) * g));
    *v = a.r(a.r(b2 * *v) + a.r((1.0 - b2) * a.r(g * g)));
    let correction = |beta: f64| match (bug, run.tape.how.variant) {
        (Some(Bug::AdamNoBc), _) => 1.0,
        (_, Some(Variant::Powers)) => rounded_rest(&a, beta, t),
        // A factor that depends on the step alone, as exact as it can be.
        _ => rest(beta, t),
    };
    let (c1, c2) = (correction(b1), correction(b2));
    let top = a.r(a.r(adam.rate / c1) * *m);
    let bottom = match bug {
        Some(Bug::AdamEpsInside) => a.sqrt(a.r(a.r(*v / c2) + adam.eps)),
        Some(Bug::AdamEpsHat) => a.r(a.r(a.sqrt(*v) + adam.eps) / c2.sqrt()),
        _ => a.r(a.r(a.sqrt(*v) * a.r(1.0 / c2.sqrt())) + adam.eps),
    };
    let step = if *m == 0.0 { 0.0 } else { a.r(top / bottom) };
    let decay = if bug == Some(Bug::AdamL2) { 0.0 } else { adam.rate * adam.decay };
    *p = if bug == Some(Bug::AdamDecayAfter) {
        let moved = a.r(*p - step);
        a.r(a.r(1.0 - decay) * moved)
    } else {
        a.r(a.r(a.r(1.0 - decay) * *p) - step)
    };
    if bug == Some(Bug::PMasters) {
        for x in [p, m, v] {
            *x = Format::Bf16.round(*x);
        }
    }
}

/// `1 - β^n = (1 - β)(1 + β + .. + β^{n-1})`, of which nothing cancels.
fn rest(beta: f64, n: f64) -> f64 {
    (1.0 - beta) * (0..n as usize).fold(0.0, |sum, _| 1.0 + beta * sum)
}

/// The same as programs have it: the power in the arithmetic of the run, and taken from one.
fn rounded_rest(a: &Arithmetic, beta: f64, n: f64) -> f64 {
    a.r(1.0 - (1..n as usize).fold(beta, |power, _| a.r(power * beta)))
}

fn sgd(run: &mut Run) -> Result<(), String> {
    let a = *run.tape.arithmetic();
    let [rate, momentum, decay] = [run.num("lr")?, run.num("momentum")?, run.num("weight_decay")?];
    let fresh = if run.tape.has(Bug::SgdDampened) { 1.0 - momentum } else { 1.0 };
    for name in NAMES {
        let mut p = run.numbers(&format!("param/{name}"))?;
        let g = run.numbers(&format!("in/grad.{name}"))?;
        let mut sum = Array::zeros(&p.shape);
        for _ in 0..run.int("steps")? {
            for i in 0..p.data.len() {
                let force = a.r(g.data[i] + a.r(decay * p.data[i]));
                sum.data[i] = a.r(a.r(momentum * sum.data[i]) + a.r(fresh * force));
                p.data[i] = a.r(p.data[i] - a.r(rate * sum.data[i]));
            }
        }
        run.extra(&format!("opt/{name}"), p);
        run.extra(&format!("opt/sum.{name}"), sum);
    }
    Ok(())
}

fn clip_norm(run: &mut Run) -> Result<(), String> {
    let a = *run.tape.arithmetic();
    let most = run.num("max_norm")?;
    let parts: Vec<Array> =
        NAMES.iter().map(|name| run.numbers(&format!("in/grad.{name}"))).collect::<Result<_, _>>()?;
    let square = |g: &Array| a.sum(&g.data.iter().map(|g| a.r(g * g)).collect::<Vec<_>>());
    let all = a.sqrt(a.sum(&parts.iter().map(square).collect::<Vec<_>>()));
    for (name, mut g) in NAMES.into_iter().zip(parts) {
        let norm = if run.tape.has(Bug::ClipPerTensor) { a.sqrt(square(&g)) } else { all };
        let scale = a.r(most / a.r(norm + 1e-6));
        if (scale < 1.0 || run.tape.has(Bug::ClipAlways)) && !run.tape.has(Bug::NoClip) {
            g.data.iter_mut().for_each(|g| *g = a.r(*g * scale));
        }
        run.extra(&format!("opt/grad.{name}"), g);
    }
    run.extra("opt/norm", Array::number(all));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rounded_power_moves_the_rest() {
        let single = Arithmetic::of_profile("f32").unwrap();
        let (exact, rounded) = (rest(0.999, 2.0), rounded_rest(&single, 0.999, 2.0));
        assert!((exact - 0.001_999).abs() < 1e-12, "{exact}");
        // The power is off by at most 2^-25, and the rest by as much.
        let off = (rounded - exact).abs();
        assert!(off > 1e-9 && off <= 2.0_f64.powi(-24), "{off}");
        assert_eq!(rounded_rest(&single, 0.999, 1.0), single.r(1.0 - 0.999));
    }
}
