//! Evidence for `eq-1.26-vit`.

use mmt_blocks::{Activation, Block, ClassToken, VisionTransformer, VisionTransformerConfig};
use mmt_golden::Cases;
use mmt_tensor::ops::{OnEmpty, cross_entropy, linear};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding};
use ndarray::{Array1, Array2, Array4, Axis, s};

use super::post_ln::config;
use super::{ffn, multi_head};
use crate::{Property, properties};

/// Width 4, two heads, `patches` patches, three classes.
fn tiny(depth: usize, patches: usize, hidden: Option<usize>) -> VisionTransformerConfig {
    VisionTransformerConfig { block: config(), depth, patches, hidden, classes: 3 }
}

/// A class row, positions of zero and one block are the Pre-LN block of the specification, section 4: its checksums hold
/// for the stream, and the scores are those of row 0 after the last norm.
pub fn forward() {
    let mut model = VisionTransformer::<f64>::new(&tiny(1, 2, None), &mut Random::seed(0)).unwrap();
    let x: Array2<f64> = ramp(12, (3, 4));
    model.tokens = ClassToken { class: x.row(0).to_owned(), position: Array2::zeros((3, 4)) };
    let Block::Pre(block) = &mut model.encoder.blocks[0] else { panic!("Pre-LN") };
    (block.attn, block.ffn) = (multi_head::spec_layer([3, 4, 5, 6], None), ffn::spec_layer(Activation::Gelu));
    model.head.out.weight = ramp(7, (4, 3));
    model.head.out.bias = Some(ramp(8, 3));
    let (scores, tape) = model.forward(&x.slice(s![1.., ..]), &Ragged::one(2)).unwrap();
    let norm = tape.encoder.norm.as_ref().unwrap();
    assert_sums(&norm.x, "-7.72707357", "-21.30111419");
    // LN of row 0 by hand.
    let z = norm.x.row(0);
    let mean = z.iter().sum::<f64>() / 4.0;
    let variance = z.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / 4.0;
    let y = z.mapv(|z| (z - mean) / (variance + 1e-5).sqrt()).insert_axis(Axis(0));
    assert_close(&scores, &linear(&y, &ramp(7, (4, 3)), Some(&ramp(8, 3))).unwrap(), 1e-12);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = qres(1, (6, 4), 1.0);
    let rows = Ragged::even(2, 3);
    for hidden in [None, Some(5)] {
        let model = VisionTransformer::new(&tiny(2, 3, hidden), &mut Random::seed(0)).unwrap();
        check_module(
            &model,
            x.clone(),
            |m, x| m.forward(x, &rows),
            |m, tape, dy, grad| m.backward(tape, dy, grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    there_is_one_token_more_than_patches,
    without_positions_the_order_of_patches_does_not_matter,
    a_head_of_zero_knows_nothing,
    a_shift_by_a_patch_permutes_tokens,
    gradients_of_class_token_and_positions_are_sums_over_the_batch,
    an_image_does_not_feel_its_neighbors,
];

fn draw(random: &mut Random, patches: usize) -> (VisionTransformer<f64>, Array2<f64>) {
    let hidden = (random.below(2) == 1).then_some(5);
    let model = VisionTransformer::new(&tiny(2, patches, hidden), random).unwrap();
    (shake(&model, random.below(1 << 20) as u64), random.uniform((patches, 4), 1.5))
}

fn run(model: &VisionTransformer<f64>, x: &Array2<f64>) -> Array2<f64> {
    let patches = model.tokens.position.nrows() - 1;
    model.forward(x, &Ragged::even(x.nrows() / patches, patches)).unwrap().0
}

fn there_is_one_token_more_than_patches(random: &mut Random) {
    let (high, wide, patch) = (1 + random.below(3), 1 + random.below(3), 1 + random.below(3));
    let embedding = PatchEmbedding::<f64>::new(patch, 2, 4, Order::Hwc, random);
    let images: Array4<f64> = random.uniform((2, high * patch, wide * patch, 2), 1.0);
    let (x, _) = embedding.forward(&images).unwrap();
    let (model, _) = draw(random, high * wide);
    let (scores, tape) = model.forward(&x, &Ragged::even(2, high * wide)).unwrap();
    let tokens = high * patch * wide * patch / (patch * patch) + 1;
    assert_eq!(tape.encoder.norm.unwrap().x.dim(), (2 * tokens, 4));
    assert_eq!(scores.dim(), (2, 3));
}

fn without_positions_the_order_of_patches_does_not_matter(random: &mut Random) {
    let patches = 2 + random.below(5);
    let (mut model, x) = draw(random, patches);
    let order = random.permutation(patches);
    let permuted = x.select(Axis(0), &order);
    let with_positions = (run(&model, &x), run(&model, &permuted));
    if order.iter().enumerate().any(|(i, &p)| i != p) {
        assert_ne!(with_positions.0, with_positions.1);
    }
    model.tokens.position.fill(0.0);
    assert_close(&run(&model, &permuted), &run(&model, &x), 1e-9);
}

/// As it is in the beginning: the loss is that of guessing.
fn a_head_of_zero_knows_nothing(random: &mut Random) {
    let (shaken, x) = draw(random, 3);
    let fresh = VisionTransformer::<f64>::new(&tiny(1, 3, None), random).unwrap();
    let model = VisionTransformer { head: fresh.head, ..shaken };
    let scores = run(&model, &x);
    assert!(scores.dim() == (1, 3) && scores.iter().all(|&s| s == 0.0));
    let (loss, _) = cross_entropy(&scores, &[Some(random.below(3))], OnEmpty::Refuse).unwrap();
    assert_close(&loss, &Real::ln(3.0), 1e-15);
}

/// In the interior of an image that is moved by one patch, each token is what its neighbor was.
fn a_shift_by_a_patch_permutes_tokens(random: &mut Random) {
    let (high, wide, patch) = (2 + random.below(2), 2 + random.below(2), 1 + random.below(3));
    let embedding = PatchEmbedding::<f64>::new(patch, 1, 4, Order::Hwc, random);
    let image: Array4<f64> = random.uniform((1, high * patch, wide * patch, 1), 1.0);
    let mut shifted = image.clone();
    shifted.slice_mut(s![.., .., patch.., ..]).assign(&image.slice(s![.., .., ..(wide - 1) * patch, ..]));
    let (x, y) = (embedding.forward(&image).unwrap().0, embedding.forward(&shifted).unwrap().0);
    for r in 0..high {
        for c in 1..wide {
            assert_eq!(y.row(r * wide + c), x.row(r * wide + c - 1));
        }
    }
}

fn gradients_of_class_token_and_positions_are_sums_over_the_batch(random: &mut Random) {
    let patches = 1 + random.below(3);
    let (model, a) = draw(random, patches);
    let b: Array2<f64> = random.uniform(a.dim(), 1.5);
    let dy: Array2<f64> = random.uniform((2, 3), 1.0);
    let gradient = |x: &Array2<f64>, dy: &Array2<f64>| {
        let (_, tape) = model.forward(x, &Ragged::even(dy.nrows(), patches)).unwrap();
        let mut grad = model.zeros_like();
        model.backward(&tape, dy, &mut grad);
        grad.tokens
    };
    let both = gradient(&ndarray::concatenate![Axis(0), a, b], &dy);
    let mut sum = gradient(&a, &dy.slice(s![..1, ..]).to_owned());
    sum.add_scaled(1.0, &gradient(&b, &dy.slice(s![1.., ..]).to_owned()));
    assert_close(&both, &sum, 1e-11);
}

fn an_image_does_not_feel_its_neighbors(random: &mut Random) {
    let (model, x) = draw(random, 3);
    let other: Array2<f64> = random.uniform((3, 4), 2.0);
    let both = run(&model, &ndarray::concatenate![Axis(0), other, x]);
    assert_eq!(both.slice(s![1.., ..]), run(&model, &x));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, hidden) in [("linear_head", None), ("hidden_head", Some(5))] {
        let model = VisionTransformer::new(&tiny(2, 4, hidden), &mut Random::seed(0))?;
        let model: VisionTransformer<R> = shake(&model, 6);
        let (x, rows): (Array2<R>, _) = (qres(1, (8, 4), 1.0), Ragged::even(2, 4));
        let (scores, tape) = model.forward(&x, &rows)?;
        let (dy, mut grad) = (qres(2, scores.dim(), 1.0), model.zeros_like());
        let dx = model.backward(&tape, &dy, &mut grad);
        let lengths = Array1::from(vec![4, 4]);
        (cases.case(&format!("model.vit.{name}")).input("patches", &x).ids("lengths", &lengths))
            .param("", &model)
            .act("", &tape)
            .out("scores", &scores)
            .cot("scores", &dy)
            .grad_in("patches", &dx)
            .grad_param("", &grad);
    }
    Ok(())
}
