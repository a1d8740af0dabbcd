//! Attention of one head and of several.

use super::heads::{merge_heads, split_heads};
use super::mask::Mask;
use crate::{Array, Bug, Run, Tape, Var};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "sdpa" => sdpa(run)?,
        "mha" | "mha_split" => mha(run, op == "mha_split")?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn sdpa(run: &mut Run) -> Result<(), String> {
    let [q, k, v] = [run.input("q")?, run.input("k")?, run.input("v")?];
    let mask = Mask::of(run)?;
    let [scores, p, o] = attend(&mut run.tape, [q, k, v], &mask);
    run.act("scores", scores);
    run.act("p", p);
    run.out("o", o);
    Ok(())
}

/// `softmax(Q Kᵀ / √d + mask) V`: `q: [B, h, n, d]`, `k: [B, h, m, d]`, `v: [B, h, m, w]` → scores, probabilities and
/// the mean of the values.
pub fn attend(t: &mut Tape, [q, k, v]: [Var; 3], mask: &Mask) -> [Var; 3] {
    let same = t.shape(k) == t.shape(v);
    let (k, v) = if t.has(Bug::KvExchanged) && same { (v, k) } else { (k, v) };
    let shape = t.shape(q);
    let [batch, heads, n, d] = [shape[0], shape[1], shape[2], shape[3]];
    let m = t.shape(k)[2];
    let scale = scale(t, d, heads);
    let keep = mask.keep(t, [batch, heads, n, m]);
    let unseen = [k, v];
    let [k, v] = [k, v].map(|x| t.seen(x, keep.as_deref(), n));
    let scores = t.scores(q, k, scale);
    let biased = t.biased(scores, mask);
    let p = t.probabilities(biased, keep);
    let o = t.mix(p, v);
    let o = if t.has(Bug::BwdMaskForgotten) || t.has(Bug::BwdMaskForgottenLse) {
        // A backward without the mask reads hidden keys and values.
        let scores = t.scores(q, unseen[0], scale);
        let biased = t.biased(scores, mask);
        let all = if t.has(Bug::BwdMaskForgotten) {
            t.probabilities(biased, None)
        } else {
            t.weights_again(biased, p)
        };
        let wrong = t.mix(all, unseen[1]);
        t.backward_of(o, wrong)
    } else {
        o
    };
    [scores, p, o]
}

fn scale(t: &Tape, d: usize, heads: usize) -> f64 {
    let d = d as f64;
    match t.how.bug {
        Some(Bug::NoScale) => 1.0,
        Some(Bug::ScaleFullD) => 1.0 / (d * heads as f64).sqrt(),
        Some(Bug::ScaleD | Bug::DoubleScale) => 1.0 / d,
        _ => 1.0 / d.sqrt(),
    }
}

impl Tape {
    /// Scores with the bias of a mask.
    fn biased(&mut self, scores: Var, mask: &Mask) -> Var {
        match &mask.bias {
            Some(bias) if !self.has(Bug::MaskIgnored) => self.shifted(scores, bias),
            _ => scores,
        }
    }

    /// Scores with a bias, the same for all heads; an entry `-∞` is left to the mask.
    fn shifted(&mut self, scores: Var, bias: &Array) -> Var {
        let a = self.how.arithmetic;
        let n = bias.data.len();
        let shift = |i: usize| if bias.data[i % n].is_finite() { bias.data[i % n] } else { 0.0 };
        let value = self.value(scores);
        let list = value.data.iter().enumerate().map(|(i, s)| a.r(s + shift(i)));
        let y = Array::new(&value.shape, list.collect());
        self.keep(y, vec![scores], Box::new(|_, dy| vec![dy.clone()]))
    }
}

fn mha(run: &mut Run, split: bool) -> Result<(), String> {
    let x = run.input("x")?;
    let [keys, values] = match (split, run.on("self")) {
        (true, _) => [run.input("keys")?, run.input("values")?],
        (false, true) => [x; 2],
        (false, false) => [run.input("context")?; 2],
    };
    let mask = Mask::of(run)?;
    let heads = run.int("heads")?;
    let y = multi_head(run, [x, keys, values], heads, &mask, &Names::plain(""))?;
    run.out("y", y);
    Ok(())
}

/// Under which names parameters are found, and under which intermediates are told.
#[derive(Clone)]
pub struct Names {
    /// Before the names of parameters.
    pub param: String,
    /// Before the names of intermediates; none are told without it.
    pub act: Option<String>,
    /// Whether the parameters are copies without a gradient.
    pub copy: bool,
}

impl Names {
    /// The same for both.
    pub fn plain(prefix: &str) -> Self {
        Names { param: prefix.to_string(), act: Some(prefix.to_string()), copy: false }
    }

    /// Of a part.
    pub fn of(&self, part: &str) -> Self {
        let act = self.act.as_ref().map(|act| format!("{act}{part}."));
        Names { param: format!("{}{part}.", self.param), act, copy: self.copy }
    }
}

impl Run<'_> {
    /// A parameter under a name.
    pub fn of(&mut self, names: &Names, name: &str) -> Result<Var, String> {
        let v = self.param(&format!("{}{name}", names.param))?;
        if !names.copy {
            return Ok(v);
        }
        let value = self.tape.value(v).clone();
        Ok(self.tape.leaf(value))
    }

    /// An intermediate under a name.
    pub fn tell(&mut self, names: &Names, name: &str, v: Var) {
        if let Some(act) = &names.act {
            self.act(&format!("{act}{name}"), v);
        }
    }

    /// `x W + b` with the parameters of a name.
    pub fn project(&mut self, x: Var, names: &Names, name: &str) -> Result<Var, String> {
        let w = self.of(names, &format!("{name}.weight"))?;
        let b = self.of(names, &format!("{name}.bias")).ok();
        Ok(self.tape.linear(x, w, b))
    }
}

/// Attention of several heads: `[B, n, d]` → `[B, n, d]`.
pub fn multi_head(
    run: &mut Run,
    [x, keys, values]: [Var; 3],
    heads: usize,
    mask: &Mask,
    names: &Names,
) -> Result<Var, String> {
    let mut parts = Vec::new();
    let overwritten = run.tape.has(Bug::BwdSelfOverwrite) && x == keys && keys == values;
    for (x, name) in [(x, "q"), (keys, "k"), (values, "v")] {
        let x = if overwritten && name != "v" { run.tape.constant(run.tape.value(x).clone()) } else { x };
        let y = run.project(x, names, &format!("w_{name}"))?;
        run.tell(names, name, y);
        parts.push(split_heads(&mut run.tape, y, heads)?);
    }
    let [_, p, o] = attend(&mut run.tape, [parts[0], parts[1], parts[2]], mask);
    run.tell(names, "p", p);
    let c = merge_heads(&mut run.tape, o);
    run.tell(names, "c", c);
    let y = run.project(c, names, "w_o")?;
    let same = run.tape.shape(c) == run.tape.shape(y);
    Ok(if run.tape.has(Bug::NoOutputProjection) && same { c } else { y })
}
