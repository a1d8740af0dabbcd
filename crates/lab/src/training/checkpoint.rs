//! A training as named arrays, and back.

use std::collections::BTreeMap;
use std::fmt;

use mmt_golden::file::{Data, Tensors};
use mmt_tensor::{Random, Real, Tree};
use ndarray::{Array1, Array2, ArrayViewD};

use super::{Settings, Trainer};
use crate::Trainable;
use crate::net::Net;
use crate::train::Step;

/// What an array of a checkpoint is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "`{}` {}", self.name, self.why)
    }
}

/// The parameters of a net by name.
pub fn parameters<R: Trainable>(net: &Net<R>) -> BTreeMap<String, Data> {
    named("", net)
}

/// Everything that the next step depends on: parameters, moments, the stream of random numbers, the steps so far.
pub fn checkpoint<R: Trainable>(trainer: &Trainer<R>) -> BTreeMap<String, Data> {
    let mut arrays = named("model.", &trainer.net);
    arrays.extend(named("m.", &trainer.adamw.m));
    arrays.extend(named("v.", &trainer.adamw.v));
    let whole = |n: u64| Data::I64(Array1::from_elem(1, n as i64).into_dyn());
    arrays.insert("steps".to_string(), whole(trainer.adamw.steps));
    arrays.insert("random".to_string(), whole(trainer.random.state()));
    let row = |s: &Step| [s.loss, s.right, s.rate, s.grad_norm];
    let log: Vec<f64> = trainer.log.iter().flat_map(row).collect();
    let log = Array2::from_shape_vec((trainer.log.len(), 4), log).expect("four numbers for each step");
    arrays.insert("log".to_string(), Data::F64(log.into_dyn()));
    arrays
}

fn named<R: Trainable>(prefix: &str, tree: &Net<R>) -> BTreeMap<String, Data> {
    tree.arrays().into_iter().map(|(name, a)| (format!("{prefix}{name}"), R::to_data(a.to_owned()))).collect()
}

/// The net of these settings with the parameters of a file.
///
/// # Errors
/// [`Unfit`] for a parameter that is missing, has another shape or number type, or is not finite, and for an array that is no
/// parameter; the settings' own mistakes.
pub fn load<R: Trainable>(settings: &Settings, file: &Tensors) -> Result<Net<R>, Unfit> {
    let mut net = new::<R>(settings)?.net;
    fill("", &mut net, file)?;
    nothing_else(file, |name| net_has(&net, name))?;
    Ok(net)
}

/// The training of these settings as a checkpoint left it.
///
/// # Errors
/// As [`load`]; [`Unfit`] for steps, random numbers or a log that contradict each other.
pub fn restore<R: Trainable>(settings: &Settings, file: &Tensors) -> Result<Trainer<R>, Unfit> {
    let mut trainer = new::<R>(settings)?;
    fill("model.", &mut trainer.net, file)?;
    fill("m.", &mut trainer.adamw.m, file)?;
    fill("v.", &mut trainer.adamw.v, file)?;
    let steps = whole("steps", file)?;
    let negative = |_| Unfit { name: "steps".to_string(), why: format!("is {steps}, which is negative") };
    trainer.adamw.steps = steps.try_into().map_err(negative)?;
    trainer.random = Random::seed(whole("random", file)? as u64);
    trainer.log = log(file)?;
    check_steps(&trainer)?;
    check_squares(&trainer)?;
    let own = ["model.", "m.", "v."];
    nothing_else(file, |name| {
        let rest = own.iter().find_map(|prefix| name.strip_prefix(prefix));
        ["steps", "random", "log"].contains(&name) || rest.is_some_and(|name| net_has(&trainer.net, name))
    })?;
    Ok(trainer)
}

fn check_steps<R: Trainable>(trainer: &Trainer<R>) -> Result<(), Unfit> {
    let (taken, logged, all) = (trainer.adamw.steps, trainer.log.len(), trainer.settings.steps);
    let unfit = |why: String| Err(Unfit { name: "steps".to_string(), why });
    if logged as u64 != taken {
        return unfit(format!("says {taken} steps, and the log has {logged}"));
    }
    if logged > all {
        return unfit(format!("says {taken} steps, and the training has {all} in all"));
    }
    Ok(())
}

