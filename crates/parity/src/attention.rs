//! Records of attention: one head at a time, and the module with its projections.

use mmt_blocks::{DeadRows, attention, attention_backward};
use mmt_tensor::ops::{matmul, softmax, softmax_backward};
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array2, Array3, Array4, ArrayD, Axis, IxDyn, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{head, mask, multi_head, reshape, rows, with_multi_head};

/// `op_sdpa`: scaled dot-product attention, `[batch, head, n, d]`.
pub fn dot_product<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (q, k, v): (Array4<R>, Array4<R>, Array4<R>) =
        (record.real("in/q")?, record.real("in/k")?, record.real("in/v")?);
    let ((batch, heads, n, d), (_, _, m, _), d_v) = (q.dim(), k.dim(), v.dim().3);
    if k.dim().0 != batch || k.dim().1 != heads || v.dim().0 != batch || v.dim().1 != heads {
        return Err(record.invalid(0, "queries, keys and values have another number of heads".to_string()));
    }
    let dy: Array4<R> = record.shaped("cot/y", &[batch, heads, n, d_v])?;
    let bias = bias(record, [batch, heads, n, m])?;
    // Attention divides by the root of d; another scale is applied to the queries beforehand.
    let default = R::of(1.0) / R::of(d as f64).sqrt();
    let scale = R::of(record.number_or("scale", default.to_f64())?) / default;
    let literal: Option<Array2<R>> = record.optional("in/mult_mask")?;
    if literal.as_ref().is_some_and(|literal| literal.dim() != (n, m)) {
        return Err(record.invalid(0, "`in/mult_mask` has not one entry per pair".to_string()));
    }

    let (mut y, mut dq, mut dk, mut dv) = (dy.clone(), q.clone(), k.clone(), v.clone());
    let mut weights = Array4::zeros((batch, heads, n, m));
    let (mut scores, mut dbias) = (weights.clone(), weights.clone());
    for (b, h) in (0..batch).flat_map(|b| (0..heads).map(move |h| (b, h))) {
        let here = s![b, h, .., ..];
        let (q, k, v) = (head(&q, b, h) * scale, head(&k, b, h), head(&v, b, h));
        let z = matmul(&(&q * default), &k.t());
        let (o, p, gradients) = match &literal {
            None => {
                let (o, tape) = attention(&q, &k, &v, Some(&head(&bias, b, h)), DeadRows::Zero)?;
                let gradients = attention_backward(&tape, &head(&dy, b, h));
                (o, tape.p, gradients)
            }
            Some(m) => {
                // The product with a mask that the note writes, from its parts: it is not attention under a mask.
                let p = softmax(&(&z * m))?;
                let dy = head(&dy, b, h);
                let ds = softmax_backward(&p, &matmul(&dy, &v.t())) * m;
                let gradients =
                    (matmul(&ds, &k) * default, matmul(&ds.t(), &q) * default, matmul(&p.t(), &dy), ds);
                (matmul(&p, &v), p, gradients)
            }
        };
        y.slice_mut(here).assign(&o);
        scores.slice_mut(here).assign(&z);
        weights.slice_mut(here).assign(&p);
        dq.slice_mut(here).assign(&(gradients.0 * scale));
        dk.slice_mut(here).assign(&gradients.1);
        dv.slice_mut(here).assign(&gradients.2);
        dbias.slice_mut(here).assign(&gradients.3);
    }
    let answer =
        (Answer::new().with("out/y", &y).with("act/scores", &scores).with("act/attn_probs", &weights))
            .with("grad_in/q", &dq)
            .with("grad_in/k", &dk)
            .with("grad_in/v", &dv);
    if !record.has("grad_in/mask") {
        return Ok(answer);
    }
    let shape = record.real::<R, IxDyn>("grad_in/mask")?.shape().to_vec();
    Ok(answer.with("grad_in/mask", &summed_to(dbias.into_dyn(), &shape)))
}

