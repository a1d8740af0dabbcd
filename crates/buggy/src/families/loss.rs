//! Losses.

use crate::nodes::{Targets, lse};
use crate::{Arithmetic, Bug, Run, Var};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    let loss = match op {
        "cross_entropy" => labelled(run, 0.0)?,
        "label_smoothing" => {
            let eps = run.num("eps")?;
            labelled(run, eps)?
        }
        "bce" => bce(run)?,
        "mse" | "l1" | "smooth_l1" => regression(op, run)?,
        "kl" | "soft_cross_entropy" => soft(op == "kl", run)?,
        "symmetric_kl" => {
            let [z, w] = [run.input("z")?, run.input("w")?];
            run.tape.symmetric_kl(z, w)
        }
        "hinge" | "hardest_hinge" => hinge(op == "hardest_hinge", run)?,
        "distill" => distill(run)?,
        _ => return Ok(false),
    };
    run.loss(loss);
    Ok(true)
}

fn labelled(run: &mut Run, eps: f64) -> Result<Var, String> {
    let z = run.input("z")?;
    let (_, labels) = run.ids("in/labels")?;
    let targets = of_labels(run, z, &labels, eps, 1.0)?;
    Ok(run.tape.cross_entropy(z, targets))
}

/// The targets of labels, of which -1 does not count; all weights times `share`.
fn of_labels(run: &Run, z: Var, labels: &[i64], eps: f64, share: f64) -> Result<Targets, String> {
    let (t, a) = (&run.tape, run.tape.arithmetic());
    let k = t.value(z).width();
    let eps = if t.has(Bug::LabelSmooth) && eps == 0.0 { 0.1 } else { eps };
    let all = t.has(Bug::MlmIgnoreAsClass0);
    let counted = labels.iter().filter(|l| all || **l >= 0).count();
    let divisor = match t.how.bug {
        Some(Bug::MlmAllTokensMean) => labels.len() as f64,
        Some(Bug::MlmSum) => 1.0,
        Some(Bug::MlmLog2) => counted as f64 * std::f64::consts::LN_2,
        _ => counted.max(1) as f64,
    };
    let other = a.r(eps / k as f64);
    let mut targets = Targets { shares: Vec::new(), weights: Vec::new(), constants: vec![0.0; labels.len()] };
    for &label in labels {
        let counts = all || label >= 0;
        let label = if counts { label.max(0) as usize } else { 0 };
        if label >= k {
            return Err(format!("label {label} of {k} classes"));
        }
        let one = |c: usize| if c == label { a.r(a.r(1.0 - eps) + other) } else { other };
        targets.shares.extend((0..k).map(one));
        targets.weights.push(if counts { a.r(share / divisor) } else { 0.0 });
    }
    Ok(targets)
}

fn bce(run: &mut Run) -> Result<Var, String> {
    let (x, t) = (run.input("x")?, run.numbers("in/t")?);
    let share = if run.word("reduction") == "sum" { 1.0 } else { 1.0 / t.data.len() as f64 };
    let f = |a: &Arithmetic, x: f64, t: f64| {
        // max(x, 0) - x t + ln(1 + e^-|x|)
        let tail = a.ln(a.r(1.0 + a.exp(-x.abs())));
        a.r(a.r(x.max(0.0) - a.r(x * t)) + tail)
    };
    Ok(run.tape.pointwise(x, t.data, share, f, |a, x, t| a.r(a.sigmoid(x) - t)))
}

fn regression(op: &str, run: &mut Run) -> Result<Var, String> {
    let (y, t) = (run.input("y")?, run.numbers("in/t")?);
    let share = 1.0 / t.data.len() as f64;
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    Ok(match op {
        "mse" => {
            let f = |a: &Arithmetic, y: f64, t: f64| a.r(a.r(y - t) * a.r(y - t));
            run.tape.pointwise(y, t.data, share, f, |a, y, t| a.r(2.0 * a.r(y - t)))
        }
        "l1" => {
            let f = |a: &Arithmetic, y: f64, t: f64| a.r(y - t).abs();
            run.tape.pointwise(y, t.data, share, f, move |a, y, t| sign(a.r(y - t)))
        }
        _ => {
            let beta = run.num("beta")?;
            let f = move |a: &Arithmetic, y: f64, t: f64| {
                let e = a.r(y - t).abs();
                if e < beta { a.r(a.r(0.5 * a.r(e * e)) / beta) } else { a.r(e - a.r(0.5 * beta)) }
            };
            let slope = move |a: &Arithmetic, y: f64, t: f64| {
                let e = a.r(y - t);
                if e.abs() < beta { a.r(e / beta) } else { sign(e) }
            };
            run.tape.pointwise(y, t.data, share, f, slope)
        }
    })
}