/// Means of squares are not negative: the step divides by their roots.
fn check_squares<R: Trainable>(trainer: &Trainer<R>) -> Result<(), Unfit> {
    let negative = |(_, v): &(String, ArrayViewD<R>)| v.iter().any(|v| v.to_f64() < 0.0);
    match trainer.adamw.v.arrays().into_iter().find(negative) {
        None => Ok(()),
        Some((name, _)) => {
            Err(Unfit { name: format!("v.{name}"), why: "holds a negative mean of squares".to_string() })
        }
    }
}

fn new<R: Trainable>(settings: &Settings) -> Result<Trainer<R>, Unfit> {
    let fail = |e: mmt_tensor::Error| Unfit { name: "topology".to_string(), why: e.to_string() };
    R::begin(settings).map_err(fail)
}

fn net_has<R: Real>(net: &Net<R>, name: &str) -> bool {
    net.arrays().iter().any(|(own, _)| own == name)
}

fn nothing_else(file: &Tensors, known: impl Fn(&str) -> bool) -> Result<(), Unfit> {
    match file.keys().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            Err(Unfit { name: name.clone(), why: "belongs to no parameter of this topology".to_string() })
        }
    }
}

fn fill<R: Trainable>(prefix: &str, net: &mut Net<R>, file: &Tensors) -> Result<(), Unfit> {
    for (name, mut own) in net.arrays_mut() {
        let name = format!("{prefix}{name}");
        let unfit = |why: String| Unfit { name: name.clone(), why };
        let stored = file.get(&name).ok_or_else(|| unfit("is missing".to_string()))?;
        if stored.data.shape() != own.shape() {
            let (want, got) = (own.shape(), stored.data.shape());
            return Err(unfit(format!("has the shape {got:?}, and this topology needs {want:?}")));
        }
        if stored.data.dtype() != R::DTYPE {
            return Err(unfit(format!("holds {}, expected {}", stored.data.dtype(), R::DTYPE)));
        }
        stored
            .check_finite(&name)
            .map_err(|e| unfit(format!("at byte {}: not a finite number", e.offset)))?;
        own.assign(&stored.real::<R>().expect("a real type"));
    }
    Ok(())
}

fn whole(name: &str, file: &Tensors) -> Result<i64, Unfit> {
    let unfit = |why: &str| Unfit { name: name.to_string(), why: why.to_string() };
    match file.get(name).map(|stored| &stored.data) {
        Some(Data::I64(a)) if a.shape() == [1] => Ok(a.iter().fold(0, |_, &n| n)),
        Some(_) => Err(unfit("is not one whole number")),
        None => Err(unfit("is missing")),
    }
}

