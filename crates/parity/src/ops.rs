//! Records of single operations: softmax, norms, activations.

use mmt_blocks::{SinusoidalKind, sinusoidal};
use mmt_tensor::ops;
use mmt_tensor::{Real, Result as Checked, Tree};
use ndarray::{Array1, Array2, ArrayD, Ix2, IxDyn};

use super::Answer;
use super::case::{Found, Record, Trouble};
use super::layout::{axis, last, reshape};
use super::vision::batch_norm;

/// A record that no formula answers.
pub fn unsupported<T>(what: &str) -> Found<T> {
    Err(Trouble::Unsupported(what.to_string()))
}

/// `op_softmax`
pub fn softmax<R: Real>(record: &Record) -> Found<Answer<R>> {
    let mut x: ArrayD<R> = record.real("in/x")?;
    let axis = axis(record, "dim", x.ndim())?;
    if record.has("in/mask") {
        let mask = record.mask::<IxDyn>("in/mask")?;
        if mask.shape() != x.shape() {
            return Err(record.invalid(0, "the mask has another shape than x".to_string()));
        }
        x.zip_mut_with(&mask, |x, &excluded| {
            if excluded {
                *x = R::of(f64::NEG_INFINITY);
            }
        });
    }
    let (x, dy) = (last(&x, axis), last(&record.shaped("cot/y", x.shape())?, axis));
    let (y, dx) = match record.system.as_str() {
        "softmax" => {
            let y = ops::softmax(&x)?;
            let dx = ops::softmax_backward(&y, &dy);
            (y, dx)
        }
        "log_softmax" => {
            let y = ops::log_softmax(&x)?;
            let dx = ops::log_softmax_backward(&y, &dy);
            (y, dx)
        }
        _ => return unsupported("no page"),
    };
    Ok(Answer::new().with("out/y", &last(&y, axis)).with("grad_in/x", &last(&dx, axis)))
}

/// `op_activation`
pub fn activation<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: ArrayD<R> = record.real("in/x")?;
    let dy = record.shaped("cot/y", x.shape())?;
    let answer =
        |y: Checked<ArrayD<R>>, dx: ArrayD<R>| Ok(Answer::new().with("out/y", &y?).with("grad_in/x", &dx));
    match record.system.as_str() {
        "gelu_erf" => answer(ops::gelu(&x), ops::gelu_backward(&x, &dy)),
        "gelu_tanh" | "gelu_new_hf" => answer(ops::gelu_tanh(&x), ops::gelu_tanh_backward(&x, &dy)),
        "quick_gelu_hf" => answer(ops::quick_gelu(&x), ops::quick_gelu_backward(&x, &dy)),
        "relu" => answer(ops::relu(&x), ops::relu_backward(&x, &dy)),
        "sigmoid" | "tanh" | "erf" | "softplus" | "logsigmoid" => elementary(record, &x, &dy),
        _ => unsupported("another nonlinearity"),
    }
}

/// Functions that other formulas are made of, without a page of their own: the value is that of mmt, and the slope is
/// written here.
fn elementary<R: Real>(record: &Record, x: &ArrayD<R>, dy: &ArrayD<R>) -> Found<Answer<R>> {
    let (zero, one) = (R::of(0.0), R::of(1.0));
    let softplus = |x: R| x.max(zero) + (-x.abs()).exp().ln_1p();
    let (y, slope): (ArrayD<R>, ArrayD<R>) = match record.system.as_str() {
        "sigmoid" => (x.mapv(R::sigmoid), x.mapv(|x| x.sigmoid() * (-x).sigmoid())),
        "tanh" => (x.mapv(R::tanh), x.mapv(|x| one - x.tanh() * x.tanh())),
        "softplus" => (x.mapv(softplus), x.mapv(R::sigmoid)),
        "logsigmoid" => (x.mapv(|x| -softplus(-x)), x.mapv(|x| (-x).sigmoid())),
        _ => (x.mapv(R::erf), x.mapv(|x| R::of(2.0) / R::pi().sqrt() * (-x * x).exp())),
    };
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &(slope * dy)))
}

