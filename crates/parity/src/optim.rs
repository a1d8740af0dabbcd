//! Records of optimizers, of the clipping of gradients and of schedules.

use std::collections::BTreeMap;

use mmt_tensor::Real;
use mmt_tensor::optim::{Adam, AdamConfig, AdamW, Norm, Schedule, Sgd, clip_norm, decay_all};
use ndarray::{Array1, ArrayD, Axis, Ix1, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::ops::unsupported;

/// Parameters by name.
type Parameters<R> = BTreeMap<String, ArrayD<R>>;

/// `optim`
pub fn optimizer<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "adamw" | "adam" if record.flag("amsgrad") => unsupported("AMSGrad"),
        "adamw" | "adam" | "sgd" => trajectory(record),
        "clip_grad_norm_" => clipping(record),
        "transformers.get_linear_schedule_with_warmup" => {
            schedule(record, |warmup, total| Schedule::Linear { warmup, total })
        }
        "transformers.get_cosine_schedule_with_warmup" => {
            schedule(record, |warmup, total| Schedule::Cosine { warmup, total })
        }
        _ => unsupported("no page"),
    }
}

/// The parameters below `in/<prefix>.`.
fn parameters<R: Real>(record: &Record, prefix: &str) -> Found<Parameters<R>> {
    let prefix = format!("in/{prefix}.");
    let keys = record.arrays.keys().filter_map(|key| key.strip_prefix(&prefix).map(|name| (key, name)));
    keys.map(|(key, name)| Ok((name.to_string(), record.real::<R, IxDyn>(key)?))).collect()
}

/// An optimizer and its state.
enum Optimizer<R> {
    AdamW(AdamW<Parameters<R>>),
    Adam(Adam<Parameters<R>>),
    Sgd(Sgd<Parameters<R>>),
}

impl<R: Real> Optimizer<R> {
    fn of(record: &Record, parameters: &Parameters<R>) -> Found<Self> {
        let ([beta_1, beta_2], eps) = (record.pair("betas", [0.9, 0.999])?, record.number_or("eps", 1e-8)?);
        let config = |weight_decay, decays| AdamConfig { beta_1, beta_2, eps, weight_decay, decays };
        Ok(match record.system.as_str() {
            "sgd" if record.number_or("dampening", 0.0)? != 0.0 => {
                return unsupported("momentum with dampening");
            }
            "sgd" => {
                let decay = record.number_or("weight_decay", 0.0)?;
                Optimizer::Sgd(Sgd::new(parameters, record.number_or("momentum", 0.0)?, decay)?)
            }
            "adam" => {
                let config = config(record.number_or("weight_decay", 0.0)?, decay_all);
                Optimizer::Adam(Adam::new(parameters, config)?)
            }
            // Two groups of parameters: only the first, `w`, decays.
            _ if record.config["weight_decay"].is_object() => {
                let decay = record.config["weight_decay"]["first parameter"].as_f64().unwrap_or(f64::NAN);
                Optimizer::AdamW(AdamW::new(parameters, config(decay, |name| name == "w"))?)
            }
            _ => {
                let config = config(record.number_or("weight_decay", 0.01)?, decay_all);
                Optimizer::AdamW(AdamW::new(parameters, config)?)
            }
        })
    }

    fn step(&mut self, parameters: &mut Parameters<R>, grad: &Parameters<R>, rate: f64) -> Found<()> {
        match self {
            Optimizer::AdamW(optimizer) => optimizer.step(parameters, grad, rate)?,
            Optimizer::Adam(optimizer) => optimizer.step(parameters, grad, rate)?,
            Optimizer::Sgd(optimizer) => optimizer.step(parameters, grad, rate)?,
        }
        Ok(())
    }

    /// The moments, under the names of the library.
    fn state(&self) -> Vec<(&'static str, &Parameters<R>)> {
        match self {
            Optimizer::AdamW(AdamW { m, v, .. }) | Optimizer::Adam(Adam { m, v, .. }) => {
                vec![("exp_avg", m), ("exp_avg_sq", v)]
            }
            Optimizer::Sgd(Sgd { sum, .. }) => vec![("momentum_buffer", sum)],
        }
    }
}