fn log(file: &Tensors) -> Result<Vec<Step>, Unfit> {
    let unfit = |why: &str| Unfit { name: "log".to_string(), why: why.to_string() };
    let stored = file.get("log").ok_or_else(|| unfit("is missing"))?;
    let rows = match &stored.data {
        Data::F64(a) => a.clone().into_dimensionality::<ndarray::Ix2>().ok().filter(|a| a.ncols() == 4),
        _ => None,
    };
    let rows = rows.ok_or_else(|| unfit("is not a table of four numbers for each step"))?;
    if rows.iter().any(|x| !x.is_finite()) {
        return Err(unfit("holds what is not a finite number"));
    }
    let step = |(i, row): (usize, ndarray::ArrayView1<f64>)| Step {
        step: i + 1,
        loss: row[0],
        right: row[1],
        rate: row[2],
        grad_norm: row[3],
    };
    Ok(rows.rows().into_iter().enumerate().map(step).collect())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use mmt_golden::file::{bytes_of, parse};

    use super::*;
    use crate::net::known::read;
    use crate::tasks::Task;
    use crate::training::{begin, go_on};

    fn settings(topology: &str) -> Settings {
        let task = Task::DigitsQa;
        let samples = task.draw::<f32>(2, crate::data::digits::Part::Train, &mut Random::seed(1));
        let inputs = samples.shapes(task, crate::net::SIZES.width);
        let known = read(topology, task, &inputs, &crate::net::SIZES).unwrap();
        Settings { batch: 4, drop: 0.3, ..Settings::new(task, known.topology, 6, 1) }
    }

    fn through_a_file(arrays: &BTreeMap<String, Data>) -> Tensors {
        parse(&bytes_of(arrays).unwrap()).unwrap()
    }

    #[test]
    fn a_training_that_is_broken_off_goes_on_to_the_same_bits() {
        let settings = settings("cross-concat");
        let mut whole = begin::<f32>(&settings).unwrap();
        go_on(&mut whole, |_| ControlFlow::Continue(())).unwrap();
        for stop in 1..6 {
            let mut part = begin::<f32>(&settings).unwrap();
            let until = |t: &Trainer<f32>| {
                if t.log.len() == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            go_on(&mut part, until).unwrap();
            assert_eq!(part.log.len(), stop);
            let mut again = restore::<f32>(&settings, &through_a_file(&checkpoint(&part))).unwrap();
            go_on(&mut again, |_| ControlFlow::Continue(())).unwrap();
            assert_eq!(bytes_of(&checkpoint(&again)).unwrap(), bytes_of(&checkpoint(&whole)).unwrap());
        }
    }

    #[test]
    fn checkpoints_that_do_not_fit_name_the_parameter() {
        let trainer = begin::<f32>(&settings("early-concat")).unwrap();
        let file = through_a_file(&checkpoint(&trainer));
        let refused = |topology: &str, file: &Tensors| {
            restore::<f32>(&settings(topology), file).unwrap_err().to_string()
        };
        assert_eq!(
            refused("Tf(1, 3, Cat[In image, In text])", &file),
            "`model.program.parts.1.blocks.2.norm_1.gamma` is missing"
        );
        assert_eq!(
            refused("Tf(1, 1, Cat[In image, In text])", &file),
            "`m.program.parts.1.blocks.1.attn.w_k.bias` belongs to no parameter of this topology"
        );
        let wrong = restore::<f64>(&settings("early-concat"), &file).unwrap_err();
        assert_eq!(wrong.why, "holds F32, expected F64");
        let mut other = checkpoint(&trainer);
        other.insert("model.head.bias".to_string(), Data::F32(Array1::zeros(9).into_dyn()));
        assert_eq!(
            refused("early-concat", &through_a_file(&other)),
            "`model.head.bias` has the shape [9], and this topology needs [10]"
        );
        other.insert("model.head.bias".to_string(), Data::F32(Array1::from_elem(10, f32::NAN).into_dyn()));
        let text = refused("early-concat", &through_a_file(&other));
        assert!(text.ends_with("not a finite number"), "{text}");
        let mut other = checkpoint(&trainer);
        other.insert("steps".to_string(), Data::I64(Array1::from_elem(1, 3).into_dyn()));
        let text = refused("early-concat", &through_a_file(&other));
        assert_eq!(text, "`steps` says 3 steps, and the log has 0");
        other.insert("log".to_string(), Data::I64(Array1::from_elem(1, 3).into_dyn()));
        let text = refused("early-concat", &through_a_file(&other));
        assert_eq!(text, "`log` is not a table of four numbers for each step");
        other.remove("random");
        assert_eq!(refused("early-concat", &through_a_file(&other)), "`random` is missing");
    }

    #[test]
    fn numbers_that_no_training_leaves_are_refused() {
        let six = settings("early-concat");
        let mut trainer = begin::<f32>(&six).unwrap();
        go_on(&mut trainer, |_| ControlFlow::Continue(())).unwrap();
        let refused = |settings: &Settings, key: &str, data: Option<Data>| {
            let mut arrays = checkpoint(&trainer);
            data.map(|data| arrays.insert(key.to_string(), data));
            restore::<f32>(settings, &through_a_file(&arrays)).unwrap_err().to_string()
        };
        let shorter = Settings { steps: 5, ..six.clone() };
        assert_eq!(refused(&shorter, "", None), "`steps` says 6 steps, and the training has 5 in all");
        let steps = Data::I64(Array1::from_elem(1, -5).into_dyn());
        assert_eq!(refused(&six, "steps", Some(steps)), "`steps` is -5, which is negative");
        let mut log = Array2::ones((6, 4));
        log[(2, 3)] = f64::NAN;
        let text = refused(&six, "log", Some(Data::F64(log.into_dyn())));
        assert_eq!(text, "`log` holds what is not a finite number");
        let squares = Data::F32(Array1::from_elem(10, -1.0).into_dyn());
        let text = refused(&six, "v.head.bias", Some(squares));
        assert_eq!(text, "`v.head.bias` holds a negative mean of squares");
    }

    #[test]
    fn parameters_are_read_back() {
        let settings = settings("late");
        let trainer = begin::<f64>(&settings).unwrap();
        let net: Net<f64> = load(&settings, &through_a_file(&parameters(&trainer.net))).unwrap();
        let same = net.arrays().iter().zip(trainer.net.arrays()).all(|((_, a), (_, b))| a == b);
        assert!(same);
        let error = load::<f64>(&settings, &Tensors::new()).unwrap_err().to_string();
        assert_eq!(error, "`embed.image.what.project.weight` is missing");
    }
}
