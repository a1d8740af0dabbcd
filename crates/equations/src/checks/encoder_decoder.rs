//! Evidence for `eq-1.22-encoder-decoder`.

use mmt_blocks::{
    Activation, BlockConfig, DecoderBlock, EncoderDecoder, EncoderDecoderConfig, Mask, NormOrder,
    SinusoidalKind, TokenBatch, Tying,
};
use mmt_golden::Cases;
use mmt_tensor::ops::{OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, s};

use super::{ffn, multi_head, post_ln};
use crate::{Property, properties};

/// The block of the decoder in the specification.
fn spec_block(order: NormOrder) -> DecoderBlock<f64> {
    let block = DecoderBlock::new(order, &post_ln::config(), 4, &mut Random::seed(0)).unwrap();
    DecoderBlock {
        attn: multi_head::spec_layer([1, 2, 3, 4], None),
        cross: multi_head::spec_layer([5, 6, 7, 8], None),
        ffn: ffn::spec_layer(Activation::Gelu),
        ..block
    }
}

/// Numbers of the specification, section 8A, for a block of the decoder in both orders.
pub fn forward() {
    for (order, y_sums, dx_sums, dmemory_sums) in [
        (
            NormOrder::Post,
            ["0", "-3.287243708"],
            ["-7.562638892", "-15.3028227"],
            ["-3.143122232", "0.9511525372"],
        ),
        (
            NormOrder::Pre,
            ["-14.45865147", "-114.1848905"],
            ["0.25", "15.26673213"],
            ["-5.550851875", "-50.17804765"],
        ),
    ] {
        let block = spec_block(order);
        let (rows, memory_rows) = (Ragged::one(3), Ragged::one(2));
        let (x, memory) = (ramp(12, (3, 4)), ramp(14, (2, 4)));
        let (y, tape) =
            block.forward(&x, &memory, &rows, &memory_rows, &Mask::causal(), &Mask::None).unwrap();
        assert_sums(&y, y_sums[0], y_sums[1]);
        let (dx, dmemory) = block.backward(&tape, &ramp(13, (3, 4)), &mut block.zeros_like());
        assert_sums(&dx, dx_sums[0], dx_sums[1]);
        assert_sums(&dmemory, dmemory_sums[0], dmemory_sums[1]);
    }
}

/// The tiny configuration of the specification, in a form that can be made smaller.
fn config(order: NormOrder, tying: Tying) -> EncoderDecoderConfig {
    EncoderDecoderConfig {
        block: BlockConfig { width: 16, hidden: 32, ..post_ln::config() },
        order,
        encoder_depth: 2,
        decoder_depth: 2,
        source_words: 13,
        target_words: 13,
        longest: 12,
        positions: SinusoidalKind::Interleaved,
        tying,
        output_bias: true,
        bos: BOS,
    }
}

