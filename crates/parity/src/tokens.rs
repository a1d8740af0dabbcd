//! Records of whole models, up to the tokens that their first layer reads.

use mmt_blocks::{ClassToken, Linear};
use mmt_tensor::{Ragged, Real};
use mmt_tokenizers::audio::SpectrogramPatches;
use mmt_tokenizers::image::{Order, PatchEmbedding};
use mmt_tokenizers::video::{Tubelet, TubeletEmbedding};
use ndarray::{Array2, Array3, Array4, Array5, ArrayD, ArrayRef2, Axis, Ix2, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{reshape, transposed};

/// Images, patches and a class token: `hf_vit_*`.
pub fn vision<R: Real>(record: &Record) -> Found<Answer<R>> {
    let images: Array4<R> = record.real("in/pixel_values")?;
    let images = images.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    let prefix = "vit.embeddings.";
    let module = PatchEmbedding {
        project: projection(record, prefix)?,
        patch: record.size("patch_size")?,
        order: Order::Chw,
    };
    let (mut x, _) = module.forward(&images)?;
    let samples = images.dim().0;
    if record.has("in/bool_masked_pos") {
        let token: ArrayD<R> = record.real(&format!("param/{prefix}mask_token"))?;
        let hidden = hidden(record, x.nrows())?;
        let token: Array2<R> = reshape(&token, &[1, x.ncols()]);
        x.outer_iter_mut()
            .zip(&hidden)
            .filter(|(_, hidden)| **hidden)
            .for_each(|(mut row, _)| row.assign(&token.row(0)));
    }
    let tokens = with_class(record, prefix, &x, samples)?;
    if record.has("in/noise") {
        return kept_by_noise(record, &tokens);
    }
    let answer = Answer::new().with("act/hidden_states.0", &tokens);
    Ok(if record.has("act/embeddings") { answer.with("act/embeddings", &tokens) } else { answer })
}

/// `hf_vit_mae`: the patches with the smallest noise stay, in the order of their noise, behind the class token.
fn kept_by_noise<R: Real>(record: &Record, tokens: &Array3<R>) -> Found<Answer<R>> {
    let (samples, n) = (tokens.dim().0, tokens.dim().1 - 1);
    let noise: Array2<f64> = record.shaped("in/noise", &[samples, n])?;
    let kept = ((n as f64 * (1.0 - record.number("mask_ratio")?)) as usize).min(n);
    let (mut x, mut restore) =
        (Array3::zeros((samples, kept + 1, tokens.dim().2)), Array2::zeros((samples, n)));
    let mut mask = Array2::ones((samples, n));
    for (i, noise) in noise.outer_iter().enumerate() {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| noise[a].total_cmp(&noise[b]));
        x.slice_mut(s![i, 0, ..]).assign(&tokens.slice(s![i, 0, ..]));
        for (place, &patch) in order.iter().enumerate() {
            restore[(i, patch)] = R::of(place as f64);
            if place < kept {
                mask[(i, patch)] = R::of(0.0);
                x.slice_mut(s![i, place + 1, ..]).assign(&tokens.slice(s![i, patch + 1, ..]));
            }
        }
    }
    Ok((Answer::new().with("act/hidden_states.0", &x).with("out/mask", &mask))
        .with("out/ids_restore", &restore))
}

/// Videos, tubelets and a class token: `hf_vivit`.
pub fn vivit<R: Real>(record: &Record) -> Found<Answer<R>> {
    let [frames, patch, _] = record.sizes("tubelet_size", 1)?;
    let (x, samples) = tubelets(record, "embeddings.", Tubelet { frames, patch })?;
    let tokens = with_class(record, "embeddings.", &x, samples)?;
    Ok(Answer::new().with("act/hidden_states.0", &tokens))
}

/// Videos, tubelets, and only those that are not hidden: `hf_videomae`.
pub fn videomae<R: Real>(record: &Record) -> Found<Answer<R>> {
    let prefix = "videomae.embeddings.";
    let tubelet = Tubelet { frames: record.size("tubelet_size")?, patch: record.size("patch_size")? };
    let (x, samples) = tubelets::<R>(record, prefix, tubelet)?;
    let (n, d) = (x.nrows() / samples, x.ncols());
    let table: Array3<R> = record.shaped(&format!("buf/{prefix}position_embeddings"), &[1, n, d])?;
    let table: Array2<R> = reshape(&table, &[n, d]);
    let x = mmt_blocks::add_positions(&x, &table, &Ragged::even(samples, n))?;
    let hidden = hidden(record, x.nrows())?;
    let seen: Vec<usize> = (0..x.nrows()).filter(|&i| !hidden[i]).collect();
    if !seen.len().is_multiple_of(samples) {
        return Err(record.invalid(0, "samples with different numbers of hidden tokens".to_string()));
    }
    let seen_rows = x.select(Axis(0), &seen);
    let tokens: ArrayD<R> = reshape(&seen_rows, &[samples, seen.len() / samples, d]);
    Ok(Answer::new().with("act/hidden_states.0", &tokens))
}