/// Cross entropy with given distributions; the divergence has their entropies taken out.
fn soft(divergence: bool, run: &mut Run) -> Result<Var, String> {
    let (z, t) = (run.input("z")?, run.numbers("in/t")?);
    let targets = of_shares(run, t.data, t.shape[1], divergence, 1.0);
    Ok(run.tape.cross_entropy(z, targets))
}

fn of_shares(run: &Run, shares: Vec<f64>, k: usize, divergence: bool, share: f64) -> Targets {
    let a = run.tape.arithmetic();
    let entropy = |row: &[f64]| {
        let terms: Vec<f64> = row.iter().map(|&t| if t > 0.0 { a.r(t * a.ln(t)) } else { 0.0 }).collect();
        if divergence { a.sum(&terms) } else { 0.0 }
    };
    let constants: Vec<f64> = shares.chunks(k).map(entropy).collect();
    let n = constants.len();
    Targets { shares, weights: vec![a.r(share / n as f64); n], constants }
}

fn hinge(hardest: bool, run: &mut Run) -> Result<Var, String> {
    let s = run.input("s")?;
    let value = run.tape.value(s);
    let n = value.width();
    let mut pairs = Vec::new();
    for i in 0..n {
        let others = (0..n).filter(|j| *j != i);
        if hardest {
            let best = others.reduce(|h, j| if value.row(i)[j] > value.row(i)[h] { j } else { h });
            pairs.extend(best.map(|j| (i, j)));
        } else {
            pairs.extend(others.map(|j| (i, j)));
        }
    }
    let margin = run.num("margin")?;
    Ok(run.tape.ranking(s, margin, pairs))
}

/// `α T² mean KL(softmax(v/T) ‖ softmax(z/T)) + (1 - α) CE(z, labels)`.
fn distill(run: &mut Run) -> Result<Var, String> {
    let (z, v) = (run.input("z")?, run.numbers("in/v")?);
    let (_, labels) = run.ids("in/labels")?;
    let (temperature, alpha) = (run.num("temperature")?, run.num("alpha")?);
    let (a, k) = (*run.tape.arithmetic(), v.width());
    let soften = if run.tape.has(Bug::KdTeacherNoT) { 1.0 } else { temperature };
    let teacher = run.tape.leaf(v);
    let softened = run.tape.kept_scale(teacher, 1.0 / soften);
    let rows = run.tape.value(softened).data.chunks(k);
    let p = rows.flat_map(|row| {
        let sum = lse(&a, row);
        row.iter().map(move |v| a.exp(a.r(v - sum)))
    });
    let p: Vec<f64> = p.collect();
    let factor = match run.tape.how.bug {
        Some(Bug::KdNoT2) => 1.0,
        Some(Bug::KdT1) => temperature,
        Some(Bug::KdMeanElements) => temperature * temperature / k as f64,
        _ => temperature * temperature,
    };
    let scaled = run.tape.kept_scale(z, 1.0 / temperature);
    let soft = if run.tape.has(Bug::KdSwapKl) {
        let both = run.tape.symmetric_kl(scaled, softened);
        let targets = of_shares(run, p, k, true, 1.0);
        let forward = run.tape.cross_entropy(scaled, targets);
        run.tape.add_scaled(both, forward, -1.0)
    } else {
        let targets = of_shares(run, p, k, true, 1.0);
        run.tape.cross_entropy(scaled, targets)
    };
    let soft = run.tape.kept_scale(soft, alpha * factor);
    let targets = of_labels(run, z, &labels, 0.0, 1.0)?;
    let hard = run.tape.cross_entropy(z, targets);
    let hard = run.tape.kept_scale(hard, 1.0 - alpha);
    Ok(run.tape.kept_sum(soft, hard))
}
