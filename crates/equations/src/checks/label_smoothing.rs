//! Evidence for `eq-1.23-label-smoothing`.

use mmt_golden::Cases;
use mmt_objectives::{
    Distance, LabelSmoothing, LabelSmoothingTape, Smoothing, label_smoothing, label_smoothing_backward,
};
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{
    OnEmpty, cross_entropy, cross_entropy_backward, kl_divergence, soft_cross_entropy,
    soft_cross_entropy_backward,
};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

/// A form, the loss, the divergence and the gradient, from the specification, section 5.
const NUMBERS: [(Smoothing, &str, &str, [&str; 5]); 3] = [
    (
        Smoothing::Uniform,
        "2.573448278161",
        "2.183775357503",
        ["-0.849239070807", "0.387201032491", "0.129800888277", "0.035108667066", "0.297128482972"],
    ),
    (
        Smoothing::OffTarget,
        "2.554698278161",
        "2.090985868658",
        ["-0.829239070807", "0.382201032491", "0.124800888277", "0.030108667066", "0.292128482972"],
    ),
    (
        Smoothing::OffTargetNoPad { pad: 4 },
        "2.573448278161",
        "2.138504075903",
        ["-0.829239070807", "0.373867699158", "0.116467554944", "0.021775333733", "0.317128482972"],
    ),
];

const DISTANCES: [Distance; 2] = [Distance::CrossEntropy, Distance::KullbackLeibler];

fn settings(eps: f64, form: Smoothing, distance: Distance) -> LabelSmoothing {
    LabelSmoothing { eps, form, distance, on_empty: OnEmpty::Refuse }
}

