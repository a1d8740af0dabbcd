//! `mmt tokens --image` and `--wav`: patches of a picture and of a sound.

use std::path::Path;

use mmt_golden::file::FileError;
use mmt_lab::pictures::read_png;
use mmt_lab::sounds::read_wav;
use mmt_tensor::Random;
use mmt_tensor::ops::sum::sum;
use mmt_tokenizers::audio::{FrameConfig, LogMel, LogMelConfig, SpectrogramPatches};
use mmt_tokenizers::image::{Order, patchify};
use ndarray::{Array1, Array2, Axis, s};
use serde_json::json;

use crate::draw;
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Precision, Terminal};

/// Seconds of a sound that are shown.
const SECONDS: usize = 30;

/// Places of a drawing from left to right: each is two letters wide.
const WIDE: usize = 36;

/// Bands and frames of a patch of a spectrogram, and from one to the next, as in AST.
const PATCH: [usize; 2] = [16, 10];

fn invalid(error: &FileError) -> Failure {
    Failure::new(Code::InvalidData, error.to_string())
}

/// The patches of a picture: a drawing with a line between any two, and what every token holds.
pub fn image(path: &Path, patch: usize, terminal: &Terminal) -> Done {
    let pixels = read_png(path).map_err(|error| invalid(&error))?;
    let (rows, columns, channels) = pixels.dim();
    let tokens = patchify(&pixels.view().insert_axis(Axis(0)), patch, Order::Hwc)?;
    let gray = pixels.map_axis(Axis(2), |pixel| sum(&pixel.to_vec()) / channels as f64);
    terminal.start(terminal.precision(Precision::F64), "")?;
    let (high, wide) = (rows / patch, columns / patch);
    for line in grid(&gray, patch) {
        terminal.line(format_args!("  {}", line.trim_end()))?;
    }
    for (i, token) in tokens.outer_iter().enumerate() {
        let mean = sum(&token.to_vec()) / token.len() as f64;
        let fields = json!({ "position": i, "row": i / wide, "column": i % wide, "mean": mean });
        terminal.event("token", fields)?;
    }
    terminal.line("")?;
    terminal.line(format_args!(
        "{rows} x {columns} pixels, {channels} per place: {} tokens ({high} x {wide}) of {} numbers",
        tokens.nrows(),
        tokens.ncols()
    ))?;
    Ok(Code::Ok)
}

/// The patches of a gray picture in ink, with lines between them, or nothing if they are too many.
fn grid(gray: &Array2<f64>, patch: usize) -> Vec<String> {
    let (high, wide) = (gray.nrows() / patch, gray.ncols() / patch);
    if wide > WIDE || high > 2 * WIDE {
        return vec![format!("{high} x {wide} patches are too many to draw")];
    }
    let side = (WIDE / wide).clamp(1, patch);
    let between = vec!["──".repeat(side); wide].join("┼");
    let mut lines = Vec::new();
    for (row, band) in gray.axis_chunks_iter(Axis(0), patch).enumerate() {
        if row > 0 {
            lines.push(between.clone());
        }
        let blocks: Vec<Vec<String>> = (band.axis_chunks_iter(Axis(1), patch))
            .map(|piece| draw::picture(side, side, |y, x| ink(1.0 - mean(&piece.to_owned(), side, (y, x)))))
            .collect();
        lines.extend(draw::beside(&blocks, "│"));
    }
    lines
}

/// The mean of one of `side x side` parts of a picture.
fn mean(piece: &Array2<f64>, side: usize, (y, x): (usize, usize)) -> f64 {
    let part = |i: usize, size: usize| i * size / side..((i + 1) * size / side).max(i * size / side + 1);
    let part = piece.slice(s![part(y, piece.nrows()), part(x, piece.ncols())]);
    sum(&part.iter().copied().collect::<Vec<f64>>()) / part.len() as f64
}

/// From 0 to 16.
fn ink(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 16.0).round() as u8
}

