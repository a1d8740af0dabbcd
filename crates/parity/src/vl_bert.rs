//! The record of VL-BERT: its four embeddings, up to what the first layer reads.

use mmt_blocks::Embedding;
use mmt_tensor::Real;
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::vl_bert::{EndFeature, FourEmbeddings, VlBertInput};
use ndarray::{Array2, Array3, ArrayRef2, Axis, Ix2, concatenate, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::layer_norm;
use super::ops::unsupported;

/// What a sample of the record holds: its text, and looks and words of its regions side by side.
struct Sample<R> {
    input: VlBertInput,
    text: Array2<R>,
    regions: Array2<R>,
}

/// `ext_vlbert_pretraining`
pub fn embeddings<R: Real>(record: &Record) -> Found<Answer<R>> {
    let d = record.size("hidden_size")?;
    if !record.flag("visual_ln") || record.size("visual_size")? != d {
        return unsupported("looks without a norm, or of another width");
    }
    let module = module(record, d)?;
    let (samples, width) = samples(record, d)?;
    let mut embedding = Array3::zeros((samples.len(), width, d));
    for (b, sample) in samples.iter().enumerate() {
        let x = tokens(&module, sample)?;
        embedding.slice_mut(s![b, ..x.nrows(), ..]).assign(&x);
        if x.nrows() < width {
            embedding.slice_mut(s![b, x.nrows().., ..]).assign(&padding(&module, x.nrows()..width)?);
        }
    }
    Ok(Answer::new().with("act/embedding", &embedding))
}

fn module<R: Real>(record: &Record, d: usize) -> Found<FourEmbeddings<R>> {
    let table = |name: &str| -> Found<Embedding<R>> {
        Ok(Embedding { table: record.real::<R, Ix2>(&format!("param/{name}.weight"))? })
    };
    let norm = |name: &str| layer_norm(record, &format!("param/{name}"), d, 1e-12);
    let end: Array2<R> = record.shaped("param/end_embedding.weight", &[1, d])?;
    Ok(FourEmbeddings {
        word: table("word_embeddings")?,
        mark: Embedding { table: concatenate![Axis(0), end, end] },
        segment: table("token_type_embeddings")?,
        position: table("position_embeddings")?,
        norm_text: norm("visual_ln_text")?,
        norm_region: norm("visual_ln_object")?,
        sum: EmbeddingSum { norm: norm("embedding_LayerNorm")? },
        end: EndFeature::None,
    })
}

/// The samples without their padding, and how many tokens the longest may have.
fn samples<R: Real>(record: &Record, d: usize) -> Found<(Vec<Sample<R>>, usize)> {
    let (words, regions) = (record.mask::<Ix2>("in/text_mask")?, record.mask::<Ix2>("in/object_mask")?);
    let (ids, segments) = (record.ids("in/text_input_ids")?, record.ids("in/text_token_type_ids")?);
    let text: Array3<R> = record.shaped("in/text_visual_embeddings", &[words.nrows(), words.ncols(), d])?;
    let shape = [words.nrows(), regions.ncols(), 2 * d];
    let objects: Array3<R> = record.shaped("in/object_vl_embeddings", &shape)?;
    if [ids.shape(), segments.shape()] != [words.shape(); 2] || regions.nrows() != words.nrows() {
        return Err(record.invalid(0, "texts and masks differ in number".to_string()));
    }
    let kept = |mask: &Array2<bool>, b: usize| -> Vec<usize> {
        (0..mask.ncols()).filter(|&i| mask[(b, i)]).collect()
    };
    let sample = |b: usize| {
        let (t, k) = (kept(&words, b), kept(&regions, b));
        let of = |list: &ndarray::ArrayD<usize>| t.iter().map(|&i| list[[b, i]]).collect();
        Sample {
            input: VlBertInput { ids: of(&ids), segments: of(&segments), regions: 1 },
            text: text.index_axis(Axis(0), b).select(Axis(0), &t),
            regions: objects.index_axis(Axis(0), b).select(Axis(0), &k),
        }
    };
    let samples: Vec<Sample<R>> = (0..words.nrows()).map(sample).collect();
    let longest = samples.iter().map(|sample| sample.text.nrows() + sample.regions.nrows() + 1).max();
    Ok((samples, longest.unwrap_or(0)))
}

/// Text, regions and `[END]`. The library takes a word for every region, where `[IMG]` is one word for all: so each region comes
/// alone, with its word as `[IMG]`.
fn tokens<R: Real>(module: &FourEmbeddings<R>, sample: &Sample<R>) -> Found<Array2<R>> {
    let Sample { input, text, regions } = sample;
    let (t, d) = (input.ids.len(), text.ncols());
    let mut x = Array2::zeros((t + regions.nrows() + 1, d));
    for (r, region) in regions.rows().into_iter().enumerate() {
        let mut module = module.clone();
        module.mark.table.row_mut(0).assign(&region.slice(s![d..]));
        let looks: &ArrayRef2<R> = &regions.slice(s![r..=r, ..d]);
        let (y, _) = module.forward(text, looks, std::slice::from_ref(input))?;
        x.slice_mut(s![..t, ..]).assign(&y.slice(s![..t, ..]));
        x.row_mut(t + r).assign(&y.row(t));
        x.row_mut(t + regions.nrows()).assign(&y.row(t + 1));
    }
    Ok(x)
}

/// What the library has where a sample has no token: segment A and a position, normalized.
fn padding<R: Real>(module: &FourEmbeddings<R>, places: std::ops::Range<usize>) -> Found<Array2<R>> {
    let segment = module.segment.forward(&vec![0; places.len()])?;
    let position = module.position.forward(&places.collect::<Vec<_>>())?;
    Ok(module.sum.forward(&[&segment, &position])?.0)
}
