//! Evidence for `eq-1.7-ffn`.

use mmt_blocks::{Activation, Ffn, Linear};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, Axis};

use crate::{Property, properties};

/// The layer of the specification.
pub(super) fn spec_layer<R: Real>(activation: Activation) -> Ffn<R> {
    Ffn {
        w_1: Linear { weight: ramp(2, (4, 6)), bias: Some(ramp(3, 6)) },
        w_2: Linear { weight: ramp(4, (6, 4)), bias: Some(ramp(5, 4)) },
        activation,
    }
}

/// Checksums of `Y`, `X̄`, `W̄_1`, `b̄_1`, `W̄_2`, `b̄_2`, from the specification, section 3.
const NUMBERS: [(Activation, [[&str; 2]; 6]); 4] = [
    (
        Activation::Relu,
        [
            ["-7.375", "-39.578125"],
            ["-3.109375", "-34.9375"],
            ["0.515625", "5.71875"],
            ["-0.8125", "-7.75"],
            ["1.875", "22.28125"],
            ["0.75", "1.5"],
        ],
    ),
    (
        Activation::Gelu,
        [
            ["-7.280192413", "-38.20823072"],
            ["-3.225186331", "-38.79992743"],
            ["0.9067765843", "9.04282542"],
            ["-0.6788372634", "-7.823577749"],
            ["1.175615866", "13.28508502"],
            ["0.75", "1.5"],
        ],
    ),
    (
        Activation::GeluTanh,
        [
            ["-7.280397698", "-38.20956785"],
            ["-3.226536271", "-38.80447939"],
            ["0.9042844233", "9.030489104"],
            ["-0.6827577522", "-7.840954029"],
            ["1.174481215", "13.2716714"],
            ["0.75", "1.5"],
        ],
    ),
    (
        Activation::QuickGelu,
        [
            ["-7.292930817", "-38.26072381"],
            ["-3.153976885", "-37.79929733"],
            ["0.8659143278", "8.569169068"],
            ["-0.6599590076", "-7.70496597"],
            ["1.184122754", "13.48320346"],
            ["0.75", "1.5"],
        ],
    ),
];

/// Numbers of the specification.
pub fn forward() {
    for (activation, [y_sums, dx_sums, w_1, b_1, w_2, b_2]) in NUMBERS {
        let layer = spec_layer::<f64>(activation);
        let (y, tape) = layer.forward(&ramp(1, (2, 4))).unwrap();
        assert_sums(&y, y_sums[0], y_sums[1]);
        let mut grad = layer.zeros_like();
        assert_sums(&layer.backward(&tape, &ramp(6, (2, 4)), &mut grad), dx_sums[0], dx_sums[1]);
        assert_sums(&grad.w_1.weight, w_1[0], w_1[1]);
        assert_sums(&grad.w_1.bias.unwrap(), b_1[0], b_1[1]);
        assert_sums(&grad.w_2.weight, w_2[0], w_2[1]);
        assert_sums(&grad.w_2.bias.unwrap(), b_2[0], b_2[1]);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for (activation, _) in NUMBERS {
        let layer = Ffn::new(4, 6, activation, &mut Random::seed(0)).unwrap();
        let x: Array2<Dual> = qres(1, (3, 4), 1.5);
        check_module(&layer, x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_token_does_not_feel_the_others,
    hidden_units_may_be_permuted,
    the_rectified_form_without_biases_is_positively_homogeneous,
    the_rectified_form_is_piecewise_linear,
];

fn draw(random: &mut Random, activation: Activation) -> (Ffn<f64>, Array2<f64>) {
    let (n, d, f) = (2 + random.below(4), 1 + random.below(4), 1 + random.below(6));
    let layer = Ffn::new(d, f, activation, random).unwrap();
    (shake(&layer, random.below(1 << 20) as u64), random.uniform((n, d), 2.0))
}

fn run(layer: &Ffn<f64>, x: &Array2<f64>) -> Array2<f64> {
    layer.forward(x).unwrap().0
}

fn a_token_does_not_feel_the_others(random: &mut Random) {
    let (layer, mut x) = draw(random, Activation::Gelu);
    let before = run(&layer, &x);
    let i = random.below(x.nrows());
    x.row_mut(i).fill(7.0);
    let after = run(&layer, &x);
    for j in (0..x.nrows()).filter(|&j| j != i) {
        assert_eq!(before.row(j), after.row(j));
    }
}

fn hidden_units_may_be_permuted(random: &mut Random) {
    let (layer, x) = draw(random, Activation::Gelu);
    let order = random.permutation(layer.w_1.weight.ncols());
    let bias = layer.w_1.bias.as_ref().unwrap().select(Axis(0), &order);
    let permuted = Ffn {
        w_1: Linear { weight: layer.w_1.weight.select(Axis(1), &order), bias: Some(bias) },
        w_2: Linear { weight: layer.w_2.weight.select(Axis(0), &order), bias: layer.w_2.bias.clone() },
        activation: layer.activation,
    };
    assert_close(&run(&permuted, &x), &run(&layer, &x), 1e-13);
}

fn the_rectified_form_without_biases_is_positively_homogeneous(random: &mut Random) {
    let (mut layer, x) = draw(random, Activation::Relu);
    layer.w_1.bias = None;
    layer.w_2.bias = layer.w_2.bias.map(|b| Array1::zeros(b.len()));
    let scale = 3.0 * random.unit();
    assert_close(&run(&layer, &(&x * scale)), &(run(&layer, &x) * scale), 1e-13);
}

/// Between two points on the same side of every kink the function is affine: its middle is the mean of its ends.
fn the_rectified_form_is_piecewise_linear(random: &mut Random) {
    let (layer, x) = draw(random, Activation::Relu);
    let sides = |x: &Array2<f64>| layer.forward(x).unwrap().1.z.mapv(|z| z > 0.0);
    let mut step: Array2<f64> = random.uniform(x.dim(), 2.0);
    while sides(&(&x + &step)) != sides(&x) {
        step /= 2.0;
    }
    let mean = (run(&layer, &x) + run(&layer, &(&x + &step))) / 2.0;
    assert_close(&run(&layer, &(&x + &step / 2.0)), &mean, 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (activation, _) in NUMBERS {
        let (layer, x) = (spec_layer::<R>(activation), ramp(1, (2, 4)));
        let (y, tape) = layer.forward(&x)?;
        let (dy, mut grad) = (ramp(6, (2, 4)), layer.zeros_like());
        let dx = layer.backward(&tape, &dy, &mut grad);
        let name = match activation {
            Activation::Relu => "block.ffn.relu",
            Activation::Gelu => "block.ffn.gelu",
            Activation::GeluTanh => "block.ffn.gelu-tanh",
            Activation::QuickGelu => "block.ffn.quick-gelu",
        };
        (cases.case(name).input("x", &x).param("", &layer).act("", &tape))
            .out("y", &y)
            .cot("y", &dy)
            .grad_in("x", &dx)
            .grad_param("", &grad);
    }
    Ok(())
}