/// Spectrograms, patches that overlap, and two tokens in front: `hf_ast`.
pub fn ast<R: Real>(record: &Record) -> Found<Answer<R>> {
    let spectrograms: Array3<R> = record.real("in/input_values")?;
    let patch = record.size("patch_size")?;
    let module = SpectrogramPatches {
        project: projection(record, "embeddings.")?,
        patch: [patch; 2],
        stride: [record.size("frequency_stride")?, record.size("time_stride")?],
    };
    let (x, _) = module.forward(&spectrograms)?;
    let (samples, d) = (spectrograms.dim().0, x.ncols());
    let rows = Ragged::even(samples, x.nrows() / samples);
    let position: Array3<R> =
        record.shaped("param/embeddings.position_embeddings", &[1, rows.length(0) + 2, d])?;
    let front: Vec<Array2<R>> = ["distillation_token", "cls_token"]
        .map(|name| {
            let token: ArrayD<R> = record.shaped(&format!("param/embeddings.{name}"), &[1, 1, d])?;
            Found::Ok(reshape(&token, &[1, d]))
        })
        .into_iter()
        .collect::<Found<_>>()?;
    // Positions are added once, with the second token.
    let second =
        ClassToken { class: front[0].row(0).to_owned(), position: Array2::zeros((rows.length(0) + 1, d)) };
    let x = second.forward(&x, &rows)?;
    let first = ClassToken {
        class: front[1].row(0).to_owned(),
        position: reshape(&position, &[rows.length(0) + 2, d]),
    };
    let x = first.forward(&x, &ClassToken::<R>::rows(&rows))?;
    let tokens: ArrayD<R> = reshape(&x, &[samples, rows.length(0) + 2, d]);
    Ok(Answer::new().with("act/hidden_states.0", &tokens))
}

/// The tokens of tubelets, and how many videos there are.
fn tubelets<R: Real>(record: &Record, prefix: &str, tubelet: Tubelet) -> Found<(Array2<R>, usize)> {
    let videos: Array5<R> = record.real("in/pixel_values")?;
    let videos = videos.view().permuted_axes([0, 1, 3, 4, 2]).as_standard_layout().into_owned();
    let module = TubeletEmbedding { project: projection(record, prefix)?, tubelet, order: Order::Chw };
    Ok((module.forward(&videos)?.0, videos.dim().0))
}

/// The kernel of a strided convolution as a linear map of patches.
fn projection<R: Real>(record: &Record, prefix: &str) -> Found<Linear<R>> {
    let kernel: ArrayD<R> = record.real(&format!("param/{prefix}patch_embeddings.projection.weight"))?;
    let out = kernel.shape().first().copied().unwrap_or(0).max(1);
    let rows: Array2<R> = reshape(&kernel, &[out, kernel.len() / out]);
    let bias = record.shaped(&format!("param/{prefix}patch_embeddings.projection.bias"), &[out])?;
    Ok(Linear { weight: transposed(&rows), bias: Some(bias) })
}

/// A class token in front of every sample, and positions: `[samples, n + 1, d]`
fn with_class<R: Real>(record: &Record, prefix: &str, x: &ArrayRef2<R>, samples: usize) -> Found<Array3<R>> {
    let (n, d) = (x.nrows() / samples, x.ncols());
    let class: Array3<R> = record.shaped(&format!("param/{prefix}cls_token"), &[1, 1, d])?;
    let position: Array3<R> = record.shaped(&format!("param/{prefix}position_embeddings"), &[1, n + 1, d])?;
    let class = ClassToken { class: reshape(&class, &[d]), position: reshape(&position, &[n + 1, d]) };
    let tokens = class.forward(x, &Ragged::even(samples, n))?;
    Ok(reshape(&tokens, &[samples, n + 1, d]))
}

/// Which tokens are hidden.
fn hidden(record: &Record, tokens: usize) -> Found<Vec<bool>> {
    let hidden = record.mask::<Ix2>("in/bool_masked_pos")?;
    if hidden.len() == tokens {
        return Ok(hidden.iter().copied().collect());
    }
    Err(record.invalid(0, "`in/bool_masked_pos` has not one entry per token".to_string()))
}
