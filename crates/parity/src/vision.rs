//! Records of convolution, pooling and batch norm.

use std::ops::Range;

use mmt_tensor::ops::{
    Conv, Divisor, Pool, Resampling, Statistics, adaptive_windows, avg_pool, avg_pool_backward,
    batch_norm_backward, conv, conv_backward, cut_windows, frozen_norm, frozen_norm_backward,
    global_avg_pool, global_avg_pool_backward, max_of_windows, max_of_windows_backward, max_pool,
    max_pool_backward, resample, resample_backward,
};
use mmt_tensor::{Real, Tree};
use ndarray::{Array, Array1, Array2, Array4, ArrayD, Dimension, Ix3, Ix4, Ix5, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::layout::reshape;
use super::ops::unsupported;

/// `op_conv`
pub fn convolution<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "conv1d" => convolution_over::<R, Ix3, 1>(record),
        "conv2d" => convolution_over::<R, Ix4, 2>(record),
        "conv3d" => convolution_over::<R, Ix5, 3>(record),
        _ => unsupported("no page"),
    }
}

fn convolution_over<R: Real, D: Dimension, const N: usize>(record: &Record) -> Found<Answer<R>> {
    let (x, w): (Array<R, D>, Array<R, D>) = (record.real("in/x")?, record.real("in/weight")?);
    let b: Array1<R> = record.real("in/bias")?;
    let how = Conv::<N> {
        stride: record.sizes("stride", 1)?,
        padding: record.sizes("padding", 0)?,
        dilation: record.sizes("dilation", 1)?,
        groups: record.sizes::<1>("groups", 1)?[0],
    };
    let y = conv(&x, &w, &b, &how)?;
    let dy: Array<R, D> = record.shaped("cot/y", y.shape())?;
    let (mut dw, mut db) = (w.zeros_like(), b.zeros_like());
    let dx = conv_backward(&x, &w, &dy, &how, &mut dw, &mut db);
    Ok((Answer::new().with("out/y", &y).with("grad_in/x", &dx))
        .with("grad_in/weight", &dw)
        .with("grad_in/bias", &db))
}

/// `op_pool`
pub fn pooling<R: Real>(record: &Record) -> Found<Answer<R>> {
    let system = record.system.as_str();
    match system {
        "max_pool2d" => maximum::<R, Ix4, 2>(record),
        "max_pool3d" | "max_pool3d_133" => maximum::<R, Ix5, 3>(record),
        "avg_pool2d" => mean::<R, Ix4, 2>(record),
        "avg_pool3d_222" => mean::<R, Ix5, 3>(record),
        "adaptive_avg_pool2d_1" => global_mean(record),
        "max_pool2d_ceil" => {
            let ([kernel], [stride]) = (record.sizes("kernel", 1)?, record.sizes("stride", 1)?);
            maximum_of_windows(record, |size| cut_windows(size, kernel, stride))
        }
        "adaptive_max_pool2d_2" => {
            let [count] = record.sizes("output", 1)?;
            maximum_of_windows(record, |size| adaptive_windows(size, count))
        }
        "adaptive_avg_pool2d_32" => resampled(record, "output", Resampling::Mean),
        "interp_bilinear" => resampled(record, "size", Resampling::Linear),
        "interp_bicubic" => resampled(record, "size", Resampling::Cubic(record.number("a")?)),
        "interp_nearest" => resampled(record, "size", Resampling::Nearest),
        _ => unsupported("no page"),
    }
}

fn windows<const N: usize>(record: &Record) -> Found<Pool<N>> {
    let kernel = record.sizes("kernel", 1)?;
    Ok(Pool { kernel, stride: record.sizes("stride", kernel[0])?, padding: record.sizes("padding", 0)? })
}

