//! Records of convolutional networks: residual blocks, separable convolutions, inception blocks.

use mmt_tensor::ops::{Conv, Statistics, relu};
use mmt_tensor::{Real, Tree};
use mmt_tokenizers::cnn::{ConvUnit, FrozenNorm, Inception, Residual, Separable, Windows};
use ndarray::{Array, Array5, Dimension, Ix4, Ix5};

use super::Answer;
use super::case::{Found, Record};
use super::ops::unsupported;

/// A convolution and its norm, as a library names them, and the stride.
pub struct Names<'a> {
    conv: &'a str,
    norm: &'a str,
    stride: usize,
}

/// The names of the convolutions of a basic block.
pub fn basic(stride: usize) -> [Names<'static>; 2] {
    [Names { conv: "conv1", norm: "bn1", stride }, Names { conv: "conv2", norm: "bn2", stride: 1 }]
}

/// `tv_resnet_blocks`
pub fn residual_block<R: Real>(record: &Record) -> Found<Answer<R>> {
    let [stride] = record.sizes("stride", 1)?;
    match record.system.as_str() {
        "BasicBlock" => block::<R, Ix4, 2>(record, &basic(stride), stride),
        // The stride stands in the middle.
        "Bottleneck" => {
            let one = |conv, norm, stride| Names { conv, norm, stride };
            let names = [one("conv1", "bn1", 1), one("conv2", "bn2", stride), one("conv3", "bn3", 1)];
            block::<R, Ix4, 2>(record, &names, stride)
        }
        "video BasicBlock (3x3x3)" => {
            let one = |conv, norm| Names { conv, norm, stride: 1 };
            block::<R, Ix5, 3>(record, &[one("conv1.0", "conv1.1"), one("conv2.0", "conv2.1")], 1)
        }
        _ => unsupported("no page"),
    }
}

fn block<R: Real, D: Dimension, const N: usize>(
    record: &Record,
    names: &[Names],
    stride: usize,
) -> Found<Answer<R>> {
    let module = residual::<R, D, N>(record, "", names, stride)?;
    let x: Array<R, D> = record.real("in/x")?;
    let (y, tape) = module.forward(&x)?;
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &record.shaped("cot/y", y.shape())?, &mut grad);
    let mut answer = Answer::new().with("out/y", &y).with("grad_in/x", &dx);
    if let ([first, second], true) = (&tape.units[..], record.has("act/conv1"))
        && let (Some(z), Some(a), Some(last)) = (&first.z, &first.a, &second.z)
    {
        // The library adds and takes the ReLU in place, so that what it keeps of a norm is what became of it.
        answer = answer.with("act/conv1", z).with("act/bn1", &relu(a)?);
        answer = answer.with("act/conv2", last).with("act/bn2", &y);
    }
    Ok(with_residual(answer, "", names, &grad))
}

/// A residual block whose parameters stand below `prefix`.
pub fn residual<R: Real, D: Dimension, const N: usize>(
    record: &Record,
    prefix: &str,
    names: &[Names],
    stride: usize,
) -> Found<Residual<R, D, N>> {
    let mut units: Vec<ConvUnit<R, D, N>> = Vec::new();
    for name in names {
        let (conv, norm) = (format!("{prefix}{}", name.conv), format!("{prefix}{}", name.norm));
        units.push(unit(record, &conv, &norm, [name.stride; N], 1e-5)?);
    }
    units.last_mut().expect("a block has convolutions").relu = false;
    let around = format!("{prefix}downsample.0");
    let shortcut = if record.has(&format!("param/{around}.weight")) {
        let norm = format!("{prefix}downsample.1");
        Some(unit(record, &around, &norm, [stride; N], 1e-5)?.linear())
    } else {
        None
    };
    Ok(Residual { units, shortcut })
}

/// The gradients of [`residual`], under the keys of the library.
pub fn with_residual<R: Real, D: Dimension, const N: usize>(
    answer: Answer<R>,
    prefix: &str,
    names: &[Names],
    grad: &Residual<R, D, N>,
) -> Answer<R> {
    let answer = names.iter().zip(&grad.units).fold(answer, |answer, (name, grad)| {
        let (conv, norm) = (format!("{prefix}{}", name.conv), format!("{prefix}{}", name.norm));
        with_unit(answer, &conv, &norm, grad)
    });
    match &grad.shortcut {
        Some(grad) => {
            with_unit(answer, &format!("{prefix}downsample.0"), &format!("{prefix}downsample.1"), grad)
        }
        None => answer,
    }
}