/// `op_norm`
pub fn norm<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "layer_norm" => layer_norm(record),
        "batch_norm" => batch_norm(record),
        "normalize" => l2_normalize(record),
        "cosine_similarity" => cosine(record),
        _ => unsupported("another norm"),
    }
}

fn l2_normalize<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: Array2<R> = record.real("in/x")?;
    let (y, tape) = ops::l2_normalize(&x, Some(record.number("eps")?))?;
    let dx = ops::l2_normalize_backward(&tape, &record.shaped::<R, Ix2>("cot/y", x.shape())?);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

/// The product of two rows of length one.
fn cosine<R: Real>(record: &Record) -> Found<Answer<R>> {
    let a: Array2<R> = record.real("in/a")?;
    let b: Array2<R> = record.shaped("in/b", a.shape())?;
    let dy: Array1<R> = record.shaped("cot/y", &[a.nrows()])?;
    let ((u, a_tape), (v, b_tape)) = (ops::l2_normalize(&a, None)?, ops::l2_normalize(&b, None)?);
    let dy = dy.insert_axis(ndarray::Axis(1));
    Ok((Answer::new().with("out/y", &ops::sum::row_sums(&(&u * &v))))
        .with("grad_in/a", &ops::l2_normalize_backward(&a_tape, &(&v * &dy)))
        .with("grad_in/b", &ops::l2_normalize_backward(&b_tape, &(&u * &dy))))
}

/// Layer norm over the last axes, taken together as one row.
pub fn layer_norm<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: ArrayD<R> = record.real("in/x")?;
    let dy: ArrayD<R> = record.shaped("cot/y", x.shape())?;
    let weight = if record.has("in/w") { "w" } else { "weight" };
    let bias = if record.has("in/b") { "b" } else { "bias" };
    let gamma: Option<ArrayD<R>> = record.optional(&format!("in/{weight}"))?;
    let beta: Option<ArrayD<R>> = record.optional(&format!("in/{bias}"))?;
    let d = gamma.as_ref().map_or(*x.shape().last().unwrap_or(&1), |g| g.len());
    if d == 0 || !x.len().is_multiple_of(d) {
        return Err(record.invalid(0, "the gains do not fit x".to_string()));
    }
    let shape = gamma.as_ref().map(|g| g.shape().to_vec());
    let flat = |a: Option<ArrayD<R>>, default: f64| -> Array1<R> {
        a.map_or_else(|| Array1::from_elem(d, R::of(default)), |a| reshape(&a, &[a.len()]))
    };
    let (gamma, beta) = (flat(gamma, 1.0), flat(beta, 0.0));
    let table = [x.len() / d, d];
    let rows = reshape::<R, _, Ix2>(&x, &table);
    let (y, moments) = ops::layer_norm(&rows, &gamma, &beta, record.number("eps")?)?;
    let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
    let dx =
        ops::layer_norm_backward(&moments, &rows, &gamma, &reshape(&dy, &table), &mut dgamma, &mut dbeta);
    let full = |a: &Array2<R>| reshape::<R, _, IxDyn>(a, x.shape());
    let answer = Answer::new().with("out/y", &full(&y)).with("grad_in/x", &full(&dx));
    let Some(shape) = shape else { return Ok(answer) };
    let answer = answer.with(&format!("grad_in/{weight}"), &reshape::<R, _, IxDyn>(&dgamma, &shape));
    Ok(answer.with(&format!("grad_in/{bias}"), &reshape::<R, _, IxDyn>(&dbeta, &shape)))
}

/// `op_position`
pub fn position<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "1-D interleaved sin/cos table" => {
            let table = sinusoidal(record.size("n")?, record.size("d")?, SinusoidalKind::Interleaved)?;
            Ok(Answer::new().with("out/table", &table))
        }
        "2-D sin-cos table" => unsupported("positions of two axes"),
        _ => unsupported("no page"),
    }
}