fn maximum<R: Real, D: Dimension, const N: usize>(record: &Record) -> Found<Answer<R>> {
    let (x, pool): (Array<R, D>, Pool<N>) = (record.real("in/x")?, windows(record)?);
    let y = max_pool(&x, &pool)?;
    let dx = max_pool_backward(&x, &record.shaped("cot/y", y.shape())?, &pool);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

fn maximum_of_windows<R: Real>(
    record: &Record,
    windows: impl Fn(usize) -> mmt_tensor::Result<Vec<Range<usize>>>,
) -> Found<Answer<R>> {
    let x: Array4<R> = record.real("in/x")?;
    let windows = [windows(x.dim().2)?, windows(x.dim().3)?];
    let windows = windows.each_ref().map(Vec::as_slice);
    let y = max_of_windows(&x, windows)?;
    let dx = max_of_windows_backward(&x, windows, &record.shaped("cot/y", y.shape())?);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

fn resampled<R: Real>(record: &Record, size: &str, rule: Resampling) -> Found<Answer<R>> {
    let (x, [h, w]): (Array4<R>, _) = (record.real("in/x")?, record.sizes(size, 1)?);
    let y = resample(&x, (h, w), rule)?;
    let dx = resample_backward((x.dim().2, x.dim().3), rule, &record.shaped("cot/y", y.shape())?);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

fn mean<R: Real, D: Dimension, const N: usize>(record: &Record) -> Found<Answer<R>> {
    let (x, pool): (Array<R, D>, Pool<N>) = (record.real("in/x")?, windows(record)?);
    let inside = record.config.get("count_include_pad").and_then(|v| v.as_bool()) == Some(false);
    let divisor = if inside { Divisor::Inside } else { Divisor::Window };
    let y = avg_pool(&x, &pool, divisor)?;
    let dx = avg_pool_backward(&x, &record.shaped("cot/y", y.shape())?, &pool, divisor);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

fn global_mean<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: ArrayD<R> = record.real("in/x")?;
    let y = global_avg_pool(&x)?;
    let shape = [y.nrows(), y.ncols(), 1, 1];
    let dy: ArrayD<R> = record.shaped("cot/y", &shape)?;
    let dx = global_avg_pool_backward(&x, &reshape(&dy, &shape[..2]));
    Ok(Answer::new().with("out/y", &reshape::<R, _, IxDyn>(&y, &shape)).with("grad_in/x", &dx))
}

/// Batch norm with stored statistics, or with those of the batch, which the stored ones follow.
pub fn batch_norm<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x: ArrayD<R> = record.real("in/x")?;
    let (gamma, beta): (Array1<R>, Array1<R>) = (record.real("in/weight")?, record.real("in/bias")?);
    let (mean, variance) = (record.real("in/running_mean")?, record.real("in/running_var")?);
    let mut statistics = Statistics { mean, variance, eps: record.number("eps")? };
    if record.flag("training") {
        return batch_norm_in_training(record, (&x, &gamma, &beta), &mut statistics);
    }
    let y = frozen_norm(&x, &gamma, &beta, &statistics)?;
    let dy: ArrayD<R> = record.shaped("cot/y", y.shape())?;
    let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
    let dx = frozen_norm_backward(&x, &gamma, &dy, &statistics, &mut dgamma, &mut dbeta);
    Ok((Answer::new().with("out/y", &y).with("grad_in/x", &dx))
        .with("grad_in/weight", &dgamma)
        .with("grad_in/bias", &dbeta))
}

fn batch_norm_in_training<R: Real>(
    record: &Record,
    (x, gamma, beta): (&ArrayD<R>, &Array1<R>, &Array1<R>),
    statistics: &mut Statistics<R>,
) -> Found<Answer<R>> {
    let (rows, back) = channels_last(x);
    let (y, tape) = mmt_tensor::ops::batch_norm(&rows, gamma, beta, statistics.eps)?;
    statistics.follow(&tape, record.number("momentum")?)?;
    let dy: ArrayD<R> = record.shaped("cot/y", x.shape())?;
    let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
    let dx = batch_norm_backward(&tape, gamma, &channels_last(&dy).0, &mut dgamma, &mut dbeta);
    Ok((Answer::new().with("out/y", &back(&y)).with("grad_in/x", &back(&dx)))
        .with("out/running_mean_after", &statistics.mean)
        .with("out/running_var_after", &statistics.variance)
        .with("grad_in/weight", &dgamma)
        .with("grad_in/bias", &dbeta))
}

/// `x: [batch, c, ..]` as rows `[batch · .., c]`, and the way back.
fn channels_last<R: Real>(x: &ArrayD<R>) -> (Array2<R>, impl Fn(&Array2<R>) -> ArrayD<R>) {
    let c = x.shape()[1];
    let mut last = x.view();
    last.swap_axes(1, 0);
    let flat = last.to_shape((c, x.len() / c)).expect("as many numbers").reversed_axes();
    let mut shape = x.shape().to_vec();
    shape.swap(0, 1);
    let back = move |rows: &Array2<R>| {
        let mut x = rows.t().to_shape(shape.clone()).expect("as many numbers").into_owned();
        x.swap_axes(0, 1);
        x
    };
    (flat.into_owned(), back)
}