/// Numbers of the specification.
pub fn forward() {
    let (z, labels): (Array2<f64>, _) = (ramp(1, (1, 5)), [Some(0)]);
    for (form, cross, divergence, gradient) in NUMBERS {
        for (distance, printed) in DISTANCES.into_iter().zip([cross, divergence]) {
            let (loss, tape) = label_smoothing(&z, &labels, &settings(0.1, form, distance)).unwrap();
            assert_printed(loss, printed);
            let dz = label_smoothing_backward(&tape, &z, &labels, 1.0);
            dz.iter().zip(gradient).for_each(|(&dz, printed)| assert_printed(dz, printed));
        }
        // Without smoothing.
        let (loss, _) = label_smoothing(&z, &labels, &settings(0.0, form, DISTANCES[0])).unwrap();
        assert_printed(loss, "2.648448278161");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let z: Array2<Dual> = qres(1, (4, 5), 1.5);
    let labels = [Some(0), None, Some(3), Some(1)];
    for (form, ..) in NUMBERS {
        for distance in DISTANCES {
            let settings = settings(0.3, form, distance);
            check_backward(
                &z,
                |z| Ok(label_smoothing(z, &labels, &settings)?.0),
                |z, &dl| {
                    let (_, tape) = label_smoothing(z, &labels, &settings).unwrap();
                    label_smoothing_backward(&tape, z, &labels, dl)
                },
            );
        }
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    shares_sum_to_one,
    without_smoothing_it_is_the_cross_entropy,
    rows_of_the_gradient_sum_to_zero,
    the_least_cross_entropy_is_the_entropy_of_the_shares,
    off_target_is_uniform_with_a_larger_share,
    it_is_the_cross_entropy_with_soft_targets,
    doubt_costs_where_the_prediction_is_right,
    rows_without_a_label_do_not_count,
];

struct Drawn {
    z: Array2<f64>,
    labels: Vec<Option<usize>>,
    eps: f64,
    forms: [Smoothing; 3],
}

/// The last class is the padding id, and no label.
fn draw(random: &mut Random) -> Drawn {
    let (n, k) = (1 + random.below(5), 3 + random.below(70));
    Drawn {
        z: random.uniform((n, k), 4.0),
        labels: (0..n).map(|_| Some(random.below(k - 1))).collect(),
        eps: 0.99 * random.unit(),
        forms: [Smoothing::Uniform, Smoothing::OffTarget, Smoothing::OffTargetNoPad { pad: k - 1 }],
    }
}

impl Drawn {
    fn run(&self, form: Smoothing, distance: Distance) -> (f64, LabelSmoothingTape<f64>) {
        label_smoothing(&self.z, &self.labels, &settings(self.eps, form, distance)).unwrap()
    }

    fn gradient(&self, form: Smoothing) -> Array2<f64> {
        let (_, tape) = self.run(form, Distance::CrossEntropy);
        label_smoothing_backward(&tape, &self.z, &self.labels, 1.0)
    }

    /// `q: [n, k]`
    fn targets(&self, form: Smoothing) -> Array2<f64> {
        let k = self.z.ncols();
        let shares = settings(self.eps, form, Distance::CrossEntropy).shares(k);
        let mut q = Array2::zeros(self.z.dim());
        for (mut q, y) in q.rows_mut().into_iter().zip(&self.labels) {
            q.assign(&shares.row(y.unwrap(), k));
        }
        q
    }
}

fn shares_sum_to_one(random: &mut Random) {
    let drawn = draw(random);
    for form in drawn.forms {
        let q = drawn.targets(form);
        assert_close(&row_sums(&q), &Array1::ones(q.nrows()), 1e-14);
        assert!(q.iter().all(|q| (0.0..=1.0).contains(q)));
        if let Smoothing::OffTargetNoPad { pad } = form {
            assert!(q.column(pad).iter().all(|&q| q == 0.0));
        }
    }
}

fn without_smoothing_it_is_the_cross_entropy(random: &mut Random) {
    let drawn = Drawn { eps: 0.0, ..draw(random) };
    let (expected, tape) = cross_entropy(&drawn.z, &drawn.labels, OnEmpty::Refuse).unwrap();
    let gradient = cross_entropy_backward(&tape, &drawn.z, &drawn.labels, 1.0);
    for form in drawn.forms {
        for distance in DISTANCES {
            assert_close(&drawn.run(form, distance).0, &expected, 1e-13);
        }
        assert_close(&drawn.gradient(form), &gradient, 1e-14);
    }
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let drawn = draw(random);
    for form in drawn.forms {
        let dz = drawn.gradient(form);
        assert_close(&row_sums(&dz), &Array1::zeros(dz.nrows()), 1e-14);
    }
}

/// At `z = log q` the prediction is the smoothed label: the divergence and the gradient are zero there.
fn the_least_cross_entropy_is_the_entropy_of_the_shares(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.eps = 0.01 + 0.98 * random.unit();
    for form in drawn.forms {
        let q = drawn.targets(form);
        let z = q.mapv(|q| if q > 0.0 { Real::ln(q) } else { -60.0 });
        let best = Drawn { z, labels: drawn.labels.clone(), ..drawn };
        assert_close(&best.run(form, Distance::KullbackLeibler).0, &0.0, 1e-12);
        assert_close(&best.gradient(form), &Array2::zeros(q.dim()), 1e-13);
        let entropy = settings(drawn.eps, form, DISTANCES[0]).shares::<f64>(q.ncols()).entropy(q.ncols());
        assert_close(&best.run(form, Distance::CrossEntropy).0, &entropy, 1e-12);
        assert!(drawn.run(form, Distance::CrossEntropy).0 >= entropy - 1e-12);
        assert!(drawn.run(form, Distance::KullbackLeibler).0 >= -1e-12);
    }
}

fn off_target_is_uniform_with_a_larger_share(random: &mut Random) {
    let mut drawn = draw(random);
    let k = drawn.z.ncols() as f64;
    drawn.eps *= (k - 1.0) / k;
    let off = (drawn.run(Smoothing::OffTarget, DISTANCES[0]).0, drawn.gradient(Smoothing::OffTarget));
    drawn.eps *= k / (k - 1.0);
    let uniform = (drawn.run(Smoothing::Uniform, DISTANCES[0]).0, drawn.gradient(Smoothing::Uniform));
    assert_close(&off, &uniform, 1e-12);
}

fn it_is_the_cross_entropy_with_soft_targets(random: &mut Random) {
    let drawn = draw(random);
    for form in drawn.forms {
        let q = drawn.targets(form);
        let (soft, tape) = soft_cross_entropy(&drawn.z, &q).unwrap();
        assert_close(&drawn.run(form, Distance::CrossEntropy).0, &soft, 1e-12);
        let (divergence, _) = kl_divergence(&drawn.z, &q).unwrap();
        assert_close(&drawn.run(form, Distance::KullbackLeibler).0, &divergence, 1e-12);
        assert_close(&drawn.gradient(form), &soft_cross_entropy_backward(&tape, &drawn.z, &q, 1.0), 1e-13);
    }
}

fn doubt_costs_where_the_prediction_is_right(random: &mut Random) {
    let mut drawn = draw(random);
    for (mut z, y) in drawn.z.rows_mut().into_iter().zip(&drawn.labels) {
        z[y.unwrap()] = 5.0;
    }
    let more = Drawn { eps: drawn.eps + 0.005, z: drawn.z.clone(), labels: drawn.labels.clone(), ..drawn };
    for form in drawn.forms {
        assert!(more.run(form, DISTANCES[0]).0 > drawn.run(form, DISTANCES[0]).0);
    }
}

fn rows_without_a_label_do_not_count(random: &mut Random) {
    let drawn = draw(random);
    let other: Array2<f64> = random.uniform((1, drawn.z.ncols()), 9.0);
    let z = ndarray::concatenate![ndarray::Axis(0), drawn.z, other];
    let labels = [drawn.labels.clone(), vec![None]].concat();
    let more = Drawn { z, labels, ..drawn };
    for form in drawn.forms {
        assert_close(&more.run(form, DISTANCES[0]).0, &drawn.run(form, DISTANCES[0]).0, 1e-13);
        let (dz, n) = (more.gradient(form), drawn.z.nrows());
        assert!(dz.row(n).iter().all(|&x| x == 0.0));
        assert_eq!(dz.slice(ndarray::s![..n, ..]), drawn.gradient(form));
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, ids) = (qres(1, (4, 6), 2.0), Array1::from(vec![0, 3, 1, 4]));
    let labels: Vec<Option<usize>> = ids.iter().map(|&y| Some(y)).collect();
    for (name, form) in [
        ("uniform", Smoothing::Uniform),
        ("off_target", Smoothing::OffTarget),
        ("off_target_no_pad", Smoothing::OffTargetNoPad { pad: 5 }),
    ] {
        let settings = settings(0.1, form, Distance::CrossEntropy);
        let (loss, tape) = label_smoothing::<R>(&z, &labels, &settings)?;
        let dz = label_smoothing_backward(&tape, &z, &labels, R::of(1.0));
        let case = cases.case(&format!("loss.label_smoothing.{name}"));
        case.input("z", &z).ids("labels", &ids).loss("loss", &ndarray::arr0(loss)).grad_in("z", &dz);
    }
    Ok(())
}
