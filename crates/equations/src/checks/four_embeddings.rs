//! Evidence for `eq-2.15-four-embeddings`.

use mmt_blocks::{Embedding, LayerNorm};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, shake, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::text::{TextEmbedding, TextInput};
use mmt_tokenizers::vl_bert::{EndFeature, FourEmbeddings, VlBertConfig, VlBertInput};
use ndarray::{Array1, Array2, Axis};

use crate::{Property, properties};

/// Ramps in all tables and norms, and two samples: three words and two regions, two words and one region.
pub(super) fn example<R: Real>(end: EndFeature) -> (FourEmbeddings<R>, Vec<VlBertInput>) {
    let norm = |s| LayerNorm { gamma: ramp(s, 4), beta: ramp(s + 1, 4), eps: 1e-5 };
    let module = FourEmbeddings {
        word: Embedding { table: ramp(1, (5, 4)) },
        mark: Embedding { table: ramp(2, (2, 4)) },
        segment: Embedding { table: ramp(3, (3, 4)) },
        position: Embedding { table: ramp(4, (8, 4)) },
        norm_text: norm(5),
        norm_region: norm(7),
        sum: EmbeddingSum::new(4, 1e-5),
        end,
    };
    let input = |ids: &[usize], segments: &[usize], regions| VlBertInput {
        ids: ids.to_vec(),
        segments: segments.to_vec(),
        regions,
    };
    (module, vec![input(&[1, 3, 2], &[0, 0, 1], 2), input(&[1, 4], &[0, 0], 1)])
}

fn looks<R: Real>() -> (Array2<R>, Array2<R>) {
    (ramp(9, (5, 4)), ramp(10, (3, 4)))
}

