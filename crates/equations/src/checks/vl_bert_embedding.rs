//! Evidence for `eq-2.15-vl-bert-embedding`.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Encoder, Mask, NormOrder};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, shake, sums};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use mmt_tokenizers::image::ImageBox;
use mmt_tokenizers::vl_bert::{
    BoxNumbers, EndFeature, VlBertConfig, VlBertEmbedding, VlBertInput, box_waves,
};
use ndarray::{Array2, Axis};

use super::{four_embeddings, visual_feature};
use crate::{Property, properties};

/// Ramps in all parameters; the first region of both images is the whole image.
fn example<R: Real>(end: EndFeature) -> (VlBertEmbedding<R>, Array2<R>, Array2<R>, Vec<VlBertInput>) {
    let (embed, inputs) = four_embeddings::example(end);
    let (visual, v, _) = visual_feature::example();
    let boxes = [(0, [0.0, 0.0, 100.0, 200.0]), (0, [10.0, 20.0, 50.0, 80.0]), (1, [0.0, 0.0, 50.0, 40.0])]
        .map(|(image, corners)| ImageBox { image, corners });
    let sizes = [[100.0, 200.0], [50.0, 40.0]];
    let g = box_waves(&boxes, &sizes, BoxNumbers::CenterSize, 1).expect("valid boxes");
    (VlBertEmbedding { visual, embed }, v, g, inputs)
}

/// Numbers of PyTorch, by automatic differentiation of a loop over the tokens.
pub fn forward() {
    let (module, v, g, inputs) = example::<f64>(EndFeature::None);
    let (x, tape) = module.forward(&v, &g, &inputs).unwrap();
    assert_sums(&x, "0", "-11.2310150871");
    let mut grad = module.zeros_like();
    let (dv, dg) = module.backward(&tape, &ramp(11, (10, 4)), &mut grad);
    assert_sums(&dv, "0.593644622593", "2.64222733534");
    assert_sums(&dg, "-0.593644622593", "-0.903603252522");
    assert_sums(&grad.visual.project.weight, "0.522990814895", "10.5385179895");
    assert_printed(sums(&grad.visual.project.weight)[2], "32.7423142138");
    assert_sums(&grad.embed.word.table, "0", "0.180229777051");
    assert_sums(&grad.embed.position.table, "0", "0.189113078545");
    assert_sums(&grad.embed.norm_text.gamma, "1.81056258148", "5.16938181856");
    assert_sums(&grad.embed.norm_region.gamma, "-5.16129954219", "-15.2691860869");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for end in [EndFeature::None, EndFeature::WholeImage] {
        let (module, v, g, inputs) = example::<Dual>(end);
        check_module(
            &module,
            (v, g),
            |m, (v, g)| m.forward(v, g, &inputs),
            |m, tape, dx, grad| m.backward(tape, dx, grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    permuted_regions_permute_their_outputs_and_leave_the_text,
    a_new_model_does_not_see_the_image,
    an_open_model_sees_the_image,
    only_the_whole_image_reaches_the_words,
];

struct Drawn {
    module: VlBertEmbedding<f64>,
    input: VlBertInput,
    v: Array2<f64>,
    g: Array2<f64>,
}

/// A new model whose norms of looks are open, if `open`, and one sample.
fn draw(open: bool, random: &mut Random) -> Drawn {
    let end = [EndFeature::None, EndFeature::WholeImage][random.below(2)];
    let config = VlBertConfig { words: 9, longest: 9, appearance: 3, waves: 2, width: 6, eps: 1e-5, end };
    let mut module = VlBertEmbedding::new(&config, random);
    if open {
        module = shake(&module, random.below(1000) as u64);
    }
    let n = 1 + random.below(5);
    let ids = (0..n).map(|_| random.below(9)).collect();
    let input = VlBertInput { ids, segments: vec![0; n], regions: 2 + random.below(4) };
    let mut array = |d| random.uniform((input.regions, d), 1.0);
    let (v, g) = (array(3), array(16));
    Drawn { module, input, v, g }
}

fn run(Drawn { module, input, v, g }: &Drawn) -> Array2<f64> {
    module.forward(v, g, std::slice::from_ref(input)).unwrap().0
}

/// Of the embedding, bit for bit, and of two blocks of BERT over it, up to the rounding of sums in another order. The whole
/// image stays in front.
fn permuted_regions_permute_their_outputs_and_leave_the_text(random: &mut Random) {
    let drawn = draw(true, random);
    let (t, k) = (drawn.input.ids.len(), drawn.input.regions);
    let order: Vec<usize> =
        [0].into_iter().chain(random.permutation(k - 1).into_iter().map(|i| 1 + i)).collect();
    let rows: Vec<usize> = (0..t).chain(order.iter().map(|i| t + i)).chain([t + k]).collect();
    let x = run(&drawn);
    let [v, g] = [&drawn.v, &drawn.g].map(|a| a.select(Axis(0), &order));
    let permuted = run(&Drawn { v, g, ..drawn });
    assert_eq!(permuted, x.select(Axis(0), &rows));
    let config = BlockConfig {
        width: 6,
        heads: 2,
        hidden: 8,
        activation: Activation::Gelu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    let encoder = Encoder::<f64>::new(NormOrder::Post, 2, &config, random).unwrap();
    let encoded = |x: &Array2<f64>| encoder.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0;
    assert_close(&encoded(&permuted), &encoded(&x).select(Axis(0), &rows), 1e-9);
}

fn a_new_model_does_not_see_the_image(random: &mut Random) {
    let drawn = draw(false, random);
    let x = run(&drawn);
    let (v, g) = (random.uniform(drawn.v.dim(), 1.0), random.uniform(drawn.g.dim(), 1.0));
    assert_eq!(run(&Drawn { v, g, ..drawn }), x);
}

fn an_open_model_sees_the_image(random: &mut Random) {
    let mut drawn = draw(true, random);
    drawn.module.visual.project.bias = Some(ndarray::Array1::from_elem(6, 5.0));
    let x = run(&drawn);
    let (v, g) = (random.uniform(drawn.v.dim(), 1.0), random.uniform(drawn.g.dim(), 1.0));
    let other = run(&Drawn { v, g, ..drawn });
    // `[END]` looks like nothing in the released code.
    let seen = x.rows().into_iter().zip(other.rows()).filter(|(a, b)| a != b).count();
    assert!(seen + 1 >= x.nrows());
}

fn only_the_whole_image_reaches_the_words(random: &mut Random) {
    let mut drawn = draw(true, random);
    let (x, t) = (run(&drawn), drawn.input.ids.len());
    drawn.v.row_mut(1).fill(7.0);
    let words: Vec<usize> = (0..=t).collect();
    assert_eq!(run(&drawn).select(Axis(0), &words), x.select(Axis(0), &words));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, v, g, inputs) = example::<R>(EndFeature::None);
    let (x, tape) = module.forward(&v, &g, &inputs)?;
    let (mut grad, dx) = (module.zeros_like(), ramp(11, (10, 4)));
    let (dv, dg) = module.backward(&tape, &dx, &mut grad);
    (cases.case("vl-bert.embedding.ramp").input("v", &v).input("g", &g).param("", &module))
        .out("x", &x)
        .cot("x", &dx)
        .grad_in("v", &dv)
        .grad_in("g", &dg)
        .grad_param("", &grad);
    Ok(())
}