/// The spectrogram of a sound, and the patches that AST makes of one.
pub fn sound(path: &Path, terminal: &Terminal) -> Done {
    let sound = read_wav(path).map_err(|error| invalid(&error))?;
    let (samples, channels) = sound.samples.dim();
    let config = spectrogram(f64::from(sound.rate));
    let mono: Array1<f64> = sound.mono();
    let shown = samples.min((sound.rate as usize).saturating_mul(SECONDS));
    let (l, _) = LogMel::<f64>::new(config)?.forward(&mono.slice(s![..shown]))?;
    let (frames, bands) = l.dim();
    terminal.start(terminal.precision(Precision::F64), "")?;
    for line in drawing(&l) {
        terminal.line(format_args!("  {}", line.trim_end()))?;
    }
    let [seconds, of] = [shown, samples].map(|n| n as f64 / f64::from(sound.rate));
    let fields = json!({ "rate": sound.rate, "channels": channels, "samples": samples, "frames": frames,
        "bands": bands });
    terminal.event("spectrogram", fields)?;
    terminal.line("")?;
    terminal.line(format_args!(
        "{seconds:.2} of {of:.2} s at {} Hz, channels: {channels}, {frames} frames of {} samples, {bands} bands from 20 to {} Hz",
        sound.rate, config.frames.frame, config.range[1]
    ))?;
    let [size, stride] = PATCH;
    if frames < size {
        terminal.line(format_args!("no token: a patch has {size} frames"))?;
        return Ok(Code::Ok);
    }
    let patches = SpectrogramPatches::<f64>::new([size; 2], [stride; 2], 1, &mut Random::seed(0));
    let (tokens, _) = patches.forward(&l.view().insert_axis(Axis(0)))?;
    let [high, wide] = [bands, frames].map(|n| (n - size) / stride + 1);
    terminal
        .event("tokens", json!({ "tokens": tokens.nrows(), "grid": [high, wide], "numbers": size * size }))?;
    terminal.line(format_args!(
        "{} tokens ({high} x {wide}) of {} numbers: patches of {size} x {size}, {stride} apart, low bands first",
        tokens.nrows(),
        size * size
    ))?;
    Ok(Code::Ok)
}

/// Frames of 25 ms every 10 ms and 64 bands up to half the rate; otherwise as in AST.
fn spectrogram(rate: f64) -> LogMelConfig {
    let ast = LogMelConfig::ast();
    let frame = ((0.025 * rate).round() as usize).max(2);
    let frames = FrameConfig { frame, hop: ((0.01 * rate).round() as usize).max(1), ..ast.frames };
    LogMelConfig {
        rate,
        frames,
        transform: frame.next_power_of_two(),
        mels: 64,
        range: [20.0, rate / 2.0],
        ..ast
    }
}

/// Time from left to right, low bands at the bottom, loud places dark.
fn drawing(l: &Array2<f64>) -> Vec<String> {
    let (low, high) = l.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let (rows, columns) = (16, WIDE.min(l.nrows()));
    let part = |i: usize, parts: usize, size: usize| {
        i * size / parts..((i + 1) * size / parts).max(i * size / parts + 1)
    };
    draw::picture(rows, columns, |y, x| {
        let (time, bands) = (part(x, columns, l.nrows()), part(rows - 1 - y, rows, l.ncols()));
        let loud: Vec<f64> = l.slice(s![time, bands]).iter().copied().collect();
        let loud = sum(&loud) / loud.len() as f64;
        ink(if high > low { (loud - low) / (high - low) } else { 0.0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_stand_between_lines() {
        let gray = Array2::from_shape_fn((4, 4), |(y, x)| if y < 2 && x < 2 { 0.0 } else { 1.0 });
        let lines = grid(&gray, 2);
        assert_eq!(lines, ["████│    ", "████│    ", "────┼────", "    │    ", "    │    "]);
        let many = Array2::zeros((1, 100));
        assert_eq!(grid(&many, 1), ["1 x 100 patches are too many to draw"]);
    }

    #[test]
    fn a_loud_low_band_is_dark_at_the_bottom() {
        let l = Array2::from_shape_fn((3, 64), |(_, band)| if band < 4 { 1.0 } else { 0.0 });
        let lines = drawing(&l);
        assert_eq!((lines.len(), lines[15].as_str(), lines[0].as_str()), (16, "██████", "      "));
    }

    #[test]
    fn every_rate_has_a_spectrogram() {
        for rate in [8000.0, 16_000.0, 22_050.0, 44_100.0, 48_000.0] {
            assert!(LogMel::<f64>::new(spectrogram(rate)).is_ok(), "{rate}");
        }
    }
}