/// A convolution without a bias, padded to keep its size at stride one, with a norm and ReLU.
fn unit<R: Real, D: Dimension, const N: usize>(
    record: &Record,
    conv: &str,
    norm: &str,
    stride: [usize; N],
    eps: f64,
) -> Found<ConvUnit<R, D, N>> {
    let weight: Array<R, D> = record.real(&format!("param/{conv}.weight"))?;
    let (c, mut padding) = (weight.shape().first().copied().unwrap_or(0), [0; N]);
    padding.iter_mut().zip(weight.shape().iter().skip(2)).for_each(|(padding, k)| *padding = k / 2);
    let statistics = Statistics {
        mean: record.shaped(&format!("buf/{norm}.running_mean"), &[c])?,
        variance: record.shaped(&format!("buf/{norm}.running_var"), &[c])?,
        eps,
    };
    let gamma = record.shaped(&format!("param/{norm}.weight"), &[c])?;
    let norm = FrozenNorm { gamma, beta: record.shaped(&format!("param/{norm}.bias"), &[c])?, statistics };
    let conv = Conv { stride, padding, ..Conv::default() };
    Ok(ConvUnit { weight, bias: None, norm: Some(norm), relu: true, conv })
}

fn with_unit<R: Real, D: Dimension, const N: usize>(
    answer: Answer<R>,
    conv: &str,
    norm: &str,
    grad: &ConvUnit<R, D, N>,
) -> Answer<R> {
    let answer = answer.with(&format!("grad_param/{conv}.weight"), &grad.weight);
    match &grad.norm {
        Some(grad) => (answer.with(&format!("grad_param/{norm}.weight"), &grad.gamma))
            .with(&format!("grad_param/{norm}.bias"), &grad.beta),
        None => answer,
    }
}

/// `tv_s3d`
pub fn s3d<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: Array5<R> = record.real("in/x")?;
    match record.system.as_str() {
        "TemporalSeparableConv" => {
            let module = separable(record, "")?;
            let (y, tape) = module.forward(&x)?;
            let mut grad = module.zeros_like();
            let dx = module.backward(&tape, &record.shaped("cot/y", y.shape())?, &mut grad);
            Ok(with_separable(Answer::new().with("out/y", &y).with("grad_in/x", &dx), "", &grad))
        }
        "SepInceptionBlock3D" => {
            let module = Inception {
                point: point(record, "branch0")?,
                window: windows(record, "branch1")?,
                second: windows(record, "branch2")?,
                pooled: point(record, "branch3.1")?,
            };
            let (y, tape) = module.forward(&x)?;
            let mut grad = module.zeros_like();
            let dx = module.backward(&tape, &record.shaped("cot/y", y.shape())?, &mut grad);
            let answer = Answer::new().with("out/y", &y).with("grad_in/x", &dx);
            let answer = with_unit(answer, "branch0.0", "branch0.1", &grad.point);
            let answer = with_windows(answer, "branch1", &grad.window);
            let answer = with_windows(answer, "branch2", &grad.second);
            Ok(with_unit(answer, "branch3.1.0", "branch3.1.1", &grad.pooled))
        }
        _ => unsupported("no page"),
    }
}

/// The `ε` of the norms of S3D.
const EPS: f64 = 1e-3;

fn point<R: Real>(record: &Record, prefix: &str) -> Found<ConvUnit<R, Ix5, 3>> {
    unit(record, &format!("{prefix}.0"), &format!("{prefix}.1"), [1; 3], EPS)
}

fn separable<R: Real>(record: &Record, prefix: &str) -> Found<Separable<R>> {
    let s = record.sizes::<1>("stride", 1)?[0];
    let part =
        |i: usize, stride| unit(record, &format!("{prefix}{i}.0"), &format!("{prefix}{i}.1"), stride, EPS);
    Ok(Separable { spatial: part(0, [1, s, s])?, temporal: part(1, [s, 1, 1])? })
}

fn windows<R: Real>(record: &Record, prefix: &str) -> Found<Windows<R>> {
    let conv = separable(record, &format!("{prefix}.1."))?;
    Ok(Windows { reduce: point(record, &format!("{prefix}.0"))?, conv })
}

fn with_separable<R: Real>(answer: Answer<R>, prefix: &str, grad: &Separable<R>) -> Answer<R> {
    let answer = with_unit(answer, &format!("{prefix}0.0"), &format!("{prefix}0.1"), &grad.spatial);
    with_unit(answer, &format!("{prefix}1.0"), &format!("{prefix}1.1"), &grad.temporal)
}

fn with_windows<R: Real>(answer: Answer<R>, prefix: &str, grad: &Windows<R>) -> Answer<R> {
    let answer = with_unit(answer, &format!("{prefix}.0.0"), &format!("{prefix}.0.1"), &grad.reduce);
    with_separable(answer, &format!("{prefix}.1."), &grad.conv)
}
