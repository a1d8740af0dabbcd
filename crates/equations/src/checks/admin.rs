//! Evidence for `eq-1.19-admin`.

use mmt_blocks::{
    Activation, AdminBlock, AdminEncoder, AdminKind, AttentionKind, Block, BlockConfig, Encoder, LayerNorm,
    Mask, OutputChange, PostLn, Shortcut, SubLayer, admin_closed, admin_code, admin_paper,
};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::mean;
use mmt_tensor::ops::{add_matmul, linear, matmul};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, ArrayRef2};

use super::post_ln::config;
use crate::{Property, properties};

/// `LN(ω ⊙ x + x W)` of the specification.
fn spec_shortcut<R: Real>() -> Shortcut<R> {
    Shortcut { omega: [1.5, 2.0, 0.5, 1.0].map(R::of).to_vec().into(), norm: LayerNorm::new(4, 1e-5) }
}

/// Numbers of the specification, sections 4 and 8A.
pub fn forward() {
    sub_layer();
    profiles();
    for (layers, printed) in [
        (12, "2.017009218687"),
        (24, "2.601285582553"),
        (36, "3.040839038181"),
        (96, "4.494833178876"),
        (200, "6.074610648727"),
    ] {
        assert_printed(admin_closed(layers, OutputChange::Logarithmic).unwrap(), printed);
        assert_eq!(admin_closed::<f64>(layers, OutputChange::Linear).unwrap(), 1.0);
        let root = admin_closed::<f64>(layers, OutputChange::Constant).unwrap();
        assert_close(&(root * root), &(layers as f64), 1e-14);
    }
    // One sub-layer is enough: 2 / ln 2 - 1 = 1.885.
    let one: f64 = admin_closed(1, OutputChange::Logarithmic).unwrap();
    assert_printed(one * one, "1.885390081777");
    weights_of_a_deep_encoder();
}

fn sub_layer() {
    let (shortcut, x, w) = (spec_shortcut::<f64>(), ramp(1, (3, 4)), ramp(3, (4, 4)));
    let (y, tape) = shortcut.forward(&x, &matmul(&x, &w)).unwrap();
    assert_sums(&y, "0", "-1.619409336");
    let (mut grad, mut dw) = (shortcut.zeros_like(), Array2::zeros((4, 4)));
    let (mut dx, df) = shortcut.backward(&tape, &ramp(4, (3, 4)), &mut grad);
    add_matmul(&mut dx, &df, &w.t());
    add_matmul(&mut dw, &x.t(), &df);
    assert_sums(&dx, "-3.222129253", "-30.83581951");
    assert_sums(&grad.omega, "-3.979662696", "-9.29838535");
    assert_sums(&dw, "0", "2.770413042");
}

/// Four linear sub-layers.
fn linear_layers<R: Real>(norm: &LayerNorm<R>) -> Vec<SubLayer<'_, R>> {
    let layer = |i: usize| {
        let w: Array2<R> = ramp(2 + i, (4, 4));
        SubLayer { branch: Box::new(move |x: &ArrayRef2<R>| linear(x, &w, None)), norm }
    };
    (1..=4).map(layer).collect()
}

fn profiles() {
    let (norm, x) = (LayerNorm::<f64>::new(4, 1e-5), ramp(12, (3, 4)));
    let layers = linear_layers(&norm);
    let code = admin_code(&x, &layers).unwrap();
    let want = ["1", "1.203384261388", "1.964096630687", "2.274715447015", "2.964684523245"];
    code.omega.iter().zip(want).for_each(|(&omega, want)| assert_printed(omega, want));
    let paper = admin_paper(&x, &layers).unwrap();
    let want = ["0.856119791667", "2.409572131881", "1.428016298760", "4.033282416465"];
    paper.variances.iter().zip(want).for_each(|(&v, want)| assert_printed(v, want));
    let want = ["1", "0.925267416300", "1.807122553550", "2.166496762589", "2.954148039414"];
    paper.omega.iter().zip(want).for_each(|(&omega, want)| assert_printed(omega, want));
    assert_eq!((code.omega.len(), paper.variances.len()), (5, 4));
    assert_eq!(AdminKind::Code.omega(&x, &layers).unwrap(), code.omega.to_vec()[..4]);
    assert_eq!(AdminKind::Paper.omega(&x, &layers).unwrap(), paper.omega.to_vec()[..4]);
}