/// Numbers of PyTorch, by automatic differentiation of a loop over the tokens; `[END]` without looks, then with those of the
/// image.
pub fn forward() {
    let none = ["-16.8912519935", "0.874716901725", "3.03185690714", "11.2037347692", "-2.23589358765"];
    let whole = ["-14.8293503214", "-0.122646974594", "2.03449303082", "10.7293353518", "-2.33839680547"];
    for (end, [x, mark, position, third, looks_of_text]) in
        [(EndFeature::None, none), (EndFeature::WholeImage, whole)]
    {
        let (module, inputs) = example::<f64>(end);
        let (h_text, h_region) = looks();
        let (got, tape) = module.forward(&h_text, &h_region, &inputs).unwrap();
        assert_sums(&got, "0", x);
        let mut grad = module.zeros_like();
        let (dh_text, dh_region) = module.backward(&tape, &ramp(11, (10, 4)), &mut grad);
        assert_sums(&grad.word.table, "0", "2.15714000542");
        assert_sums(&grad.mark.table, "0", mark);
        assert_sums(&grad.segment.table, "0", position);
        assert_sums(&grad.position.table, "0", position);
        assert_printed(sums(&grad.position.table)[2], third);
        assert_sums(&grad.norm_region.gamma, "1.26664595856", "0.357287564156");
        assert_sums(&dh_text, "0", looks_of_text);
        assert_sums(&dh_region, "0", "0.401790179031");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for end in [EndFeature::None, EndFeature::WholeImage] {
        let (module, inputs) = example::<Dual>(end);
        check_module(
            &module,
            looks(),
            |m, (text, region)| m.forward(text, region, &inputs),
            |m, tape, dx, grad| m.backward(tape, dx, grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_shared_position_collects_the_gradients_of_all_regions,
    the_gradients_of_the_tables_have_the_same_sum,
    what_moves_between_tables_changes_nothing,
    a_new_model_has_the_words_of_bert,
    a_new_model_sends_no_gradient_to_looks_but_to_their_norms,
    samples_do_not_mix,
];

struct Drawn {
    module: FourEmbeddings<f64>,
    inputs: Vec<VlBertInput>,
    text: Array2<f64>,
    region: Array2<f64>,
}

/// A new model in which the norms of looks are open, if `open`.
fn draw(open: bool, random: &mut Random) -> Drawn {
    let end = [EndFeature::None, EndFeature::WholeImage][random.below(2)];
    let config = VlBertConfig {
        words: 9,
        longest: 9,
        appearance: 1,
        waves: 1,
        width: 2 + random.below(5),
        eps: 1e-12,
        end,
    };
    let new = FourEmbeddings::new(&config, random);
    let module = if open { FourEmbeddings { end, ..shake(&new, random.below(1000) as u64) } } else { new };
    let mut input = || {
        let n = 1 + random.below(5);
        let ids = (0..n).map(|_| random.below(9)).collect();
        VlBertInput { ids, segments: (0..n).map(|i| i % 2).collect(), regions: 1 + random.below(4) }
    };
    let inputs: Vec<VlBertInput> = (0..3).map(|_| input()).collect();
    let words = inputs.iter().map(|input| input.ids.len()).sum::<usize>();
    let regions = inputs.iter().map(|input| input.regions).sum::<usize>();
    let (text, region) =
        (random.uniform((words, config.width), 1.0), random.uniform((regions, config.width), 1.0));
    Drawn { module, inputs, text, region }
}

fn run(Drawn { module, inputs, text, region }: &Drawn) -> Array2<f64> {
    module.forward(text, region, inputs).unwrap().0
}

/// The gradients of the model, of the looks, and of the sum in front of the norm.
fn gradients(
    Drawn { module, inputs, text, region }: &Drawn,
    random: &mut Random,
) -> (FourEmbeddings<f64>, (Array2<f64>, Array2<f64>), Array2<f64>) {
    let (x, tape) = module.forward(text, region, inputs).unwrap();
    let (mut grad, mut other) = (module.zeros_like(), module.sum.zeros_like());
    let dx: Array2<f64> = random.uniform(x.dim(), 1.0);
    let looks = module.backward(&tape, &dx, &mut grad);
    (grad, looks, module.sum.backward(&tape.sum, &dx, &mut other))
}

/// For one sample alone, since the position after its text is a place of words in longer texts.
fn the_shared_position_collects_the_gradients_of_all_regions(random: &mut Random) {
    let mut drawn = draw(true, random);
    drawn.inputs.truncate(1);
    let (t, k) = (drawn.inputs[0].ids.len(), drawn.inputs[0].regions);
    drawn.text = drawn.text.slice(ndarray::s![..t, ..]).to_owned();
    drawn.region = drawn.region.slice(ndarray::s![..k, ..]).to_owned();
    let (grad, _, de) = gradients(&drawn, random);
    let regions: Vec<usize> = (t..t + k).collect();
    let want = column_sums(&de.select(Axis(0), &regions));
    assert_close(&grad.position.table.row(t).to_owned(), &want, 1e-12);
    assert_close(&grad.position.table.row(t + 1).to_owned(), &de.row(t + k).to_owned(), 1e-12);
}

fn the_gradients_of_the_tables_have_the_same_sum(random: &mut Random) {
    let (grad, _, de) = gradients(&draw(true, random), random);
    let sum = column_sums(&de);
    let names = column_sums(&grad.word.table) + column_sums(&grad.mark.table);
    for table in [names, column_sums(&grad.position.table), column_sums(&grad.segment.table)] {
        assert_close(&table, &sum, 1e-11);
    }
}

fn what_moves_between_tables_changes_nothing(random: &mut Random) {
    let mut drawn = draw(true, random);
    let x = run(&drawn);
    let shift: Array1<f64> = random.uniform(drawn.module.word.table.ncols(), 1.0);
    drawn.module.segment.table += &shift;
    drawn.module.position.table -= &shift;
    assert_close(&run(&drawn), &x, 1e-8);
}

/// With the same tables; the rows of text, and no others.
fn a_new_model_has_the_words_of_bert(random: &mut Random) {
    let drawn = draw(false, random);
    let module = &drawn.module;
    let segment = Embedding { table: module.segment.table.slice(ndarray::s![..2, ..]).to_owned() };
    let (word, position, sum) = (module.word.clone(), module.position.clone(), module.sum.clone());
    let bert = TextEmbedding { word, position, segment, sum };
    let x = run(&drawn);
    for (input, rows) in drawn.inputs.iter().zip(VlBertInput::rows(&drawn.inputs).ranges()) {
        let keep = vec![true; input.ids.len()];
        let text = TextInput { ids: input.ids.clone(), segments: input.segments.clone(), keep };
        let want = bert.forward(&[text]).unwrap().0;
        let words: Vec<usize> = (rows.start..rows.start + input.ids.len()).collect();
        assert_close(&x.select(Axis(0), &words), &want, 1e-9);
    }
}

fn a_new_model_sends_no_gradient_to_looks_but_to_their_norms(random: &mut Random) {
    let (grad, (text, region), _) = gradients(&draw(false, random), random);
    assert!(text.iter().chain(&region).all(|x| *x == 0.0));
    assert!(grad.norm_text.gamma.iter().any(|x| *x != 0.0) && grad.norm_text.beta.iter().any(|x| *x != 0.0));
    assert!(grad.norm_region.gamma.iter().any(|x| *x != 0.0));
}

fn samples_do_not_mix(random: &mut Random) {
    let drawn = draw(true, random);
    let all = run(&drawn);
    let (mut words, mut regions) = (0, 0);
    for (input, rows) in drawn.inputs.iter().zip(VlBertInput::rows(&drawn.inputs).ranges()) {
        let text: Vec<usize> = (words..words + input.ids.len()).collect();
        let region: Vec<usize> = (regions..regions + input.regions).collect();
        (words, regions) = (words + text.len(), regions + region.len());
        let (text, region) = (drawn.text.select(Axis(0), &text), drawn.region.select(Axis(0), &region));
        let alone = drawn.module.forward(&text, &region, std::slice::from_ref(input)).unwrap().0;
        assert_eq!(alone, all.slice(ndarray::s![rows, ..]));
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, end) in [("code", EndFeature::None), ("paper", EndFeature::WholeImage)] {
        let (module, inputs) = example::<R>(end);
        let (h_text, h_region) = looks();
        let (x, tape) = module.forward(&h_text, &h_region, &inputs)?;
        let (mut grad, dx) = (module.zeros_like(), ramp(11, (10, 4)));
        let (dh_text, dh_region) = module.backward(&tape, &dx, &mut grad);
        let ids: Array1<usize> = inputs.iter().flat_map(|input| input.ids.clone()).collect();
        let segments: Array1<usize> = inputs.iter().flat_map(VlBertInput::all_segments).collect();
        let case = cases.case(&format!("vl-bert.four-embeddings.{name}"));
        (case
            .input("h_text", &h_text)
            .input("h_region", &h_region)
            .ids("ids", &ids)
            .ids("segments", &segments))
        .param("", &module)
        .out("x", &x)
        .cot("x", &dx)
        .grad_in("h_text", &dh_text)
        .grad_in("h_region", &dh_region)
        .grad_param("", &grad);
    }
    Ok(())
}
