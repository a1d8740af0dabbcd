//! Evidence for `eq-0.10-convolution`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Conv, conv, conv_backward, linear};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array, Array1, Array2, Array3, Array4, Array5, Dimension, s};

use crate::{Property, properties};

type Point<R, D> = (Array<R, D>, Array<R, D>, Array1<R>);

fn gradients<R: Real, D: Dimension, const N: usize>(
    (x, w, b): &Point<R, D>,
    dy: &Array<R, D>,
    settings: &Conv<N>,
) -> Point<R, D> {
    let (mut dw, mut db) = (w.zeros_like(), b.zeros_like());
    (conv_backward(x, w, dy, settings, &mut dw, &mut db), dw, db)
}

fn compare<D: Dimension, const N: usize>(point: &Point<f64, D>, settings: &Conv<N>, want: [(&str, &str); 4]) {
    let (x, w, b) = point;
    let y = conv(x, w, b, settings).unwrap();
    let (dx, dw, db) = gradients(point, &ramp(4, y.raw_dim()), settings);
    assert_sums(&y, want[0].0, want[0].1);
    assert_sums(&dx, want[1].0, want[1].1);
    assert_sums(&dw, want[2].0, want[2].1);
    assert_sums(&db, want[3].0, want[3].1);
}

/// Numbers of the specification, section 1, and of PyTorch 2.15 in double precision for one and three axes.
pub fn forward() {
    let two = Conv { stride: [2; 2], padding: [1; 2], ..Conv::default() };
    let point: Point<f64, _> = (ramp(1, (1, 2, 5, 6)), ramp(2, (3, 2, 3, 3)), ramp(3, 3));
    let gradients = [("-6.25", "-192.5"), ("1.75", "50.6875"), ("-1.25", "-2.25")];
    compare(&point, &two, [("1.125", "-178.125"), gradients[0], gradients[1], gradients[2]]);
    let three = Conv { stride: [1, 2, 1], padding: [1, 0, 1], dilation: [1, 1, 2], groups: 2 };
    let point: Point<f64, _> = (ramp(1, (2, 4, 4, 5, 6)), ramp(2, (4, 2, 2, 3, 2)), ramp(3, 4));
    let gradients = [("7.625", "4260.375"), ("-1.1875", "-296"), ("-0.5", "-1")];
    compare(&point, &three, [("90.4375", "17532.875"), gradients[0], gradients[1], gradients[2]]);
    let one = Conv { stride: [2], padding: [1], ..Conv::default() };
    let point: Point<f64, _> = (ramp(1, (2, 3, 11)), ramp(2, (4, 3, 3)), ramp(3, 4));
    let gradients = [("3.125", "-46.125"), ("-0.5625", "75.1875"), ("-1.75", "-2.75")];
    compare(&point, &one, [("9", "147.625"), gradients[0], gradients[1], gradients[2]]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    check((ramp(1, (2, 3, 7)), ramp(2, (2, 3, 2)), ramp(3, 2)), Conv { padding: [1], ..Conv::default() });
    let two = Conv { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 };
    check((ramp(1, (2, 4, 5, 4)), ramp(2, (6, 2, 3, 2)), ramp(3, 6)), two);
    let three = Conv { stride: [1, 2, 3], padding: [0, 1, 1], ..Conv::default() };
    check((ramp(1, (1, 2, 3, 4, 5)), ramp(2, (3, 2, 2, 1, 3)), ramp(3, 3)), three);
}

fn check<D: Dimension, const N: usize>(point: Point<Dual, D>, settings: Conv<N>)
where
    Point<Dual, D>: Tree<Dual>,
{
    check_backward(&point, |(x, w, b)| conv(x, w, b, &settings), |point, dy| gradients(point, dy, &settings));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    is_the_sum_of_the_definition,
    the_adjoint_identity_holds,
    a_kernel_of_one_pixel_is_a_linear_map_of_every_pixel,
    windows_side_by_side_are_patches_and_a_linear_map,
    a_one_in_the_center_is_the_identity,
    two_axes_are_three_with_one_frame,
    a_sample_does_not_feel_its_neighbors,
];

fn draw(random: &mut Random) -> (Point<f64, ndarray::Ix4>, Conv<2>) {
    let mut pair = |low: usize, n: usize| [low + random.below(n), low + random.below(n)];
    let (kernel, stride, dilation, padding) = (pair(1, 3), pair(1, 3), pair(1, 2), pair(0, 3));
    let span = |i: usize| dilation[i] * (kernel[i] - 1) + 1;
    let size = [span(0) + random.below(8), span(1) + random.below(8)];
    let (groups, c, out) = (1 + random.below(3), 1 + random.below(3), 1 + random.below(4));
    let batch = 1 + random.below(3);
    let x = random.uniform((batch, c * groups, size[0], size[1]), 2.0);
    let w = random.uniform((out * groups, c, kernel[0], kernel[1]), 2.0);
    ((x, w, random.uniform(out * groups, 2.0)), Conv { stride, padding, dilation, groups })
}

fn is_the_sum_of_the_definition(random: &mut Random) {
    let ((x, w, b), settings) = draw(random);
    let (out, c, ..) = w.dim();
    let y = conv(&x, &w, &b, &settings).unwrap();
    let want = Array4::from_shape_fn(y.dim(), |(n, o, i, j)| {
        let mut sum = b[o];
        for ((k, a, e), w) in w.slice(s![o, .., .., ..]).indexed_iter() {
            let u = (i * settings.stride[0] + a * settings.dilation[0]).wrapping_sub(settings.padding[0]);
            let v = (j * settings.stride[1] + e * settings.dilation[1]).wrapping_sub(settings.padding[1]);
            let channel = o / (out / settings.groups) * c + k;
            sum += w * x.get((n, channel, u, v)).copied().unwrap_or(0.0);
        }
        sum
    });
    assert_close(&y, &want, 1e-12);
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let ((x, w, b), settings) = draw(random);
    let y = conv(&x, &w, &b.zeros_like(), &settings).unwrap();
    let dy = random.uniform(y.dim(), 1.0);
    let product = (&y * &dy).iter().sum::<f64>();
    let (dx, dw, db) = gradients(&(x.clone(), w.clone(), b.clone()), &dy, &settings);
    assert_close(&(&x * &dx).iter().sum(), &product, 1e-12);
    assert_close(&(&w * &dw).iter().sum(), &product, 1e-12);
    let shift = conv(&x, &w, &b, &settings).unwrap() - &y;
    assert_close(&(&b * &db).iter().sum::<f64>(), &(&shift * &dy).iter().sum(), 1e-12);
}

fn a_kernel_of_one_pixel_is_a_linear_map_of_every_pixel(random: &mut Random) {
    let (c, out, h, w) = (1 + random.below(4), 1 + random.below(4), 1 + random.below(5), 1 + random.below(5));
    let (x, weight): (Array4<f64>, Array2<f64>) =
        (random.uniform((1, c, h, w), 2.0), random.uniform((c, out), 2.0));
    let b = random.uniform(out, 1.0);
    let kernel = weight.t().to_shape((out, c, 1, 1)).expect("as many").to_owned();
    let y = conv(&x, &kernel, &b, &Conv::<2>::default()).unwrap();
    let rows: Array2<f64> = x.to_shape((c, h * w)).expect("as many").t().to_owned();
    let want = linear(&rows, &weight, Some(&b)).unwrap();
    assert_close(&y.to_shape((out, h * w)).expect("as many").t().to_owned(), &want, 1e-14);
}

fn windows_side_by_side_are_patches_and_a_linear_map(random: &mut Random) {
    let (p, c, out) = (1 + random.below(3), 1 + random.below(3), 1 + random.below(4));
    let (rows, columns) = (1 + random.below(3), 1 + random.below(3));
    let x: Array4<f64> = random.uniform((1, c, rows * p, columns * p), 2.0);
    let (w, b): (Array4<f64>, Array1<f64>) = (random.uniform((out, c, p, p), 2.0), random.uniform(out, 1.0));
    let y = conv(&x, &w, &b, &Conv { stride: [p; 2], ..Conv::default() }).unwrap();
    let patches = Array2::from_shape_fn((rows * columns, c * p * p), |(i, k)| {
        x[(0, k / (p * p), i / columns * p + k / p % p, i % columns * p + k % p)]
    });
    let weight: Array2<f64> = w.to_shape((out, c * p * p)).expect("as many").t().to_owned();
    let want = linear(&patches, &weight, Some(&b)).unwrap();
    assert_close(&y.to_shape((out, rows * columns)).expect("as many").t().to_owned(), &want, 1e-13);
}

fn a_one_in_the_center_is_the_identity(random: &mut Random) {
    let shape = (2, 1, 1 + random.below(4), 1 + random.below(4), 3);
    let x: Array5<f64> = random.uniform(shape, 2.0);
    let mut w = Array5::zeros((1, 1, 3, 3, 3));
    w[(0, 0, 1, 1, 1)] = 1.0;
    let settings = Conv { padding: [1; 3], ..Conv::default() };
    assert_eq!(conv(&x, &w, &Array1::zeros(1), &settings).unwrap(), x);
}

fn two_axes_are_three_with_one_frame(random: &mut Random) {
    let ((x, w, b), two) = draw(random);
    let frame = |[a, b]: [usize; 2], one| [one, a, b];
    let three = Conv {
        stride: frame(two.stride, 1),
        padding: frame(two.padding, 0),
        dilation: frame(two.dilation, 1),
        groups: two.groups,
    };
    let axis = ndarray::Axis(2);
    let y = conv(&x.clone().insert_axis(axis), &w.clone().insert_axis(axis), &b, &three).unwrap();
    assert_eq!(y.remove_axis(axis), conv(&x, &w, &b, &two).unwrap());
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let ((x, w, b), settings) = draw(random);
    let y = conv(&x, &w, &b, &settings).unwrap();
    let one = conv(&x.slice(s![..1, .., .., ..]), &w, &b, &settings).unwrap();
    assert_eq!(y.slice(s![..1, .., .., ..]), one);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let two = Conv { stride: [2; 2], padding: [1; 2], ..Conv::default() };
    add(cases, "conv.2d.ramp", (ramp(1, (1, 2, 5, 6)), ramp(2, (3, 2, 3, 3)), ramp(3, 3)), two)?;
    let three = Conv { stride: [1, 2, 1], padding: [1, 0, 1], dilation: [1, 1, 2], groups: 2 };
    add(cases, "conv.3d.ramp", (ramp(1, (2, 4, 4, 5, 6)), ramp(2, (4, 2, 2, 3, 2)), ramp(3, 4)), three)?;
    let one: Array3<R> = ramp(1, (2, 3, 11));
    let settings = Conv { stride: [2], padding: [1], ..Conv::default() };
    add(cases, "conv.1d.ramp", (one, ramp(2, (4, 3, 3)), ramp(3, 4)), settings)
}

fn add<R: Real, D: Dimension, const N: usize>(
    cases: &mut Cases<R>,
    name: &str,
    point: Point<R, D>,
    settings: Conv<N>,
) -> Result<()> {
    let (x, w, b) = &point;
    let y = conv(x, w, b, &settings)?;
    let dy = ramp(4, y.raw_dim());
    let (dx, dw, db) = gradients(&point, &dy, &settings);
    (cases.case(name).input("x", x).param("weight", w).param("bias", b))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("weight", &dw)
        .grad_param("bias", &db);
    Ok(())
}
