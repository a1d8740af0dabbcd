//! Records of MBT: videos and spectrograms whose streams meet in the later layers.

use mmt_blocks::{Encoder, LayerNorm, Linear, Mask};
use mmt_fusion::{
    Bottleneck, BottleneckLayer, Layout, Stream, StreamTape, concat, concat_all, concat_all_backward,
    concat_backward,
};
use mmt_tensor::{Real, Tree};
use ndarray::{Array2, ArrayD};

use super::Answer;
use super::case::{Found, Record};
use super::flax::{block, final_norm, flat, linear, samples, with, with_block, with_final_norm, with_linear};
use super::layout::reshape;
use super::mbt_inputs::{Front, SUFFIXES, Tokens};
use super::ops::unsupported;

/// `ext_mbt_bottleneck`: each modality sees itself and the bottleneck.
pub fn bottleneck<R: Real>(record: &Record) -> Found<Answer<R>> {
    let front = Front::of(record)?;
    let d = front.d();
    let (x, tapes) = front.forward(record)?;
    let (layers, first) = (record.size("num_layers")?, record.size("fusion_layer")?);
    let tokens: ArrayD<R> = record.real("param/bottleneck")?;
    let count = tokens.len() / d.max(1);
    let module = Bottleneck {
        alone: SUFFIXES
            .map(|suffix| stream(record, 0..first, suffix, d))
            .into_iter()
            .collect::<Found<_>>()?,
        fused: (first..layers)
            .map(|i| {
                let streams = SUFFIXES.map(|suffix| stream(record, i..i + 1, suffix, d));
                Ok(BottleneckLayer { streams: streams.into_iter().collect::<Found<_>>()? })
            })
            .collect::<Found<_>>()?,
        tokens: reshape(&flat::<R>(record, "bottleneck", count * d)?, &[count, d]),
    };
    let (z, tape) = module.forward(&pairs(&x))?;

    let (answer, dz) = decide(record, Answer::new(), &z, &x)?;
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dz, &mut grad);
    let mut answer = with(answer, record, "bottleneck", &grad.tokens.into_dyn())?;
    for (m, suffix) in SUFFIXES.into_iter().enumerate() {
        let alone = (&module.alone[m], &tape.alone[m], &grad.alone[m]);
        answer = with_stream(answer, record, 0, suffix, alone)?;
        for (i, layer) in module.fused.iter().enumerate() {
            let fused = (&layer.streams[m], &tape.fused[i].streams[m], &grad.fused[i].streams[m]);
            answer = with_stream(answer, record, first + i, suffix, fused)?;
        }
    }
    front.backward(answer, record, &tapes, &dx)
}

/// `ext_mbt_cross`: each modality sees all tokens in a layer of its own, its own ones last, and keeps those.
pub fn cross<R: Real>(record: &Record) -> Found<Answer<R>> {
    let front = Front::of(record)?;
    let d = front.d();
    let (mut x, tapes) = front.forward(record)?;
    let (layers, first) = (record.size("num_layers")?, record.size("fusion_layer")?);
    let mut runs = vec![];
    for i in 0..layers {
        let mut next = vec![];
        for (m, suffix) in SUFFIXES.into_iter().enumerate() {
            let layer = stream(record, i..i + 1, suffix, d)?;
            let ((own, layout), (other, other_layout)) = (&x[m], &x[1 - m]);
            let (y, tape) = if i < first {
                layer.forward(own, &layout.rows(), &Mask::None)?
            } else {
                let (all, joint) = concat((other, other_layout), (own, layout))?;
                let (y, tape) = layer.forward(&all, &joint.rows(), &Mask::None)?;
                (concat_backward(other_layout, layout, &y).1, tape)
            };
            next.push((y, layout.clone()));
            runs.push((layer, tape));
        }
        x = next;
    }
    let z: Vec<Array2<R>> = x.iter().map(|(z, _)| z.clone()).collect();

    let (mut answer, mut dx) = decide(record, Answer::new(), &z, &x)?;
    for (i, run) in runs.chunks(2).enumerate().rev() {
        let mut before: Vec<Array2<R>> = dx.iter().map(|dx| Array2::zeros(dx.dim())).collect();
        for (m, (layer, tape)) in run.iter().enumerate() {
            let mut grad = layer.zeros_like();
            let (own, other) = (&x[m].1, &x[1 - m].1);
            if i < first {
                before[m] += &layer.backward(tape, &dx[m], &mut grad);
            } else {
                let unused = Array2::zeros(dx[1 - m].dim());
                let (dy, _) = concat((&unused, other), (&dx[m], own))?;
                let (d_other, d_own) = concat_backward(other, own, &layer.backward(tape, &dy, &mut grad));
                before[m] += &d_own;
                before[1 - m] += &d_other;
            }
            answer = with_stream(answer, record, i, SUFFIXES[m], (layer, tape, &grad))?;
        }
        dx = before;
    }
    front.backward(answer, record, &tapes, &dx)
}