/// What is added to the scores: a causal mask, a mask in which true keeps, or numbers, spread over `shape`.
fn bias<R: Real>(record: &Record, shape: [usize; 4]) -> Found<Array4<R>> {
    let hidden = R::of(f64::NEG_INFINITY);
    if record.flag("is_causal") {
        return Ok(Array4::from_shape_fn(shape, |(_, _, i, j)| if j > i { hidden } else { R::of(0.0) }));
    }
    if !record.has("in/mask") {
        return Ok(Array4::zeros(shape));
    }
    let bias: ArrayD<R> = match record.mask::<IxDyn>("in/mask") {
        Ok(keep) => keep.mapv(|keep| if keep { R::of(0.0) } else { hidden }),
        Err(_) => record.real("in/mask")?,
    };
    let wrong = || record.invalid(0, format!("`in/mask` {:?} does not fit scores {shape:?}", bias.shape()));
    let spread = bias.broadcast(&shape[..]).ok_or_else(wrong)?;
    Ok(reshape(&spread.to_owned(), &shape))
}

/// The gradient of what was spread: a sum over the axes along which it was repeated.
fn summed_to<R: Real>(mut gradient: ArrayD<R>, shape: &[usize]) -> ArrayD<R> {
    for (axis, &size) in shape.iter().enumerate() {
        if size == 1 && gradient.len_of(Axis(axis)) > 1 {
            let mut sum = gradient.index_axis(Axis(axis), 0).insert_axis(Axis(axis)).to_owned();
            for i in 1..gradient.len_of(Axis(axis)) {
                sum += &gradient.index_axis(Axis(axis), i).insert_axis(Axis(axis));
            }
            gradient = sum;
        }
    }
    gradient
}

/// `op_mha`: the module, `[batch, n, d]`.
pub fn module<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (d, heads) = (record.size("embed_dim")?, record.size("num_heads")?);
    let query: Array3<R> = record.real("in/query")?;
    let keys: Array3<R> = record.optional("in/key")?.unwrap_or_else(|| query.clone());
    let values: Array3<R> = record.optional("in/value")?.unwrap_or_else(|| keys.clone());
    let ((batch, n, _), (_, m, d_keys), (_, _, d_values)) = (query.dim(), keys.dim(), values.dim());
    if keys.dim().0 != batch || values.dim().0 != batch || values.dim().1 != m || query.dim().2 != d {
        return Err(record.invalid(0, "queries, keys and values do not fit".to_string()));
    }
    let attn = multi_head::<R>(record, "param/", [d, d_keys, d_values], heads)?;
    let (samples, context) = (Ragged::even(batch, n), Ragged::even(batch, m));
    let mask = mask(record, "in/attn_mask", "in/key_padding_mask", &samples, &context)?;
    let flat = |x: &Array3<R>| rows(&x.clone().into_dyn());
    let (y, tape) =
        attn.forward_split(&flat(&query), (&flat(&keys), &flat(&values)), &samples, &context, &mask)?;
    let dy: Array3<R> = record.shaped("cot/y", &[batch, n, d])?;
    let mut grad = attn.zeros_like();
    let (mut dx, (mut dkeys, dvalues)) = attn.backward_split(&tape, &flat(&dy), &mut grad);

    let mut weights = Array4::zeros((batch, heads, n, m));
    for (i, p) in tape.heads.p.iter().enumerate() {
        weights.slice_mut(s![i / heads, i % heads, .., ..]).assign(p);
    }
    let full = |rows: &Array2<R>, like: &Array3<R>| reshape::<R, _, IxDyn>(rows, like.shape());
    let mut answer = Answer::new().with("out/y", &full(&y, &query));
    answer = if record.flag("average_attn_weights") {
        let sum = summed_to(weights.into_dyn(), &[batch, 1, n, m]);
        let mean = reshape::<R, _, IxDyn>(&sum, &[batch, n, m]) / R::of(heads as f64);
        answer.with("act/attn_probs", &mean)
    } else {
        answer.with("act/attn_probs", &weights)
    };
    // An input that is used twice has two gradients, which add up.
    if record.has("in/value") {
        answer = answer.with("grad_in/value", &full(&dvalues, &values));
    } else {
        dkeys += &dvalues;
    }
    if record.has("in/key") {
        answer = answer.with("grad_in/key", &full(&dkeys, &keys));
    } else {
        dx += &dkeys;
    }
    answer = answer.with("grad_in/query", &full(&dx, &query));
    Ok(with_multi_head(answer, "grad_param/", &grad, record.has("param/in_proj_weight")))
}