const PADDING: usize = 0;
const BOS: usize = 1;
const EOS: usize = 2;
const ORDERS: [NormOrder; 2] = [NormOrder::Pre, NormOrder::Post];

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// All parameters of a model of width 4, from the scores of two padded samples.
fn backward() {
    let source = TokenBatch::padded(&[&[3, 4, 3, 0], &[5, 6]], PADDING);
    let target = TokenBatch::padded(&[&[BOS, 4], &[BOS, 3, 6, 0]], PADDING);
    for order in ORDERS {
        for tying in [Tying::All, Tying::TargetAndOutput, Tying::None] {
            let config = EncoderDecoderConfig {
                block: post_ln::config(),
                source_words: 7,
                target_words: 7,
                ..config(order, tying)
            };
            check_module(
                &EncoderDecoder::new(&config, &mut Random::seed(0)).unwrap(),
                Vec::<Array1<Dual>>::new(),
                |m, _| m.forward(&source, &target),
                |m, tape, dscores, grad| {
                    m.backward(tape, dscores, grad);
                    vec![]
                },
            );
        }
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    scores_do_not_depend_on_later_words,
    decoding_with_kept_keys_is_decoding_again,
    padding_may_be_anything,
    without_values_the_source_does_not_matter,
    a_shared_table_has_three_gradients,
    a_sample_does_not_feel_its_neighbors,
    the_memory_collects_from_every_block,
    what_is_asked_is_one_step_ahead,
];

fn draw_with(random: &mut Random, tying: Tying) -> EncoderDecoder<f64> {
    let config = config(ORDERS[random.below(2)], tying);
    shake(&EncoderDecoder::new(&config, random).unwrap(), random.below(1 << 20) as u64)
}

fn draw(random: &mut Random) -> EncoderDecoder<f64> {
    let tying = [Tying::All, Tying::TargetAndOutput, Tying::None][random.below(3)];
    draw_with(random, tying)
}

/// `n` words that are not special.
fn words(random: &mut Random, n: usize) -> Vec<usize> {
    (0..n).map(|_| 3 + random.below(10)).collect()
}

/// `bos` and `n` words.
fn begun(random: &mut Random, n: usize) -> Vec<usize> {
    [vec![BOS], words(random, n)].concat()
}

fn run(model: &EncoderDecoder<f64>, source: &[usize], target: &[usize]) -> Array2<f64> {
    model.forward(&TokenBatch::of_samples(&[source]), &TokenBatch::of_samples(&[target])).unwrap().0
}

fn scores_do_not_depend_on_later_words(random: &mut Random) {
    let (model, n) = (draw(random), 1 + random.below(6));
    let (source, target) = (words(random, 4), begun(random, n));
    let seen = 1 + random.below(n);
    let mut other = target.clone();
    for id in &mut other[seen..] {
        *id = 3 + random.below(10);
    }
    let (a, b) = (run(&model, &source, &target), run(&model, &source, &other));
    assert_eq!(a.slice(s![..seen, ..]), b.slice(s![..seen, ..]));
}

/// Bit for bit: the scores of every step, and so the words that are chosen.
fn decoding_with_kept_keys_is_decoding_again(random: &mut Random) {
    let (model, limit) = (draw(random), 1 + random.below(10));
    let n = 1 + random.below(8);
    let source = words(random, n);
    let (mut state, mut target, mut written) = (model.start(&source).unwrap(), vec![BOS], vec![]);
    while written.len() < limit {
        let kept = model.step(&mut state, target[target.len() - 1]).unwrap();
        let again = run(&model, &source, &target);
        let again = again.row(target.len() - 1);
        assert_eq!(kept, again);
        let best = (0..13).fold(0, |best, id| if again[id] > again[best] { id } else { best });
        if best == EOS {
            break;
        }
        target.push(best);
        written.push(best);
    }
    assert_eq!(model.greedy(&source, EOS, limit).unwrap(), written);
}

/// Other ids where there is padding change neither the scores of words, nor any gradient.
fn padding_may_be_anything(random: &mut Random) {
    let model = draw(random);
    let batch = |first: Vec<usize>, second: Vec<usize>| TokenBatch::padded(&[&first, &second], PADDING);
    let pad = |ids: Vec<usize>| [ids, vec![PADDING; 2]].concat();
    let source = batch(pad(words(random, 3)), words(random, 2));
    let target = batch(words(random, 3), pad(words(random, 2)));
    let (input, labels) = target.teacher_forcing(BOS).unwrap();
    let run = |source: &TokenBatch, input: &TokenBatch| {
        let (scores, tape) = model.forward(source, input).unwrap();
        let (loss, loss_tape) = cross_entropy(&scores, &labels, OnEmpty::Refuse).unwrap();
        let dscores = cross_entropy_backward(&loss_tape, &scores, &labels, 1.0);
        let mut grad = model.zeros_like();
        model.backward(&tape, &dscores, &mut grad);
        (loss, grad)
    };
    let mut others = (source.clone(), input.clone());
    for batch in [&mut others.0, &mut others.1] {
        for (id, keep) in batch.ids.iter_mut().zip(&batch.keep) {
            *id = if *keep { *id } else { random.below(13) };
        }
    }
    let ((loss, grad), (other_loss, other_grad)) = (run(&source, &input), run(&others.0, &others.1));
    assert_eq!(loss, other_loss);
    assert_close(&other_grad, &grad, 1e-12);
    // Cut off instead of hidden: the same function.
    let short = |batch: &TokenBatch| {
        let kept = |b: usize| -> Vec<usize> {
            batch.rows.range(b).filter(|&i| batch.keep[i]).map(|i| batch.ids[i]).collect()
        };
        TokenBatch::of_samples(&[&kept(0), &kept(1)])
    };
    let (input, labels) = short(&target).teacher_forcing(BOS).unwrap();
    let (scores, _) = model.forward(&short(&source), &input).unwrap();
    assert_close(&cross_entropy(&scores, &labels, OnEmpty::Refuse).unwrap().0, &loss, 1e-12);
}

fn without_values_the_source_does_not_matter(random: &mut Random) {
    let mut model = draw(random);
    let target = begun(random, 4);
    let (n, m) = (1 + random.below(5), 1 + random.below(5));
    let (a, b) = (words(random, n), words(random, m));
    if a != b {
        assert_ne!(run(&model, &a, &target), run(&model, &b, &target));
    }
    for block in &mut model.decoder.blocks {
        block.cross.w_v.weight.fill(0.0);
    }
    assert_close(&run(&model, &a, &target), &run(&model, &b, &target), 1e-9);
}

/// What three tables with the same numbers get, one table gets together.
fn a_shared_table_has_three_gradients(random: &mut Random) {
    let shared = draw_with(random, Tying::All);
    let apart = EncoderDecoder {
        source: Some(shared.target.clone()),
        output: Some(shared.target.table.t().to_owned()),
        ..shared.clone()
    };
    let source = TokenBatch::of_samples(&[&words(random, 4)]);
    let target = TokenBatch::of_samples(&[&begun(random, 3)]);
    let dscores: Array2<f64> = random.uniform((4, 13), 1.0);
    let gradient = |model: &EncoderDecoder<f64>| {
        let (scores, tape) = model.forward(&source, &target).unwrap();
        let mut grad = model.zeros_like();
        model.backward(&tape, &dscores, &mut grad);
        (scores, grad)
    };
    let ((scores, one), (same, three)) = (gradient(&shared), gradient(&apart));
    assert_close(&same, &scores, 1e-13);
    let (from_source, from_output) = (three.source.unwrap().table, three.output.unwrap());
    for part in [&from_source, &three.target.table, &from_output] {
        assert!(part.iter().any(|&x| x != 0.0));
    }
    assert_close(&one.target.table, &(from_source + &three.target.table + from_output.t()), 1e-11);
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let model = draw(random);
    let (sources, targets) = ([words(random, 3), words(random, 5)], [begun(random, 2), begun(random, 4)]);
    let batch = |two: &[Vec<usize>; 2]| TokenBatch::of_samples(&[&two[0], &two[1]]);
    let (both, _) = model.forward(&batch(&sources), &batch(&targets)).unwrap();
    assert_eq!(both.slice(s![..3, ..]), run(&model, &sources[0], &targets[0]));
    assert_eq!(both.slice(s![3.., ..]), run(&model, &sources[1], &targets[1]));
}

/// Every block reads the memory, and what each of them hands back adds up.
fn the_memory_collects_from_every_block(random: &mut Random) {
    let model = draw(random).decoder;
    let (x, memory): (Array2<f64>, Array2<f64>) =
        (random.uniform((3, 16), 1.0), random.uniform((4, 16), 1.0));
    let dy: Array2<f64> = random.uniform((3, 16), 1.0);
    let (rows, of) = (Ragged::one(3), Ragged::one(4));
    let (_, tape) = model.forward(&x, &memory, &rows, &of, &Mask::causal(), &Mask::None).unwrap();
    let (_, dmemory) = model.backward(&tape, &dy, &mut model.zeros_like());
    let mut dx = match (&model.norm, &tape.norm) {
        (Some(norm), Some(tape)) => norm.backward(tape, &dy, &mut norm.zeros_like()),
        _ => dy,
    };
    let mut sum = Array2::zeros((4, 16));
    for (block, tape) in model.blocks.iter().zip(&tape.blocks).rev() {
        let (next, part) = block.backward(tape, &dx, &mut block.zeros_like());
        assert!(part.iter().any(|&x| x != 0.0));
        (dx, sum) = (next, sum + part);
    }
    assert_close(&dmemory, &sum, 1e-12);
}

/// The decoder is asked for a word of which it has seen what stands before it.
fn what_is_asked_is_one_step_ahead(random: &mut Random) {
    let n = 1 + random.below(6);
    let sentence = words(random, n);
    let (input, labels) = TokenBatch::of_samples(&[&sentence]).teacher_forcing(BOS).unwrap();
    assert_eq!(input.ids[0], BOS);
    assert_eq!(input.ids[1..], sentence[..n - 1]);
    assert_eq!(labels, sentence.iter().map(|&id| Some(id)).collect::<Vec<_>>());
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, order, tying) in [
        ("post.tied", NormOrder::Post, Tying::All),
        ("pre.tied", NormOrder::Pre, Tying::All),
        ("pre.untied", NormOrder::Pre, Tying::None),
    ] {
        let model = EncoderDecoder::new(&config(order, tying), &mut Random::seed(0))?;
        let model: EncoderDecoder<R> = shake(&model, 7);
        let source = TokenBatch::padded(&[&[3, 4, 5, 0], &[6, 7]], PADDING);
        let target = TokenBatch::padded(&[&[8, EOS], &[9, 10, EOS, 0]], PADDING);
        let (input, _) = target.teacher_forcing(BOS)?;
        let (scores, tape) = model.forward(&source, &input)?;
        let (dscores, mut grad) = (qres(1, scores.dim(), 1.0), model.zeros_like());
        model.backward(&tape, &dscores, &mut grad);
        let ids = |ids: &[usize]| Array1::from(ids.to_vec());
        let flags = |keep: &[bool]| Array1::from(keep.to_vec());
        (cases.case(&format!("model.encoder_decoder.{name}")).ids("source", &ids(&source.ids)))
            .ids("source_lengths", &ids(&[4, 2]))
            .mask("source_keep", &flags(&source.keep))
            .ids("target", &ids(&input.ids))
            .ids("target_lengths", &ids(&[2, 4]))
            .mask("target_keep", &flags(&input.keep))
            .buf("positions", &model.positions)
            .param("", &model)
            .act("", &tape)
            .out("scores", &scores)
            .cot("scores", &dscores)
            .grad_param("", &grad);
    }
    Ok(())
}
