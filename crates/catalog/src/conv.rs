//! Convolutions and pools.

use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::ops::{self, Conv, Divisor, Pool};
use mmt_tensor::{Real, Result};
use ndarray::{Array1, IxDyn};
use serde_json::{Value, json};

pub const OPS: &[Op] = &[op!(conv), op!(max_pool), op!(avg_pool), op!(global_avg_pool)];

/// The sizes of an input of two or three axes.
fn field<R: Real>(run: &Run<R>) -> Vec<usize> {
    let time = if run.has_size("time") { vec![run.size("time")] } else { vec![] };
    [run.sizes(["batch", "channels"]).to_vec(), time, run.sizes(["height", "width"]).to_vec()].concat()
}

/// Calls a generic function over two or three axes.
macro_rules! over_axes {
    ($run:ident, $function:ident) => {
        if $run.has_size("time") {
            $function::<R, ndarray::Ix5, 3>($run)
        } else {
            $function::<R, ndarray::Ix4, 2>($run)
        }
    };
}

fn conv<R: Real>(run: &mut Run<R>) -> Result<()> {
    over_axes!(run, conv_over)
}

fn conv_over<R: Real, D: ndarray::Dimension, const N: usize>(run: &mut Run<R>) -> Result<()> {
    let shape = field(run);
    let (groups, out) = (run.whole("groups"), run.size("out"));
    let settings = Conv::<N> {
        stride: run.list("stride"),
        padding: run.list("padding"),
        dilation: run.list("dilation"),
        groups,
    };
    let kernel = [vec![out, shape[1] / groups], run.list::<N>("kernel").to_vec()].concat();
    let x = run.input("x", IxDyn(&shape), 1.0).into_dimensionality::<D>().expect("so many axes");
    let std = (1.0 / kernel[1..].iter().product::<usize>() as f64).sqrt();
    let w = run.draw("param/weight", IxDyn(&kernel), Fill::normal(std));
    let w = w.into_dimensionality::<D>().expect("so many axes");
    let b: Array1<R> = run.draw("param/bias", out, Fill::normal(0.3));
    let y = ops::conv(&x, &w, &b, &settings)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    let (mut dw, mut db) = (w.mapv(|_| R::of(0.0)), b.mapv(|_| R::of(0.0)));
    let dx = ops::conv_backward(&x, &w, &dy, &settings, &mut dw, &mut db);
    run.keep("grad_in/x", &dx);
    run.keep("grad_param/weight", &dw);
    run.keep("grad_param/bias", &db);
    Ok(())
}

fn pool<R: Real, const N: usize>(run: &Run<R>) -> Pool<N> {
    Pool { kernel: run.list("kernel"), stride: run.list("stride"), padding: run.list("padding") }
}

fn max_pool<R: Real>(run: &mut Run<R>) -> Result<()> {
    over_axes!(run, max_pool_over)
}

fn max_pool_over<R: Real, D: ndarray::Dimension, const N: usize>(run: &mut Run<R>) -> Result<()> {
    let x = run.input("x", IxDyn(&field(run)), 1.0).into_dimensionality::<D>().expect("so many axes");
    let settings = pool::<R, N>(run);
    let y = ops::max_pool(&x, &settings)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/x", &ops::max_pool_backward(&x, &dy, &settings));
    Ok(())
}

fn avg_pool<R: Real>(run: &mut Run<R>) -> Result<()> {
    over_axes!(run, avg_pool_over)
}

fn avg_pool_over<R: Real, D: ndarray::Dimension, const N: usize>(run: &mut Run<R>) -> Result<()> {
    let x = run.input("x", IxDyn(&field(run)), 1.0).into_dimensionality::<D>().expect("so many axes");
    let settings = pool::<R, N>(run);
    let divisor = if run.word("divisor") == "inside" { Divisor::Inside } else { Divisor::Window };
    let y = ops::avg_pool(&x, &settings, divisor)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/x", &ops::avg_pool_backward(&x, &dy, &settings, divisor));
    Ok(())
}

fn global_avg_pool<R: Real>(run: &mut Run<R>) -> Result<()> {
    let x = run.input("x", IxDyn(&field(run)), 1.0).into_dimensionality::<ndarray::Ix4>().expect("four axes");
    let y = ops::global_avg_pool(&x)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    run.keep("grad_in/x", &ops::global_avg_pool_backward(&x, &dy));
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let plane = [("batch", 2), ("channels", 4), ("height", 7), ("width", 9), ("out", 6)];
    let clip = [("batch", 1), ("channels", 3), ("time", 4), ("height", 6), ("width", 5), ("out", 4)];
    let conv = |name: &str, kernel: Value, stride: Value, padding: Value, dilation: Value, groups: usize| {
        let config = json!({"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
            "groups": groups});
        Row::new(format!("conv.{name}"), "conv", "eq-0.10-convolution", config)
    };
    let pool =
        |name: &str, op, equation, config: Value| Row::new(format!("conv.{name}"), op, equation, config);
    let window = json!({"kernel": [3, 2], "stride": [2, 2], "padding": [1, 0], "divisor": "inside"});
    let box_ = json!({"kernel": [2, 2, 2], "stride": [2, 2, 2], "padding": [0, 0, 0], "divisor": "window"});
    vec![
        conv("plane.normal", json!([3, 3]), json!([1, 1]), json!([1, 1]), json!([1, 1]), 1)
            .sizes(&plane)
            .smoke(),
        conv("plane.strided", json!([3, 2]), json!([2, 1]), json!([1, 0]), json!([1, 2]), 2).sizes(&plane),
        conv("plane.pointwise", json!([1, 1]), json!([1, 1]), json!([0, 0]), json!([1, 1]), 1).sizes(&plane),
        conv("clip.normal", json!([3, 3, 3]), json!([1, 2, 2]), json!([1, 1, 1]), json!([1, 1, 1]), 1)
            .sizes(&clip),
        pool("max.plane", "max_pool", "eq-0.10-max-pool", window.clone()).sizes(&plane),
        pool("max.clip", "max_pool", "eq-0.10-max-pool", box_.clone())
            .sizes(&clip)
            .note("windows over time; the bugs of the catalogue are about pictures"),
        pool("avg.plane", "avg_pool", "eq-0.10-avg-pool", window).sizes(&plane),
        pool("avg.clip", "avg_pool", "eq-0.10-avg-pool", box_).sizes(&clip),
    ]
}
