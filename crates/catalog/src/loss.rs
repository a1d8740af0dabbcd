//! Losses. Every gradient is that of `cot · loss`.

use mmt_efficiency::{Distill, distill as distill_loss, distill_backward};
use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::Op;
use mmt_golden::run::Run;
use mmt_objectives::{
    Distance, LabelSmoothing, Smoothing, label_smoothing as smoothed, label_smoothing_backward,
};
use mmt_tensor::ops::{self, OnEmpty, Reduction};
use mmt_tensor::{Real, Result};
use ndarray::{Array2, arr0};

pub const OPS: &[Op] = &[
    op!(cross_entropy),
    op!(label_smoothing),
    op!(bce),
    op!(mse),
    op!(l1),
    op!(smooth_l1),
    op!(kl),
    op!(symmetric_kl),
    op!(soft_cross_entropy),
    op!(hinge),
    op!(hardest_hinge),
    op!(distill),
];

/// Keeps a loss, and draws its gradient.
fn finish<R: Real>(run: &mut Run<R>, loss: R) -> R {
    run.keep("loss/loss", &arr0(loss));
    run.draw("cot/loss", (), Fill::Constant(1.0)).into_scalar()
}

fn logits<R: Real>(run: &mut Run<R>, name: &str) -> Array2<R> {
    let [n, k] = run.sizes(["n", "k"]);
    run.input(name, (n, k), 2.0)
}

fn labels<R: Real>(run: &mut Run<R>) -> Vec<Option<usize>> {
    let [n, k] = run.sizes(["n", "k"]);
    let hidden = if run.is("ignore") { 0.6 } else { 0.0 };
    let hidden = if run.is("nothing") { 1.1 } else { hidden };
    run.labels("labels", n, k, hidden)
}

fn cross_entropy<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (z, labels) = (logits(run, "z"), labels(run));
    let (loss, tape) = ops::cross_entropy(&z, &labels, OnEmpty::Zero)?;
    let dl = finish(run, loss);
    run.keep("grad_in/z", &ops::cross_entropy_backward(&tape, &z, &labels, dl));
    Ok(())
}

fn label_smoothing<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (z, labels) = (logits(run, "z"), labels(run));
    let settings = LabelSmoothing {
        eps: run.real("eps"),
        form: Smoothing::Uniform,
        distance: Distance::CrossEntropy,
        on_empty: OnEmpty::Zero,
    };
    let (loss, tape) = smoothed(&z, &labels, &settings)?;
    let dl = finish(run, loss);
    run.keep("grad_in/z", &label_smoothing_backward(&tape, &z, &labels, dl));
    Ok(())
}

fn bce<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, k] = run.sizes(["n", "k"]);
    let x = run.input("x", (n, k), 2.0);
    let t = run.constant("in/t", &[n, k], &Fill::Fixed(vec![0.0, 1.0, 1.0, 0.25, 0.0]));
    let t = t.into_dimensionality::<ndarray::Ix2>().expect("two axes").mapv(R::of);
    let reduction = if run.word("reduction") == "mean" { Reduction::Mean } else { Reduction::Sum };
    let loss = ops::binary_cross_entropy(&x, &t, reduction)?;
    let dl = finish(run, loss);
    run.keep("grad_in/x", &ops::binary_cross_entropy_backward(&x, &t, reduction, dl));
    Ok(())
}

fn mse<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (y, t) = (logits(run, "y"), logits(run, "t"));
    let loss = ops::mse(&y, &t)?;
    let dl = finish(run, loss);
    run.keep("grad_in/y", &ops::mse_backward(&y, &t, dl));
    Ok(())
}

fn l1<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (y, t) = (logits(run, "y"), logits(run, "t"));
    let loss = ops::l1(&y, &t)?;
    let dl = finish(run, loss);
    run.keep("grad_in/y", &ops::l1_backward(&y, &t, dl));
    Ok(())
}

fn smooth_l1<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (y, t, beta) = (logits(run, "y"), logits(run, "t"), run.real("beta"));
    let loss = ops::smooth_l1(&y, &t, beta)?;
    let dl = finish(run, loss);
    run.keep("grad_in/y", &ops::smooth_l1_backward(&y, &t, beta, dl));
    Ok(())
}

/// Targets that sum to one exactly, in every number type: they have no gradient and no rounding.
fn targets<R: Real>(run: &mut Run<R>) -> Array2<R> {
    let [n, k] = run.sizes(["n", "k"]);
    let exact = run.constant("in/t", &[n, k], &Fill::Distribution);
    exact.into_dimensionality::<ndarray::Ix2>().expect("two axes").mapv(R::of)
}

fn kl<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (z, t) = (logits(run, "z"), targets(run));
    let (loss, tape) = ops::kl_divergence(&z, &t)?;
    let dl = finish(run, loss);
    run.keep("grad_in/z", &ops::kl_divergence_backward(&tape, &z, &t, dl));
    Ok(())
}

fn soft_cross_entropy<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (z, t) = (logits(run, "z"), targets(run));
    let (loss, tape) = ops::soft_cross_entropy(&z, &t)?;
    let dl = finish(run, loss);
    run.keep("grad_in/z", &ops::soft_cross_entropy_backward(&tape, &z, &t, dl));
    Ok(())
}

fn symmetric_kl<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (z, w) = (logits(run, "z"), logits(run, "w"));
    let (loss, tape) = ops::symmetric_kl(&z, &w)?;
    let dl = finish(run, loss);
    let (dz, dw) = ops::symmetric_kl_backward(&tape, dl);
    run.keep("grad_in/z", &dz);
    run.keep("grad_in/w", &dw);
    Ok(())
}

fn hinge<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (s, margin) = (logits(run, "s"), run.real("margin"));
    let loss = ops::hinge(&s, margin)?;
    let dl = finish(run, loss);
    run.keep("grad_in/s", &ops::hinge_backward(&s, margin, dl));
    Ok(())
}

fn hardest_hinge<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (s, margin) = (logits(run, "s"), run.real("margin"));
    let loss = ops::hardest_hinge(&s, margin)?;
    let dl = finish(run, loss);
    run.keep("grad_in/s", &ops::hardest_hinge_backward(&s, margin, dl));
    Ok(())
}

/// A student after a teacher, whose logits have no gradient, and after labels.
fn distill<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (z, v, labels) = (logits(run, "z"), logits(run, "v"), labels(run));
    let settings = Distill { temperature: run.real("temperature"), alpha: run.real("alpha") };
    let (loss, tape) = distill_loss(&z, &v, &labels, settings)?;
    let dl = finish(run, loss);
    run.keep("grad_in/z", &distill_backward(&tape, &z, &labels, settings, dl));
    Ok(())
}
