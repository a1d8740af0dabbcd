//! G-BERT: what codes of visits say of each other, and the medications of the next visit.

use mmt_blocks::{Activation, Embedding, Ffn};
use mmt_objectives::{NextMedication, SelfAndDual};
use mmt_tensor::{Ragged, Real, Tree};
use mmt_tokenizers::ehr::{CodeSet, VisitEncoder};
use ndarray::{Array2, ArrayViewD, Axis, Ix2, Ix3, concatenate, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{linear, reshape, with_linear};
use super::visit_encoder::{Sizes, with_encoder};

/// The codes of a row of ids: `[CLS]` in front and padding behind are not among them.
fn codes(record: &Record, ids: &[usize], kind: usize) -> Found<CodeSet> {
    match ids {
        [1, codes @ ..] => Ok(CodeSet { ids: codes.iter().copied().filter(|&id| id != 0).collect(), kind }),
        _ => Err(record.invalid(0, "a visit does not begin with `[CLS]`".to_string())),
    }
}

/// `ext_gbert_predict_s`: rows are the diagnoses of all visits, then their medications, and kinds alternate by row.
pub fn predict<R: Real>(record: &Record) -> Found<Answer<R>> {
    let sizes = Sizes::of(record)?;
    let encoder: VisitEncoder<R> = sizes.encoder(record)?;
    let d = sizes.d;
    let dense = |key: &str, d_in, d_out| linear(record, &format!("param/{key}"), d_in, d_out);
    let y: Array2<R> = record.real("in/rx_labels")?;
    let module = NextMedication {
        diagnoses: dense("dense.0.dense.0", d, d)?,
        medications: dense("dense.1.dense.0", d, d)?,
        hidden: Some(dense("cls.0", 3 * d, 2 * d)?),
        out: dense("cls.2", 2 * d, y.ncols())?,
    };
    let ids = record.ids("in/input_ids")?;
    let rows = ids.rows().into_iter().enumerate();
    let sets = rows.map(|(i, ids)| codes(record, &ids.to_vec(), i % 2)).collect::<Found<Vec<_>>>()?;
    let visits = sets.len() / 2;
    let (v, tape) = encoder.forward(&sets)?;
    let (v_d, v_r) = (v.slice(s![..visits, ..]), v.slice(s![visits.., ..]));
    let (z, steps) = module.forward(&v_d, &v_r, &Ragged::one(visits))?;
    let loss = module.loss(&steps, &y)?;
    let (mut encoder_grad, mut grad) = (encoder.zeros_like(), module.zeros_like());
    let (dv_d, dv_r) = module.backward(&steps, &module.loss_backward(&steps, &y, R::of(1.0)), &mut grad);
    encoder.backward(&tape, &concatenate![Axis(0), dv_d, dv_r], &mut encoder_grad);
    let answer = Answer::new().with("out/rx_logits", &z).with_number("loss/loss", loss);
    let answer = with_encoder(answer, &encoder_grad);
    let answer = with_linear(answer, "grad_param/dense.0.dense.0", &grad.diagnoses);
    let answer = with_linear(answer, "grad_param/dense.1.dense.0", &grad.medications);
    let answer = grad.hidden.iter().fold(answer, |answer, h| with_linear(answer, "grad_param/cls.0", h));
    Ok(with_linear(answer, "grad_param/cls.2", &grad.out))
}

/// `ext_gbert_pretrain_s`: `[visits, 2, n]` ids, diagnoses and medications, both of kind 0. The library returns
/// probabilities.
pub fn pretrain<R: Real>(record: &Record) -> Found<Answer<R>> {
    let sizes = Sizes::of(record)?;
    let encoder: VisitEncoder<R> = sizes.encoder(record)?;
    let (y_d, y_r): (Array2<R>, Array2<R>) = (record.real("in/dx_labels")?, record.real("in/rx_labels")?);
    let head = |i: usize, codes: usize| -> Found<Ffn<R>> {
        Ok(Ffn {
            w_1: linear(record, &format!("param/{}", head_key(i, 0)), sizes.d, sizes.d)?,
            w_2: linear(record, &format!("param/{}", head_key(i, 2)), sizes.d, codes)?,
            activation: Activation::Relu,
        })
    };
    let (n_d, n_r) = (y_d.ncols(), y_r.ncols());
    let module = SelfAndDual { dd: head(0, n_d)?, rd: head(1, n_d)?, dr: head(2, n_r)?, rr: head(3, n_r)? };
    let ids = record.ids("in/inputs")?;
    let visits = ids.len_of(Axis(0));
    // The library has one row of diagnoses and one of medications per visit; here all diagnoses stand first.
    let halves = [0, 1].map(|half| ids.index_axis(Axis(1), half));
    let rows = halves.iter().flat_map(|half| half.rows()).map(|ids| codes(record, &ids.to_vec(), 0));
    let (v, tape) = encoder.forward(&rows.collect::<Found<Vec<_>>>()?)?;
    let (v_d, v_r) = (v.slice(s![..visits, ..]), v.slice(s![visits.., ..]));
    let (loss, guesses) = module.forward((&v_d, &v_r), (&y_d, &y_r))?;
    let (mut encoder_grad, mut grad) = (encoder.zeros_like(), module.zeros_like());
    let (dv_d, dv_r) = module.backward(&guesses, (&y_d, &y_r), R::of(1.0), &mut grad);
    encoder.backward(&tape, &concatenate![Axis(0), dv_d, dv_r], &mut encoder_grad);
    let mut answer = with_encoder(Answer::new().with_number("loss/loss", loss), &encoder_grad);
    let outputs = [
        ("dx2dx", &guesses.dd.z, &grad.dd),
        ("rx2dx", &guesses.rd.z, &grad.rd),
        ("dx2rx", &guesses.dr.z, &grad.dr),
        ("rx2rx", &guesses.rr.z, &grad.rr),
    ];
    for (i, (name, z, grad)) in outputs.into_iter().enumerate() {
        answer = answer.with(&format!("out/{name}"), &z.mapv(R::sigmoid));
        answer = with_linear(answer, &format!("grad_param/{}", head_key(i, 0)), &grad.w_1);
        answer = with_linear(answer, &format!("grad_param/{}", head_key(i, 2)), &grad.w_2);
    }
    with_embeddings(answer, &encoder, &halves)
}

fn head_key(i: usize, layer: usize) -> String {
    format!("cls.multi_cls.{i}.cls.{layer}")
}

/// The vectors of all codes, and the sums that the blocks begin with, padding included.
fn with_embeddings<R: Real>(
    answer: Answer<R>,
    encoder: &VisitEncoder<R>,
    halves: &[ArrayViewD<usize>; 2],
) -> Found<Answer<R>> {
    let mut tables = vec![];
    for ontology in &encoder.ontologies {
        tables.push(ontology.forward()?.0);
    }
    let codes = concatenate(Axis(0), &tables.iter().map(|table| table.view()).collect::<Vec<_>>())
        .expect("codes of one width");
    let mut answer = answer.with("act/ontology_codes", &codes);
    let all = Embedding { table: concatenate![Axis(0), encoder.special, codes] };
    for (half, key) in halves.iter().zip(["act/bert.embedding", "act/bert.embedding#1"]) {
        let ids: Vec<usize> = half.iter().copied().collect();
        let x = all.forward(&ids)? + encoder.kind.forward(&vec![0; ids.len()])?;
        let shape = [half.len_of(Axis(0)), half.len_of(Axis(1)), x.ncols()];
        answer = answer.with(key, &reshape::<R, Ix2, Ix3>(&x, &shape));
    }
    Ok(answer)
}
