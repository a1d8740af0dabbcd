//! Evidence for `eq-3-early-sum`.

use mmt_blocks::Mask;
use mmt_fusion::{EarlySum, Stream, SumWeights};
use mmt_golden::Cases;
use mmt_tensor::ops::softmax;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, ArrayRef2, array};

use super::fusion_kit::{assert_apart, one_sample, permuted, stream, test_stream};
use crate::{Property, properties};

fn run<R: Real>(module: &EarlySum<R>, inputs: &[&ArrayRef2<R>]) -> Array2<R> {
    module.forward(inputs, &Ragged::one(inputs[0].nrows()), &Mask::None).expect("valid").0
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let (a, b): (Array2<f64>, Array2<f64>) = (qres(1, (4, 4), 1.0), qres(2, (4, 4), 1.0));
    let module = EarlySum { weights: SumWeights::Learned(array![0.6, 0.4]), joint: test_stream(1) };
    let (z, tape) = module.forward(&[&a, &b], &Ragged::one(4), &Mask::None).unwrap();
    assert_printed(checksum(&z), "0.654349755474");
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &qres(3, (4, 4), 1.0), &mut grad);
    assert_printed(checksum(&dx[0]), "-0.232412163601");
    assert_printed(checksum(&dx[1]), "-0.154941442401");
    let SumWeights::Learned(dalpha) = &grad.weights else { panic!("learned") };
    assert_printed(dalpha[0], "1.680840088749");
    assert_printed(dalpha[1], "3.511914814596");
    let fixed = EarlySum { weights: SumWeights::Fixed(vec![0.6, 0.4]), joint: test_stream(1) };
    assert_eq!(run(&fixed, &[&a, &b]), z);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Three modalities, with each kind of weights.