fn pairs<R>(x: &Tokens<R>) -> Vec<(&ndarray::ArrayRef2<R>, &Layout)> {
    x.iter().map(|(x, layout)| (&**x, layout)).collect()
}

/// Layers of one modality.
fn stream<R: Real>(
    record: &Record,
    layers: std::ops::Range<usize>,
    suffix: &str,
    d: usize,
) -> Found<Stream<R>> {
    let blocks =
        layers.map(|i| block(record, &format!("encoderblock_{i}{suffix}"), d)).collect::<Found<_>>()?;
    Ok(Encoder { blocks, norm: None, repeats: 1 }.into())
}

/// What the layers of one modality gave, and their gradients; the first of them is layer `first`.
fn with_stream<R: Real>(
    mut answer: Answer<R>,
    record: &Record,
    first: usize,
    suffix: &str,
    run: (&Stream<R>, &StreamTape<R>, &Stream<R>),
) -> Found<Answer<R>> {
    let (Stream::Encoder(stack), StreamTape::Encoder(tape), Stream::Encoder(grad)) = run else {
        return unsupported("attention alone");
    };
    for (i, block) in stack.blocks.iter().enumerate() {
        let name = format!("encoderblock_{}{suffix}", first + i);
        answer = with_block(answer, record, &name, (block, &tape.blocks[i], &grad.blocks[i]))?;
    }
    Ok(answer)
}

/// A norm, one map for the class tokens of all modalities, and the mean of the scores; also the gradient of the tokens.
fn decide<R: Real>(
    record: &Record,
    answer: Answer<R>,
    z: &[Array2<R>],
    x: &Tokens<R>,
) -> Found<(Answer<R>, Vec<Array2<R>>)> {
    let d = z[0].ncols();
    let layouts: Vec<&Layout> = x.iter().map(|(_, layout)| layout).collect();
    let parts: Vec<_> = z.iter().zip(&layouts).map(|(z, layout)| (&**z, *layout)).collect();
    let (joint, layout) = concat_all(&parts)?;
    let norm: LayerNorm<R> = final_norm(record, d)?;
    let (h, norm_tape) = norm.forward(&joint)?;
    let answer = answer.with("act/Transformer", &samples(&h, &layout.rows()));
    let head: Linear<R> = linear(record, "output_projection", d, record.size("num_classes")?)?;
    let share = R::of(1.0) / R::of(z.len() as f64);
    let dlogits: Array2<R> = record.shaped("cot/logits", &[layout.samples(), head.weight.ncols()])?;
    let mut logits = Array2::zeros(dlogits.dim());
    let mut head_grad = head.zeros_like();
    let dy = dlogits.mapv(|dy| share * dy);
    let mut dparts = vec![];
    for (part, own) in concat_all_backward(&layouts, &h).iter().zip(&layouts) {
        let firsts: Vec<usize> = own.rows().ranges().map(|rows| rows.start).collect();
        let (y, tape) = head.forward(&part.select(ndarray::Axis(0), &firsts))?;
        logits.zip_mut_with(&y, |sum, &y| *sum += share * y);
        let dclass = head.backward(&tape, &dy, &mut head_grad);
        let mut dpart = Array2::zeros(part.dim());
        firsts.iter().zip(dclass.rows()).for_each(|(&i, row)| dpart.row_mut(i).assign(&row));
        dparts.push(dpart);
    }
    let dparts: Vec<_> = dparts.iter().zip(&layouts).map(|(dpart, layout)| (&**dpart, *layout)).collect();
    let mut norm_grad = norm.zeros_like();
    let dz = norm.backward(&norm_tape, &concat_all(&dparts)?.0, &mut norm_grad);
    let answer = with_linear(answer.with("out/logits", &logits), record, "output_projection", &head_grad)?;
    Ok((with_final_norm(answer, &norm_grad), concat_all_backward(&layouts, &dz)))
}
