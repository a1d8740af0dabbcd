//! Records of boxes in images.

use mmt_tensor::ops::{relu, relu_backward};
use mmt_tensor::{Real, Tree};
use mmt_tokenizers::image::{
    Edges, ImageBox, RoiAlign, RoiPool, Sampling, box_giou, box_iou, non_maximum_suppression, roi_align,
    roi_align_backward, roi_pool, roi_pool_backward,
};
use ndarray::{Array1, Array2, Array4};

use super::Answer;
use super::case::{Found, Record};
use super::cnn::{basic, residual, with_residual};
use super::layout::{linear_of_any_size, reshape, with_linear};
use super::ops::unsupported;

/// `op_roi`
pub fn boxes_in_images<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "roi_align" => alignment(record),
        "roi_pool" => pooling(record),
        "box_iou" => overlap(record),
        "nms" => suppression(record),
        _ => unsupported("no page"),
    }
}

fn alignment<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (x, boxes, how): (Array4<R>, _, _) = (record.real("in/x")?, boxes(record)?, settings(record)?);
    let y = roi_align(&x, &boxes, how)?;
    let dy: Array4<R> = record.shaped("cot/y", y.shape())?;
    let dx = roi_align_backward(x.dim(), &boxes, how, &dy);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

fn pooling<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (x, boxes): (Array4<R>, _) = (record.real("in/x")?, boxes(record)?);
    let [high, wide] = record.sizes("output_size", 1)?;
    let how = RoiPool { scale: record.number("spatial_scale")?, output: (high, wide) };
    let y = roi_pool(&x, &boxes, how)?;
    let dy: Array4<R> = record.shaped("cot/y", y.shape())?;
    let dx = roi_pool_backward(&x, &boxes, how, &dy);
    Ok(Answer::new().with("out/y", &y).with("grad_in/x", &dx))
}

fn overlap<R: Real>(record: &Record) -> Found<Answer<R>> {
    let boxes: Array2<R> = record.real("in/boxes")?;
    let answer = Answer::new().with("out/iou", &box_iou(&boxes, &boxes, Edges::Between)?);
    Ok(answer.with("out/giou", &box_giou(&boxes, &boxes)?))
}

fn suppression<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (boxes, scores): (Array2<R>, Array1<R>) = (record.real("in/boxes")?, record.real("in/scores")?);
    let threshold = record.number("iou_threshold")?;
    let kept = non_maximum_suppression(&boxes, &scores, threshold, Edges::Between)?;
    let kept: Vec<R> = kept.into_iter().map(|i| R::of(i as f64)).collect();
    Ok(Answer::new().with("out/keep", &Array1::from(kept)))
}

/// `tv_roi_head`: a residual block, boxes read from its map, two linear layers with ReLU, and two linear heads.
pub fn head<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (image, boxes, how): (Array4<R>, _, _) =
        (record.real("in/image")?, boxes(record)?, settings(record)?);
    let body = residual::<R, _, 2>(record, "body.", &basic(1), 1)?;
    let (map, tape) = body.forward(&image)?;
    let regions = roi_align(&map, &boxes, how)?;
    let answer = Answer::new().with("act/features", &map).with("act/roi", &regions);
    let (answer, dregions) = layers(record, answer, &regions)?;
    let dmap = roi_align_backward(map.dim(), &boxes, how, &dregions);
    let mut grad = body.zeros_like();
    let dimage = body.backward(&tape, &dmap, &mut grad);
    Ok(with_residual(answer.with("grad_in/image", &dimage), "body.", &basic(1), &grad))
}

/// The linear layers behind the regions, and the gradient of these.
fn layers<R: Real>(record: &Record, answer: Answer<R>, regions: &Array4<R>) -> Found<(Answer<R>, Array4<R>)> {
    let names = ["head.fc6", "head.fc7", "pred.cls_score", "pred.bbox_pred"];
    let [fc6, fc7, scores, deltas] =
        names.map(|name| linear_of_any_size::<R>(record, &format!("param/{name}")));
    let [fc6, fc7, scores, deltas] = [fc6?, fc7?, scores?, deltas?];
    let flat: Array2<R> = reshape(regions, &[regions.dim().0, regions.len() / regions.dim().0]);
    let (a, fc6_tape) = fc6.forward(&flat)?;
    let (b, fc7_tape) = fc7.forward(&relu(&a)?)?;
    let embedding = relu(&b)?;
    let (logits, scores_tape) = scores.forward(&embedding)?;
    let (moves, deltas_tape) = deltas.forward(&embedding)?;

    let mut grads = [&fc6, &fc7, &scores, &deltas].map(Tree::zeros_like);
    let mut dembedding: Array2<R> = record.shaped("cot/embedding", embedding.shape())?;
    let dlogits: Array2<R> = record.shaped("cot/class_logits", logits.shape())?;
    dembedding += &scores.backward(&scores_tape, &dlogits, &mut grads[2]);
    let dmoves: Array2<R> = record.shaped("cot/box_deltas", moves.shape())?;
    dembedding += &deltas.backward(&deltas_tape, &dmoves, &mut grads[3]);
    let dh = fc7.backward(&fc7_tape, &relu_backward(&b, &dembedding), &mut grads[1]);
    let dflat = fc6.backward(&fc6_tape, &relu_backward(&a, &dh), &mut grads[0]);
    let answer = answer.with("out/embedding", &embedding).with("out/class_logits", &logits);
    let answer =
        names.iter().zip(&grads).fold(answer.with("out/box_deltas", &moves), |answer, (name, grad)| {
            with_linear(answer, &format!("grad_param/{name}"), grad)
        });
    Ok((answer, reshape(&dflat, regions.shape())))
}

/// Rows of a number of the image and four corners.
fn boxes(record: &Record) -> Found<Vec<ImageBox>> {
    let rows: Array2<f64> = record.real("in/boxes")?;
    let one = |row: ndarray::ArrayView1<f64>| match row.to_vec()[..] {
        [image, x1, y1, x2, y2] if image >= 0.0 && image.fract() == 0.0 => {
            Ok(ImageBox { image: image as usize, corners: [x1, y1, x2, y2] })
        }
        _ => Err(record.invalid(0, "`in/boxes` does not hold images and corners".to_string())),
    };
    rows.rows().into_iter().map(one).collect()
}

fn settings(record: &Record) -> Found<RoiAlign> {
    let [high, wide] = record.sizes("output_size", 1)?;
    let ratio = record.number("sampling_ratio")?;
    Ok(RoiAlign {
        scale: record.number("spatial_scale")?,
        output: (high, wide),
        sampling: if ratio > 0.0 { Sampling::Fixed(ratio as usize) } else { Sampling::Adaptive },
        aligned: record.flag("aligned"),
    })
}
