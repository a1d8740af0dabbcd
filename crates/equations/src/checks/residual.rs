//! Evidence for `eq-2.3-residual`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Conv, relu};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::cnn::{ConvUnit, Residual};
use ndarray::{Array4, Array5, Dim, Ix4, Ix5, s};

use crate::{Property, properties};

fn unit<R: Real>(weight: Array4<R>, bias: usize, stride: usize, padding: usize) -> ConvUnit<R, Ix4, 2> {
    let conv = Conv { stride: [stride; 2], padding: [padding; 2], ..Conv::default() };
    let bias = Some(ramp(bias, weight.dim().0));
    ConvUnit { weight, bias, norm: None, relu: true, conv }
}

/// Two channels to three with stride two, so that the way around needs a convolution.
fn example<R: Real>() -> Residual<R, Ix4, 2> {
    let half = |s, shape| ramp::<R, [usize; 4]>(s, shape) * R::of(0.5);
    Residual {
        units: vec![unit(half(2, [3, 2, 3, 3]), 3, 2, 1), unit(half(4, [3, 3, 3, 3]), 5, 1, 1).linear()],
        shortcut: Some(unit(ramp(6, [3, 2, 1, 1]), 7, 2, 0).linear()),
    }
}

/// Numbers of PyTorch 2.15 in double precision. Blocks with norms, bottlenecks and blocks over three axes are compared
/// with torchvision in the stored cases `tv_resnet_blocks`.
pub fn forward() {
    let (block, x) = (example::<f64>(), ramp(1, (2, 2, 4, 5)));
    let (y, tape) = block.forward(&x).unwrap();
    assert_sums(&y, "16.69140625", "214.5742188");
    let mut grad = block.zeros_like();
    assert_sums(&block.backward(&tape, &ramp(8, (2, 3, 2, 3)), &mut grad), "0.8671875", "36.76953125");
    let [first, second] = &grad.units[..] else { panic!("two convolutions") };
    for (unit, weight, bias) in [
        (first, ["-0.3984375", "-145.3515625"], ["3.71875", "12.65625"]),
        (second, ["-13.828125", "-751.125"], ["-1.25", "-2.75"]),
        (grad.shortcut.as_ref().unwrap(), ["3.4375", "5.5625"], ["-1.25", "-2.75"]),
    ] {
        assert_sums(&unit.weight, weight[0], weight[1]);
        assert_sums(unit.bias.as_ref().unwrap(), bias[0], bias[1]);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let with_norms = Residual {
        units: vec![example().units.remove(0), example().units.remove(1).with_norm(1e-3)],
        shortcut: example().shortcut.map(|unit| unit.with_norm(1e-3)),
    };
    for block in [example::<Dual>(), with_norms] {
        let x: Array4<Dual> = ramp(1, (2, 2, 4, 5));
        check_module(&block, x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
    }
    let conv = Conv { padding: [1; 3], ..Conv::default() };
    let unit = |seed| ConvUnit::new(Dim([2, 2, 3, 3, 3]), conv, &mut Random::seed(seed)).with_norm(1e-5);
    let video = Residual::<Dual, Ix5, 3> { units: vec![unit(0), unit(1).linear()], shortcut: None };
    let x: Array5<Dual> = ramp(1, (1, 2, 3, 3, 4));
    check_module(&video, x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_block_of_zeros_is_relu,
    two_axes_are_three_with_one_frame,
    the_gradient_takes_both_ways,
    a_sample_does_not_feel_its_neighbors,
];

/// Two convolutions of as many channels as the input has.
fn draw(random: &mut Random) -> (Residual<f64, Ix4, 2>, Array4<f64>) {
    let c = 1 + random.below(3);
    let conv = Conv { padding: [1; 2], ..Conv::default() };
    let mut unit = || ConvUnit::new(Dim([c, c, 3, 3]), conv, random);
    let block = Residual { units: vec![unit(), unit().linear()], shortcut: None };
    let shape = (1 + random.below(2), c, 1 + random.below(5), 1 + random.below(5));
    let x = random.uniform(shape, 1.0);
    (shake(&block, random.below(1 << 20) as u64), x)
}

fn a_block_of_zeros_is_relu(random: &mut Random) {
    let (block, x) = draw(random);
    assert_eq!(block.zeros_like().forward(&x).unwrap().0, relu(&x).unwrap());
}

fn two_axes_are_three_with_one_frame(random: &mut Random) {
    let (block, x) = draw(random);
    let axis = ndarray::Axis(2);
    let three = |unit: &ConvUnit<f64, Ix4, 2>| ConvUnit {
        weight: unit.weight.clone().insert_axis(axis),
        bias: unit.bias.clone(),
        norm: None,
        relu: unit.relu,
        conv: Conv { padding: [0, 1, 1], ..Conv::default() },
    };
    let video = Residual::<f64, Ix5, 3> { units: block.units.iter().map(three).collect(), shortcut: None };
    let y = video.forward(&x.clone().insert_axis(axis)).unwrap().0;
    assert_eq!(y.remove_axis(axis), block.forward(&x).unwrap().0);
}

/// Of a block whose convolutions are zero the gradient is that of ReLU; the way around alone carries it.
fn the_gradient_takes_both_ways(random: &mut Random) {
    let (block, x) = draw(random);
    let dy: Array4<f64> = random.uniform(x.dim(), 1.0);
    let zeros = block.zeros_like();
    let (_, tape) = zeros.forward(&x).unwrap();
    let dx = zeros.backward(&tape, &dy, &mut zeros.clone());
    assert_close(
        &dx,
        &ndarray::Zip::from(&x).and(&dy).map_collect(|&x, &dy| if x > 0.0 { dy } else { 0.0 }),
        0.0,
    );
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let (block, x) = draw(random);
    let y = block.forward(&x).unwrap().0;
    let one = block.forward(&x.slice(s![..1, .., .., ..])).unwrap().0;
    assert_eq!(y.slice(s![..1, .., .., ..]), one);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (block, x) = (example::<R>(), ramp(1, (2, 2, 4, 5)));
    let (y, tape) = block.forward(&x)?;
    let (mut grad, dy) = (block.zeros_like(), ramp(8, (2, 3, 2, 3)));
    let dx = block.backward(&tape, &dy, &mut grad);
    (cases.case("cnn.residual.ramp").input("x", &x).param("", &block))
        .act("", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
