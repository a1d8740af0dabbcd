//! Evidence for `eq-3-cross-equiv`.

use mmt_blocks::{Heads, Mask};
use mmt_fusion::CrossAttention;
use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::Array2;

use super::fusion_kit::{batch, batch_layouts, cross, inputs, layout, layouts, pair, test_block, test_cross};
use crate::{Property, properties};

const NONE: (&Mask, &Mask) = (&Mask::None, &Mask::None);

/// Numbers of the specification, section 3.12, under exchanged names.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let module = CrossAttention { a: test_cross(1), b: test_cross(2) };
    let ((z_a, z_b), _) = module.forward_by_keys((&a, &la), (&b, &lb), NONE).unwrap();
    assert_printed(checksum(&z_b), "0.840696961808");
    assert_printed(checksum(&z_a), "0.075156352240");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (la, lb) = batch_layouts();
    let random = &mut Random::seed(0);
    check_module(
        &CrossAttention { a: cross(4, 4, 2, random), b: cross(4, 4, 2, random) },
        batch(),
        |m, (a, b)| m.forward_by_keys((a, &la), (b, &lb), NONE),
        |m, tape, (da, db), grad| m.backward(tape, (db, da), grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![queries_of_b_over_keys_of_a_are_the_rows_of_b, only_the_names_differ];

/// Attention computed from its parts: swapping queries gives outputs with the rows of the other modality.
fn queries_of_b_over_keys_of_a_are_the_rows_of_b(random: &mut Random) {
    let (n, m) = (1 + random.below(4), 1 + random.below(4));
    let (a, b): (Array2<f64>, Array2<f64>) = (random.uniform((n, 4), 1.0), random.uniform((m, 4), 1.0));
    let block = test_block::<f64>(2).attn;
    let project = |x: &Array2<f64>, w: &Array2<f64>| matmul(x, w);
    let (q_b, k_a, v_a) =
        (project(&b, &block.w_q.weight), project(&a, &block.w_k.weight), project(&a, &block.w_v.weight));
    let (o, _) =
        Heads::new(2).forward(&q_b, &k_a, &v_a, &Ragged::one(m), &Ragged::one(n), &Mask::None).unwrap();
    let module = CrossAttention { a: test_cross(1), b: test_cross(2) };
    let (la, lb) = (layout("a", &[n]), layout("b", &[m]));
    let ((z_a, _), _) = module.forward_by_keys((&a, &la), (&b, &lb), NONE).unwrap();
    assert_close(&z_a, &(b + project(&o, &block.w_o.weight)), 1e-12);
}

fn only_the_names_differ(random: &mut Random) {
    let pair = pair(random);
    let module = CrossAttention {
        a: cross(pair.d, pair.d, pair.heads, random),
        b: cross(pair.d, pair.d, pair.heads, random),
    };
    let (a, b) = ((&*pair.a, &pair.la), (&*pair.b, &pair.lb));
    let ((z_a, z_b), _) = module.forward(a, b, NONE).unwrap();
    assert_eq!(module.forward_by_keys(a, b, NONE).unwrap().0, (z_b, z_a));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = CrossAttention { a: test_cross::<R>(1), b: test_cross(2) };
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let (z, tape) = module.forward_by_keys((&a, &la), (&b, &lb), NONE)?;
    let dz: (Array2<R>, Array2<R>) = (qres(4, (4, 4), 1.0), qres(3, (3, 4), 1.0));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.1, &dz.0), &mut grad);
    (cases.case("fusion.cross-by-keys.qres").input("a", &a).input("b", &b).param("", &module))
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
