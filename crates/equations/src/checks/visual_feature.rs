//! Evidence for `eq-2.15-visual-feature`.

use mmt_blocks::Linear;
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::vl_bert::VisualFeature;
use ndarray::{Array1, Array2, Axis, concatenate};

use crate::{Property, properties};

/// Appearance of three numbers and one wavelength; five of the twelve outputs are zero.
pub(super) fn example<R: Real>() -> (VisualFeature<R>, Array2<R>, Array2<R>) {
    let project = Linear { weight: ramp(2, (11, 4)), bias: Some(ramp(3, 4)) };
    (VisualFeature { project }, ramp(1, (3, 3)), ramp(2, (3, 8)))
}

/// Numbers of PyTorch, by automatic differentiation.
pub fn forward() {
    let (module, v, g) = example::<f64>();
    let (h, tape) = module.forward(&v, &g).unwrap();
    assert_sums(&h, "15.3125", "85.25");
    assert_eq!(h.iter().filter(|h| **h == 0.0).count(), 5);
    let mut grad = module.zeros_like();
    let (dv, dg) = module.backward(&tape, &ramp(5, (3, 4)), &mut grad);
    assert_sums(&dv, "1", "4.875");
    assert_sums(&dg, "-1", "-5.125");
    assert_sums(&grad.project.weight, "2.5", "79.9375");
    assert_sums(grad.project.bias.as_ref().unwrap(), "-1.25", "-4");
    assert_eq!(
        [sums(&dv)[2], sums(&dg)[2], sums(&grad.project.weight)[2]],
        [3.828125, 21.6953125, 25.8359375]
    );
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (module, v, g) = example::<Dual>();
    check_module(
        &module,
        (v, g),
        |m, (v, g)| m.forward(v, g),
        |m, tape, dh, grad| m.backward(tape, dh, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    features_are_not_negative,
    the_order_of_regions_is_that_of_features,
    it_is_the_sum_of_two_linear_maps_rectified,
    what_is_cut_off_has_no_gradient,
];

struct Drawn {
    module: VisualFeature<f64>,
    v: Array2<f64>,
    g: Array2<f64>,
}

fn draw(random: &mut Random) -> Drawn {
    let (n, d_v, d_g, d) =
        (1 + random.below(5), 1 + random.below(5), 1 + random.below(8), 1 + random.below(6));
    let mut module = VisualFeature::new(d_v, d_g, d, random);
    module.project.bias = Some(random.uniform(d, 1.0));
    Drawn { module, v: random.uniform((n, d_v), 2.0), g: random.uniform((n, d_g), 1.0) }
}

fn run(Drawn { module, v, g }: &Drawn) -> Array2<f64> {
    module.forward(v, g).unwrap().0
}

fn features_are_not_negative(random: &mut Random) {
    assert!(run(&draw(random)).iter().all(|h| *h >= 0.0));
}

fn the_order_of_regions_is_that_of_features(random: &mut Random) {
    let drawn = draw(random);
    let order = random.permutation(drawn.v.nrows());
    let [v, g] = [&drawn.v, &drawn.g].map(|a| a.select(Axis(0), &order));
    let h = run(&drawn).select(Axis(0), &order);
    assert_close(&run(&Drawn { module: drawn.module, v, g }), &h, 1e-13);
}

fn it_is_the_sum_of_two_linear_maps_rectified(random: &mut Random) {
    let drawn = draw(random);
    let (w_v, w_g) = drawn.module.project.weight.view().split_at(Axis(0), drawn.v.ncols());
    let [a, b] = [(&drawn.v, w_v), (&drawn.g, w_g)].map(|(x, w)| mmt_tensor::ops::matmul(x, &w));
    let bias: &Array1<f64> = drawn.module.project.bias.as_ref().unwrap();
    assert_close(&run(&drawn), &(a + b + bias).mapv(|z| z.max(0.0)), 1e-12);
}

/// Neither to the parameters nor to the inputs, if every number is cut off.
fn what_is_cut_off_has_no_gradient(random: &mut Random) {
    let mut drawn = draw(random);
    drawn.module.project.bias = Some(Array1::from_elem(drawn.module.project.weight.ncols(), -1000.0));
    let (h, tape) = drawn.module.forward(&drawn.v, &drawn.g).unwrap();
    let mut grad = drawn.module.zeros_like();
    let (dv, dg) = drawn.module.backward(&tape, &Array2::ones(h.dim()), &mut grad);
    let all = concatenate(Axis(1), &[h.view(), dv.view(), dg.view()]).unwrap();
    assert!(all.iter().chain(&grad.project.weight).all(|x| *x == 0.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, v, g) = example::<R>();
    let (h, tape) = module.forward(&v, &g)?;
    let (mut grad, dh) = (module.zeros_like(), ramp(5, (3, 4)));
    let (dv, dg) = module.backward(&tape, &dh, &mut grad);
    (cases.case("region.visual-feature.ramp").input("v", &v).input("g", &g).param("", &module))
        .out("h", &h)
        .cot("h", &dh)
        .grad_in("v", &dv)
        .grad_in("g", &dg)
        .grad_param("", &grad);
    Ok(())
}
