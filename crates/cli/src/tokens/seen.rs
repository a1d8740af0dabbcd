//! `mmt tokens --image` and `--wav`: patches of a picture and of a sound.

use std::path::Path;

use mmt_lab::tokens::{ImageTokens, SoundTokens};
use mmt_report::figures::patches::{Patches, STRIP, patches};
use mmt_report::figures::spectrogram::{PARTS, Spectrogram, spectrogram};
use ndarray::{Array2, Axis};
use serde_json::json;

use super::save;
use crate::draw;
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Precision, Terminal};

/// Places of a drawing from left to right: each is two letters wide.
pub(super) const WIDE: usize = 36;

/// Pixels of the picture in a drawing, at most, along each side.
pub(super) const LONGEST: usize = 640;

/// The patches of a picture: a drawing with a line between any two, and what every token holds.
pub fn image(path: &Path, (patch, crop): (usize, bool), svg: bool, terminal: &Terminal) -> Done {
    let tokens = ImageTokens::read(path, patch, crop).map_err(|error| {
        let does_not_tile = error.why.starts_with("patch: size");
        let failure = Failure::from(error);
        if does_not_tile { failure.hint("--crop leaves out what does not fill a patch") } else { failure }
    })?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    let ([rows, columns], [high, wide]) = (tokens.size, tokens.grid());
    for line in grid(&tokens) {
        terminal.line(format_args!("  {}", line.trim_end()))?;
    }
    for (i, mean) in tokens.means.iter().enumerate() {
        let fields = json!({ "position": i, "row": i / wide, "column": i % wide, "mean": mean });
        terminal.event("token", fields)?;
    }
    terminal.line("")?;
    terminal.line(format_args!(
        "{rows} x {columns} pixels, {} per place: {} tokens ({high} x {wide}) of {} numbers",
        tokens.channels,
        tokens.means.len(),
        tokens.numbers
    ))?;
    if svg {
        let all = tokens.means.len();
        // Evenly from all of them: the first ones of a photograph are sky.
        let some = (0..all.min(STRIP)).map(|i| if all <= STRIP { i } else { i * (all - 1) / (STRIP - 1) });
        let some = some.map(|token| (token, tokens.token_png(token))).collect();
        let picture = tokens.small_png(LONGEST).0;
        let cut = Patches { picture, size: tokens.size, channels: tokens.channels, patch, some };
        save("image", &patches(&cut), terminal)?;
    }
    Ok(Code::Ok)
}

/// The patches of a picture in ink, with lines between them if there is room for them.
fn grid(tokens: &ImageTokens) -> Vec<String> {
    let [high, wide] = tokens.grid();
    if wide > WIDE || high > 2 * WIDE {
        let [rows, columns] = fitting(tokens.size);
        let gray = tokens.gray(rows, columns);
        let drawn = draw::picture(rows, columns, |y, x| ink(1.0 - gray[(y, x)]));
        return drawn.into_iter().chain([format!("(without lines: {high} x {wide} patches)")]).collect();
    }
    let side = (WIDE / wide).clamp(1, tokens.patch);
    between_lines(&tokens.gray(high * side, wide * side), side)
}

/// Rows and columns of a drawing of a picture in its proportions, at most [`WIDE`] wide and twice as high.
pub(super) fn fitting([rows, columns]: [usize; 2]) -> [usize; 2] {
    let most = (WIDE as f64 / columns as f64).min(2.0 * WIDE as f64 / rows as f64);
    [rows, columns].map(|size| ((size as f64 * most).round() as usize).max(1))
}

/// A gray picture whose patches have `side` rows and columns.
fn between_lines(gray: &Array2<f64>, side: usize) -> Vec<String> {
    let between = vec!["──".repeat(side); gray.ncols() / side].join("┼");
    let mut lines = Vec::new();
    for (row, band) in gray.axis_chunks_iter(Axis(0), side).enumerate() {
        if row > 0 {
            lines.push(between.clone());
        }
        let blocks: Vec<Vec<String>> = (band.axis_chunks_iter(Axis(1), side))
            .map(|piece| draw::picture(side, side, |y, x| ink(1.0 - piece[(y, x)])))
            .collect();
        lines.extend(draw::beside(&blocks, "│"));
    }
    lines
}

/// From 0 to 16.
pub(super) fn ink(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 16.0).round() as u8
}

/// The spectrogram of a sound, and the patches that AST makes of one.
pub fn sound(path: &Path, svg: bool, terminal: &Terminal) -> Done {
    let sound = SoundTokens::read(path)?;
    let (frames, bands) = sound.spectrogram.dim();
    terminal.start(terminal.precision(Precision::F64), "")?;
    let loud = sound.loudness(16, WIDE.min(frames));
    for line in draw::picture(loud.nrows(), loud.ncols(), |y, x| ink(loud[(y, x)])) {
        terminal.line(format_args!("  {}", line.trim_end()))?;
    }
    let [seconds, of] = [sound.shown, sound.samples].map(|n| n as f64 / f64::from(sound.rate));
    let highest = f64::from(sound.rate) / 2.0;
    let fields = json!({ "rate": sound.rate, "channels": sound.channels, "samples": sound.samples,
        "frames": frames, "bands": bands });
    terminal.event("spectrogram", fields)?;
    terminal.line("")?;
    terminal.line(format_args!(
        "{seconds:.2} of {of:.2} s at {} Hz, channels: {}, {frames} frames of {} samples, {bands} bands from 20 to {highest} Hz",
        sound.rate, sound.channels, sound.frame[0]
    ))?;
    tokens_of_sound(&sound, terminal)?;
    if svg {
        let drawn = Spectrogram {
            wave: sound.wave(PARTS),
            picture: sound.png(),
            size: [frames, bands],
            seconds,
            highest,
            patch: SoundTokens::PATCH,
            grid: sound.grid,
        };
        save("sound", &spectrogram(&drawn), terminal)?;
    }
    Ok(Code::Ok)
}

fn tokens_of_sound(sound: &SoundTokens, terminal: &Terminal) -> Done {
    let [size, stride] = SoundTokens::PATCH;
    let Some([high, wide]) = sound.grid else {
        terminal.line(format_args!("no token: a patch has {size} frames"))?;
        return Ok(Code::Ok);
    };
    let numbers = size * size;
    terminal.event("tokens", json!({ "tokens": high * wide, "grid": [high, wide], "numbers": numbers }))?;
    terminal.line(format_args!(
        "{} tokens ({high} x {wide}) of {numbers} numbers: patches of {size} x {size}, {stride} apart, low bands first",
        high * wide
    ))?;
    Ok(Code::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_stand_between_lines() {
        let gray = Array2::from_shape_fn((4, 4), |(y, x)| if y < 2 && x < 2 { 0.0 } else { 1.0 });
        let lines = between_lines(&gray, 2);
        assert_eq!(lines, ["████│    ", "████│    ", "────┼────", "    │    ", "    │    "]);
    }
}