/// Steps on stored gradients, the parameters after each of them.
fn trajectory<R: Real>(record: &Record) -> Found<Answer<R>> {
    let mut parameters: Parameters<R> = parameters(record, "p0")?;
    let mut grads: BTreeMap<String, ArrayD<R>> = BTreeMap::new();
    let mut steps = usize::MAX;
    for (name, p) in &parameters {
        let key = format!("in/grads.{name}");
        steps = steps.min(record.real::<R, IxDyn>(&key)?.shape().first().copied().unwrap_or(0));
        let shape: Vec<usize> = [steps].iter().chain(p.shape()).copied().collect();
        grads.insert(name.clone(), record.shaped(&key, &shape)?);
    }
    if parameters.is_empty() {
        return Err(record.invalid(0, "has no parameters".to_string()));
    }
    let mut optimizer = Optimizer::of(record, &parameters)?;
    let (mut path, mut rates, mut norms) = (grads.clone(), Array1::zeros(steps), Array1::zeros(steps));
    for t in 0..steps {
        let mut grad: Parameters<R> =
            grads.iter().map(|(name, g)| (name.clone(), g.index_axis(Axis(0), t).to_owned())).collect();
        if record.config.get("clip_grad_norm").is_some() {
            norms[t] = clip_norm(&mut grad, record.number("clip_grad_norm")?, Norm::Two)?;
        }
        let rate = rate(record, t, steps)?;
        rates[t] = R::of(rate);
        optimizer.step(&mut parameters, &grad, rate)?;
        for (name, p) in &parameters {
            path.get_mut(name).expect("one path per parameter").index_axis_mut(Axis(0), t).assign(p);
        }
    }
    let mut answer = Answer::new().with("out/lr", &rates).with("out/total_norm_before_clip", &norms);
    for (name, p) in &path {
        answer = answer.with(&format!("out/p.{name}"), p);
    }
    for (moment, state) in optimizer.state() {
        for (name, a) in state {
            answer = answer.with(&format!("out/state.{name}.{moment}"), a);
        }
    }
    Ok(answer)
}

/// The rate of step `t`. The schedule of the record is ours with a warm-up of 3 and `T + 1` steps, counted from 1.
fn rate(record: &Record, t: usize, steps: usize) -> Found<f64> {
    let rate = record.number("lr")?;
    match record.word("lr_factor") {
        "" => Ok(rate),
        "min((t+1)/3, max(0,(T-t)/(T-2))), t from 0, T=10" => {
            Ok(rate * Schedule::Linear { warmup: 3, total: steps + 1 }.factor(t + 1)?)
        }
        _ => unsupported("another schedule"),
    }
}

fn clipping<R: Real>(record: &Record) -> Found<Answer<R>> {
    let norm = match record.word("norm_type") {
        "1.0" => Norm::One,
        "2.0" => Norm::Two,
        "inf" => Norm::Max,
        _ => return unsupported("another norm"),
    };
    let mut grad: Parameters<R> = parameters(record, "grad")?;
    let before = clip_norm(&mut grad, record.number("max_norm")?, norm)?;
    let answer = Answer::new().with_number("out/total_norm", before);
    Ok(grad.iter().fold(answer, |answer, (name, g)| answer.with(&format!("out/clipped.{name}"), g)))
}

/// Factors of all stored steps, some of which lie behind the end `T` of the schedule. There ours stay zero, while the
/// library lets the cosine run on: `cos(π(1 + x)) = cos(π(1 - x))`, so step `T + k` is step `T - k` again.
fn schedule<R: Real>(record: &Record, schedule: impl Fn(usize, usize) -> Schedule) -> Found<Answer<R>> {
    let (warmup, total) = (record.size("num_warmup_steps")?, record.size("num_training_steps")?);
    let schedule = schedule(warmup, total);
    let mut factors: Array1<R> = record.real::<R, Ix1>("out/lr_factor")?;
    for (t, factor) in factors.iter_mut().enumerate() {
        let mirrored = matches!(schedule, Schedule::Cosine { .. }) && t > total;
        let t = if mirrored { total.saturating_sub(t - total) } else { t };
        *factor = R::of(schedule.factor(t)?);
    }
    Ok(Answer::new().with("out/lr_factor", &factors))
}
