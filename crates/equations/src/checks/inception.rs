//! Evidence for `eq-2.8-inception`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Pool, max_pool};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::cnn::{Inception, InceptionWidths};
use ndarray::{Array5, s};

use super::separable::{compare, set};
use crate::{Property, properties};

const WIDTHS: InceptionWidths = InceptionWidths { point: 2, window: [2, 3], second: [1, 2], pooled: 1 };

/// The weights of a block from ramp `s` on, unit by unit.
pub(super) fn set_all<R: Real>(module: &mut Inception<R>, s: usize) {
    let Inception { point, window, second, pooled } = module;
    let [a, b] = [window, second]
        .map(|windows| [&mut windows.reduce, &mut windows.conv.spatial, &mut windows.conv.temporal]);
    let units = [point].into_iter().chain(a).chain(b).chain([pooled]);
    units.enumerate().for_each(|(i, unit)| set(unit, s + i));
}

fn example<R: Real>() -> Inception<R> {
    let mut module = Inception::new(2, WIDTHS, 1e-3, &mut Random::seed(0));
    set_all(&mut module, 2);
    module
}

/// Numbers of PyTorch 2.15 in double precision; torchvision's block is in the stored case `tv_s3d`. Ramps have equal
/// maxima, of which the first takes the gradient in both.
pub fn forward() {
    let (module, x) = (example::<f64>(), ramp(1, (2, 2, 3, 4, 3)));
    let (y, tape) = module.forward(&x).unwrap();
    assert_sums(&y, "333.4686838", "86991.5328");
    let mut grad = module.zeros_like();
    assert_sums(&module.backward(&tape, &ramp(8, y.dim()), &mut grad), "-1.345123996", "-158.6174628");
    let norm = [["0.502353507", "4.262827026"], ["4.348197521", "5.669313999"]];
    compare(&grad.window.reduce, [["2.747286872", "3.43821631"], norm[0], norm[1]]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array5<Dual> = ramp(1, (2, 2, 3, 4, 3));
    check_module(&example(), x, |m, x| m.forward(x), |m, tape, dy, grad| m.backward(tape, dy, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    branches_stand_side_by_side,
    a_branch_without_gradient_gets_none,
    a_clip_does_not_feel_its_neighbors,
];

fn draw(random: &mut Random) -> (Inception<f64>, Array5<f64>) {
    let c = 1 + random.below(3);
    let module = shake(&Inception::new(c, WIDTHS, 1e-3, random), random.below(1 << 20) as u64);
    let shape = (1 + random.below(2), c, 1 + random.below(3), 1 + random.below(3), 1 + random.below(3));
    (module, random.uniform(shape, 1.0))
}

fn branches_stand_side_by_side(random: &mut Random) {
    let (module, x) = draw(random);
    let y = module.forward(&x).unwrap().0;
    assert_eq!(y.dim().1, WIDTHS.total());
    assert_eq!(y.slice(s![.., ..2, .., .., ..]), module.point.forward(&x).unwrap().0);
    let h = module.second.reduce.forward(&x).unwrap().0;
    assert_eq!(y.slice(s![.., 5..7, .., .., ..]), module.second.conv.forward(&h).unwrap().0);
    let pool = Pool { kernel: [3; 3], stride: [1; 3], padding: [1; 3] };
    let pooled = max_pool(&x, &pool).unwrap();
    assert_eq!(y.slice(s![.., 7.., .., .., ..]), module.pooled.forward(&pooled).unwrap().0);
}

/// And the gradient of the input is the sum of what the branches give alone.
fn a_branch_without_gradient_gets_none(random: &mut Random) {
    let (module, x) = draw(random);
    let (y, tape) = module.forward(&x).unwrap();
    let dy: Array5<f64> = random.uniform(y.dim(), 1.0);
    let whole = module.backward(&tape, &dy, &mut module.zeros_like());
    let mut sum = Array5::<f64>::zeros(x.dim());
    for channels in [0..2, 2..5, 5..7, 7..8] {
        let mut part = Array5::zeros(y.dim());
        let range = s![.., channels.clone(), .., .., ..];
        part.slice_mut(range).assign(&dy.slice(range));
        let mut grad = module.zeros_like();
        sum += &module.backward(&tape, &part, &mut grad);
        let moved = |weight: &Array5<f64>| weight.iter().any(|&g| g != 0.0);
        assert!(channels.start == 0 || !moved(&grad.point.weight));
        assert!(channels.start == 2 || !moved(&grad.window.reduce.weight));
        assert!(channels.start == 5 || !moved(&grad.second.reduce.weight));
        assert!(channels.start == 7 || !moved(&grad.pooled.weight));
    }
    assert_close(&whole, &sum, 1e-12);
}

fn a_clip_does_not_feel_its_neighbors(random: &mut Random) {
    let (module, x) = draw(random);
    let one = module.forward(&x.slice(s![..1, .., .., .., ..])).unwrap().0;
    assert_eq!(module.forward(&x).unwrap().0.slice(s![..1, .., .., .., ..]), one);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, x) = (example::<R>(), ramp(1, (2, 2, 3, 4, 3)));
    let (y, tape) = module.forward(&x)?;
    let (mut grad, dy) = (module.zeros_like(), ramp(8, y.dim()));
    let dx = module.backward(&tape, &dy, &mut grad);
    (cases.case("cnn.inception.ramp").input("x", &x).param("", &module))
        .act("", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
