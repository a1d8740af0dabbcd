//! A sound, its spectrogram, and the patches that become tokens.

use crate::svg::{Anchor, Svg};

/// A sound to look at.
#[derive(Clone, Debug)]
pub struct Spectrogram {
    /// The lowest and the highest sample of equal parts of the time, between -1 and 1.
    pub wave: Vec<[f64; 2]>,
    /// The spectrogram as the bytes of a PNG file, low bands at the bottom.
    pub picture: Vec<u8>,
    /// Frames and bands.
    pub size: [usize; 2],
    /// Of what is shown.
    pub seconds: f64,
    /// The highest frequency, in hertz.
    pub highest: f64,
    /// Frames and bands of a patch, and from one to the next.
    pub patch: [usize; 2],
    /// Patches from low to high bands and from early to late.
    pub grid: Option<[usize; 2]>,
}

/// Parts of the time that the wave is drawn with.
pub const PARTS: usize = 360;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 64.0;
const WAVE: f64 = 70.0;
const TOP: f64 = 28.0;
const HEIGHT: f64 = 256.0;

/// The wave, and below it the spectrogram with the first patches of the lowest bands and of the next.
pub fn spectrogram(sound: &Spectrogram) -> String {
    let [frames, bands] = sound.size;
    let tokens = sound.grid.map_or(0, |[high, wide]| high * wide);
    let title = format!("{tokens} tokens of a sound");
    let description = format!("{frames} frames of {bands} bands in {:.2} seconds", sound.seconds);
    let below = TOP + WAVE + 26.0;
    let mut svg = Svg::new(WIDTH, below + HEIGHT + 58.0, &title, &description).with_margin(20.0);
    svg.text("heading", (0.0, 16.0), Anchor::Start, &format!("{:.2} seconds of sound", sound.seconds));
    wave(&mut svg, &sound.wave);
    let heading = format!("{frames} frames, {bands} mel bands; quiet is dark, loud is bright");
    svg.text("heading", (0.0, below - 12.0), Anchor::Start, &heading);
    svg.image((LEFT, below), (WIDTH - LEFT, HEIGHT), &sound.picture, false);
    axes(&mut svg, sound, below);
    if let Some(grid) = sound.grid {
        windows(&mut svg, sound, grid, below);
    }
    svg.finish()
}

fn wave(svg: &mut Svg, parts: &[[f64; 2]]) {
    let loudest = parts.iter().flatten().fold(1e-9_f64, |m, x| m.max(x.abs()));
    let middle = TOP + WAVE / 2.0;
    let at = |i: usize, x: f64| {
        let x_of = LEFT + (i as f64 + 0.5) / parts.len() as f64 * (WIDTH - LEFT);
        (x_of, middle - x / loudest * WAVE * 0.47)
    };
    svg.line("grid", (LEFT, middle), (WIDTH, middle));
    let above = parts.iter().enumerate().map(|(i, part)| at(i, part[1]));
    let under = parts.iter().enumerate().rev().map(|(i, part)| at(i, part[0]));
    svg.polygon("wave", &above.chain(under).collect::<Vec<_>>());
}

/// Seconds below, hertz at the side.
fn axes(svg: &mut Svg, sound: &Spectrogram, top: f64) {
    let step =
        [0.1, 0.2, 0.5, 1.0, 2.0, 5.0].into_iter().find(|step| sound.seconds / step <= 12.0).unwrap_or(10.0);
    let mut tick = 0;
    while f64::from(tick) * step <= sound.seconds + 1e-9 {
        let seconds = f64::from(tick) * step;
        let x = LEFT + seconds / sound.seconds * (WIDTH - LEFT);
        svg.line("grid", (x, top + HEIGHT), (x, top + HEIGHT + 5.0));
        let anchor = if x > WIDTH - 12.0 { Anchor::End } else { Anchor::Middle };
        svg.text("tick", (x, top + HEIGHT + 19.0), anchor, &format!("{} s", (seconds * 10.0).round() / 10.0));
        tick += 1;
    }
    let mel = |hertz: f64| 1127.0 * mmt_tensor::Real::ln(1.0 + hertz / 700.0);
    let (low, high) = (mel(20.0), mel(sound.highest));
    for hertz in [100.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0] {
        if hertz < sound.highest * 0.95 {
            let y = top + HEIGHT * (1.0 - (mel(hertz) - low) / (high - low));
            svg.line("grid", (LEFT - 5.0, y), (LEFT, y));
            svg.text("tick", (LEFT - 9.0, y + 4.0), Anchor::End, &format!("{hertz} Hz"));
        }
    }
}

/// Tokens 0, 1 and those above them: neighbors share lines.
fn windows(svg: &mut Svg, sound: &Spectrogram, [high, wide]: [usize; 2], top: f64) {
    let [frames, bands] = sound.size;
    let [size, stride] = sound.patch;
    let pixel = ((WIDTH - LEFT) / frames as f64, HEIGHT / bands as f64);
    let shown = [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().filter(|&(i, j)| i < high && j < wide);
    for (i, j) in shown {
        let (x, y) =
            (LEFT + (j * stride) as f64 * pixel.0, top + HEIGHT - (i * stride + size) as f64 * pixel.1);
        let (width, height) = (size as f64 * pixel.0, size as f64 * pixel.1);
        for class in ["window under", "window"] {
            svg.rect(class, (x + 1.0, y + 1.0), (width - 2.0, height - 2.0), 2.0);
        }
        svg.text("on-picture", (x + 5.0, y + 14.0), Anchor::Start, &(i * wide + j).to_string());
    }
    let words = format!(
        "{} tokens: {high} x {wide} patches of {size} bands x {size} frames, {stride} apart, so that neighbors overlap",
        high * wide
    );
    svg.text("note", (LEFT, top + HEIGHT + 42.0), Anchor::Start, &words);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(grid: Option<[usize; 2]>) -> Spectrogram {
        Spectrogram {
            wave: vec![[-0.5, 0.5]; 4],
            picture: b"foo".to_vec(),
            size: [98, 64],
            seconds: 1.0,
            highest: 4000.0,
            patch: [16, 10],
            grid,
        }
    }

    #[test]
    fn patches_that_overlap_are_drawn_with_their_positions() {
        let svg = spectrogram(&sound(Some([5, 9])));
        assert_eq!(svg.matches("class=\"window\"").count(), 4);
        for token in [">0<", ">1<", ">9<", ">10<"] {
            assert!(svg.contains(token), "{token}");
        }
        assert!(svg.contains("45 tokens") && svg.contains("1000 Hz") && !svg.contains("8000 Hz"));
    }

    #[test]
    fn a_sound_too_short_for_a_patch_has_no_tokens() {
        assert!(!spectrogram(&sound(None)).contains("class=\"window"));
    }
}