fn backward() {
    let eta: Array1<Dual> = qres(6, 3, 1.0);
    for weights in [
        SumWeights::Fixed(vec![0.6, -0.4, 1.5]),
        SumWeights::Learned(eta.clone()),
        SumWeights::Softmax(eta.clone()),
    ] {
        let module = EarlySum { weights, joint: stream(4, 2, &mut Random::seed(0)) };
        let inputs: Vec<Array2<Dual>> = (1..4).map(|s| qres(s, (5, 4), 1.0)).collect();
        check_module(
            &module,
            inputs,
            |m, x| {
                let x: Vec<&ArrayRef2<Dual>> = x.iter().map(|x| &**x).collect();
                m.forward(&x, &Ragged::of_lengths([2, 3]), &Mask::None)
            },
            |m, tape, dz, grad| m.backward(tape, dz, grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_weight_of_zero_leaves_one_modality,
    modalities_may_be_named_in_any_order,
    tokens_belong_together,
    a_modality_added_to_itself_is_itself,
    softmax_weights_are_learned_weights_of_sum_one,
    samples_do_not_mix,
];

struct Drawn {
    joint: Stream<f64>,
    a: Array2<f64>,
    b: Array2<f64>,
    alpha: f64,
    beta: f64,
}

fn draw(random: &mut Random) -> Drawn {
    let pair = one_sample(random);
    let weight = |random: &mut Random| random.uniform::<f64, _>(1, 2.0)[0];
    Drawn {
        joint: stream(pair.d, pair.heads, random),
        b: random.uniform(pair.a.dim(), 1.0),
        a: pair.a,
        alpha: weight(random),
        beta: weight(random),
    }
}

fn module(joint: &Stream<f64>, alpha: f64, beta: f64) -> EarlySum<f64> {
    EarlySum { weights: SumWeights::Fixed(vec![alpha, beta]), joint: joint.clone() }
}

fn alone(joint: &Stream<f64>, x: &Array2<f64>) -> Array2<f64> {
    joint.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0
}

fn a_weight_of_zero_leaves_one_modality(random: &mut Random) {
    let Drawn { joint, a, b, alpha, .. } = draw(random);
    let module = module(&joint, alpha, 0.0);
    let (z, tape) = module.forward(&[&a, &b], &Ragged::one(a.nrows()), &Mask::None).unwrap();
    assert_eq!(z, alone(&joint, &(&a * alpha)));
    let dx = module.backward(&tape, &random.uniform(z.dim(), 1.0), &mut module.zeros_like());
    assert!(dx[1].iter().all(|&x| x == 0.0));
}

fn modalities_may_be_named_in_any_order(random: &mut Random) {
    let Drawn { joint, a, b, alpha, beta } = draw(random);
    let other = run(&module(&joint, beta, alpha), &[&b, &a]);
    assert_close(&run(&module(&joint, alpha, beta), &[&a, &b]), &other, 1e-12);
}

fn tokens_belong_together(random: &mut Random) {
    let Drawn { joint, a, b, .. } = draw(random);
    let module = module(&joint, 0.8, 0.6);
    let z = run(&module, &[&a, &b]);
    let mut order: Vec<usize> = (1..a.nrows()).collect();
    order.push(0);
    let turned = run(&module, &[&permuted(&a, &order), &permuted(&b, &order)]);
    assert_close(&turned, &permuted(&z, &order), 1e-12);
    assert_apart(&run(&module, &[&permuted(&a, &order), &b]), &permuted(&z, &order));
}

fn a_modality_added_to_itself_is_itself(random: &mut Random) {
    let Drawn { joint, a, alpha, .. } = draw(random);
    assert_close(&run(&module(&joint, alpha, 1.0 - alpha), &[&a, &a]), &alone(&joint, &a), 1e-9);
}

fn softmax_weights_are_learned_weights_of_sum_one(random: &mut Random) {
    let Drawn { joint, a, b, .. } = draw(random);
    let eta: Array1<f64> = random.uniform(2, 2.0);
    let learned = SumWeights::Learned(softmax(&eta).unwrap());
    let (learned, by_softmax) = (
        EarlySum { weights: learned, joint: joint.clone() },
        EarlySum { weights: SumWeights::Softmax(eta), joint },
    );
    assert_eq!(run(&by_softmax, &[&a, &b]), run(&learned, &[&a, &b]));
}

fn samples_do_not_mix(random: &mut Random) {
    let Drawn { joint, a, b, alpha, beta } = draw(random);
    let module = module(&joint, alpha, beta);
    let rows = Ragged::of_lengths([1, a.nrows() - 1]);
    let (z, _) = module.forward(&[&a, &b], &rows, &Mask::None).unwrap();
    for sample in 0..2 {
        let (own_a, own_b) = (rows.of(&a, sample).to_owned(), rows.of(&b, sample).to_owned());
        assert_eq!(rows.of(&z, sample), run(&module, &[&own_a, &own_b]));
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b): (Array2<R>, Array2<R>) = (qres(1, (4, 4), 1.0), qres(2, (4, 4), 1.0));
    let alpha = Array1::from(vec![R::of(0.6), R::of(0.4)]);
    for (name, weights) in
        [("qres", SumWeights::Learned(alpha.clone())), ("softmax", SumWeights::Softmax(alpha))]
    {
        let module = EarlySum { weights, joint: test_stream::<R>(1) };
        let (z, tape) = module.forward(&[&a, &b], &Ragged::one(4), &Mask::None)?;
        let (dz, mut grad) = (qres(3, (4, 4), 1.0), module.zeros_like());
        let dx = module.backward(&tape, &dz, &mut grad);
        (cases.case(&format!("fusion.early-sum.{name}")).input("a", &a).input("b", &b).param("", &module))
            .act("tape", &tape)
            .out("z", &z)
            .cot("z", &dz)
            .grad_in("a", &dx[0])
            .grad_in("b", &dx[1])
            .grad_param("", &grad);
    }
    Ok(())
}
