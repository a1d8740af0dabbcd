//! The margins of all bugs as a picture.

use std::fmt::Write;

use super::Matrix;

/// Height of a row, left edge of the dots, width of a decade.
const ROW: f64 = 13.0;
const LEFT: f64 = 230.0;
const DECADE: f64 = 55.0;
/// Powers of ten to the right of 1; what is larger, or no number, stands at the edge.
const DECADES: f64 = 8.0;

const COLORS: [(&str, &str); 3] = [("f32", "#1b6ca8"), ("bf16", "#d9822b"), ("f16", "#5b9a3c")];

/// A dot for every bug and profile, on a logarithmic axis: the line is where a bug begins to be caught.
pub fn figure(m: &Matrix) -> String {
    let mut ids: Vec<&str> = Vec::new();
    for row in &m.killed {
        if !ids.contains(&row.bug.id) {
            ids.push(row.bug.id);
        }
    }
    let (width, height) = (LEFT + DECADE * (DECADES + 2.0), ROW * (ids.len() as f64 + 4.0));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"10\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    axis(&mut svg, height);
    for (i, id) in ids.iter().enumerate() {
        let y = ROW * (i as f64 + 3.0);
        let _ =
            writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{id}</text>", LEFT - 65.0, y + 3.0);
        for (profile, color) in COLORS {
            let found = m.killed.iter().find(|row| row.bug.id == *id && row.profile == profile);
            if let Some(row) = found {
                let x = place(row.margin);
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"3\" fill=\"{color}\" fill-opacity=\"0.8\"/>"
                );
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn place(margin: f64) -> f64 {
    // Half a digit is enough for the eye, and the same on every processor.
    let digits = if margin.is_finite() { decimal_digits(margin) } else { DECADES + 0.6 };
    LEFT + DECADE * digits.clamp(-1.0, DECADES + 0.6)
}

/// The logarithm to base ten, from the digits of the number.
fn decimal_digits(x: f64) -> f64 {
    crate::elementary::ln(x.max(0.1)) / std::f64::consts::LN_10
}

fn axis(svg: &mut String, height: f64) {
    for power in -1..=DECADES as i32 {
        let x = LEFT + DECADE * f64::from(power);
        let color = if power == 0 { "#c0392b" } else { "#dddddd" };
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{height}\" stroke=\"{color}\"/>\n<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">1e{power}</text>",
            ROW * 1.8,
            ROW * 1.5,
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">NaN</text>",
        LEFT + DECADE * (DECADES + 0.6),
        ROW * 1.5
    );
    for (i, (profile, color)) in COLORS.iter().enumerate() {
        let x = 10.0 + 50.0 * i as f64;
        let _ = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"{ROW}\" r=\"4\" fill=\"{color}\"/><text x=\"{}\" y=\"{}\">{profile}</text>",
            x + 8.0,
            ROW + 4.0
        );
    }
}