/// The profile that admin-torch ships for 200 sub-layers is about `0.62 √i`: the order of magnitude.
fn weights_of_a_deep_encoder() {
    let block = BlockConfig {
        width: 32,
        heads: 4,
        hidden: 64,
        activation: Activation::Relu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    let random = &mut Random::seed(1);
    let mut encoder = AdminEncoder::<f32>::new(20, &block, random).unwrap();
    let x = random.normal((8, 32), 1.0);
    let omega = encoder.initialize(AdminKind::Code, &x, &Ragged::one(8), &Mask::None).unwrap();
    for (i, omega) in omega.iter().enumerate().skip(10) {
        let ratio = f64::from(*omega) / ((i + 1) as f64).sqrt();
        assert!((0.3..1.2).contains(&ratio), "weight {} is {omega}", i + 1);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let inputs: (Array2<Dual>, Array2<Dual>) = (qres(1, (3, 4), 1.0), qres(2, (3, 4), 1.0));
    check_module(
        &Shortcut::new(LayerNorm::new(4, 1e-5)),
        inputs.clone(),
        |m, (x, f)| m.forward(x, f),
        |m, tape, dy, grad| m.backward(tape, dy, grad),
    );
    let rows = Ragged::of_lengths([1, 2]);
    check_module(
        &AdminBlock::new(&config(), &mut Random::seed(0)).unwrap(),
        inputs.0.clone(),
        |m, x| m.forward(x, &rows, &Mask::None),
        |m, tape, dy, grad| m.backward(tape, dy, grad),
    );
    check_module(
        &AdminEncoder::new(2, &config(), &mut Random::seed(0)).unwrap(),
        inputs.0,
        |m, x| m.forward(x, &rows, &Mask::causal()),
        |m, tape, dy, grad| m.backward(tape, dy, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_first_weight_is_one_and_the_others_grow,
    weights_of_one_are_a_post_ln_stack,
    the_weights_fold_into_the_norms,
    the_variance_of_a_sum_is_the_next_weight_and_a_covariance,
    a_profile_does_not_see_the_weights_before_it,
];

fn draw(random: &mut Random) -> (AdminEncoder<f64>, Array2<f64>) {
    let encoder = AdminEncoder::new(1 + random.below(3), &config(), random).unwrap();
    let n = 2 + random.below(4);
    (encoder, random.normal((n, 4), 1.0))
}

/// Without the rounding of the variances by `ε`, for an input of variance 1.
fn the_first_weight_is_one_and_the_others_grow(random: &mut Random) {
    let (mut encoder, x) = draw(random);
    for block in &mut encoder.blocks {
        (block.shortcut_1.norm.eps, block.shortcut_2.norm.eps) = (1e-14, 1e-14);
    }
    let (x, _) = LayerNorm::new(4, 1e-14).forward(&x).unwrap();
    let rows = Ragged::one(x.nrows());
    for (kind, from) in [(AdminKind::Code, 0), (AdminKind::Paper, 1)] {
        let omega = encoder.initialize(kind, &x, &rows, &Mask::None).unwrap();
        assert_eq!(omega[0], 1.0);
        let grow = omega[from..].windows(2).all(|pair| pair[0] <= pair[1] * (1.0 + 1e-9));
        assert!(grow, "{kind:?}: {omega:?}");
    }
}

fn weights_of_one_are_a_post_ln_stack(random: &mut Random) {
    let (encoder, x) = draw(random);
    let blocks = encoder.blocks.iter().map(|block| {
        let AdminBlock { attn, shortcut_1, ffn, shortcut_2 } = block.clone();
        Block::Post(PostLn { attn, norm_1: shortcut_1.norm, ffn, norm_2: shortcut_2.norm })
    });
    let plain = Encoder { blocks: blocks.collect(), norm: None, repeats: 1 };
    let rows = Ragged::one(x.nrows());
    let (y, tape) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    let (same, plain_tape) = plain.forward(&x, &rows, &Mask::None).unwrap();
    assert_eq!(y, same);
    let dy: Array2<f64> = random.uniform(y.dim(), 1.0);
    let dx = encoder.backward(&tape, &dy, &mut encoder.zeros_like());
    assert_close(&dx, &plain.backward(&plain_tape, &dy, &mut plain.zeros_like()), 1e-9);
}

/// For trained parameters of any values.
fn the_weights_fold_into_the_norms(random: &mut Random) {
    let (encoder, x) = draw(random);
    let mut encoder = shake(&encoder, random.below(1 << 20) as u64);
    for block in &mut encoder.blocks {
        block.shortcut_1.omega.mapv_inplace(|w| w + if w < 0.0 { -0.3 } else { 0.3 });
        block.shortcut_2.omega.mapv_inplace(|w| w + if w < 0.0 { -0.3 } else { 0.3 });
    }
    let (scale, plain) = encoder.fold().unwrap();
    let rows = Ragged::one(x.nrows());
    let (y, _) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    assert_close(&plain.forward(&(&x * &scale), &rows, &Mask::None).unwrap().0, &y, 1e-8);
}

fn the_variance_of_a_sum_is_the_next_weight_and_a_covariance(random: &mut Random) {
    let (mut encoder, x) = draw(random);
    let rows = Ragged::one(x.nrows());
    let omega = encoder.initialize(AdminKind::Code, &x, &rows, &Mask::None).unwrap();
    let (_, tapes) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    let average = |x: &Array2<f64>| mean("x", x).unwrap();
    let centered = |x: &Array2<f64>| x - average(x);
    let tapes: Vec<_> = tapes.iter().flat_map(|tape| [&tape.shortcut_1, &tape.shortcut_2]).collect();
    for (tape, pair) in tapes.iter().zip(omega.windows(2)) {
        let b = centered(&tape.norm.x);
        let x = centered(&(&tape.x * pair[0]));
        let f = &b - &x;
        let rest = average(&(&b * &b)) - 2.0 * average(&(&x * &f));
        assert_close(&rest, &(pair[1] * pair[1]), 1e-12);
    }
}

fn a_profile_does_not_see_the_weights_before_it(random: &mut Random) {
    let (mut encoder, x) = draw(random);
    let rows = Ragged::one(x.nrows());
    for kind in [AdminKind::Code, AdminKind::Paper] {
        let first = encoder.initialize(kind, &x, &rows, &Mask::None).unwrap();
        assert_eq!(encoder.initialize(kind, &x, &rows, &Mask::None).unwrap(), first);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (shortcut, x, w): (_, Array2<R>, _) = (spec_shortcut::<R>(), ramp(1, (3, 4)), ramp(3, (4, 4)));
    let f = matmul(&x, &w);
    let (y, tape) = shortcut.forward(&x, &f)?;
    let (dy, mut grad) = (ramp(4, (3, 4)), shortcut.zeros_like());
    let (dx, df) = shortcut.backward(&tape, &dy, &mut grad);
    (cases.case("admin.shortcut.ramp").input("x", &x).input("f", &f).param("", &shortcut).act("", &tape))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_in("f", &df)
        .grad_param("", &grad);
    let (norm, x): (_, Array2<R>) = (LayerNorm::new(4, 1e-5), ramp(12, (3, 4)));
    let layers = linear_layers(&norm);
    let weights: Vec<Array2<R>> = (1..=4).map(|i| ramp(2 + i, (4, 4))).collect();
    for (name, profile) in [("paper", admin_paper(&x, &layers)?), ("code", admin_code(&x, &layers)?)] {
        (cases.case(&format!("admin.profile.{name}")).input("x", &x).param("w", &weights))
            .out("omega", &profile.omega)
            .out("variances", &profile.variances);
    }
    let counts = Array1::from(vec![1, 12, 24, 36, 96, 200]);
    let omega: Vec<R> =
        counts.iter().map(|&n| admin_closed(n, OutputChange::Logarithmic)).collect::<Result<_>>()?;
    cases.case("admin.closed.logarithmic").ids("layers", &counts).out("omega", &Array1::from(omega));
    Ok(())
}
