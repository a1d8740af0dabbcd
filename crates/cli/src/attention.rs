//! What the words of a question look at, as drawings.

use mmt_lab::evaluate::columns;
use mmt_lab::net::looks::Look;
use mmt_report::figures::attention::{self, attention};
use mmt_report::figures::picture::Picture;
use mmt_report::figures::words::{Matrix, words};

/// The picture once for each head, with what the first word looks at, in one drawing.
pub fn heads(picture: &[Vec<f64>], look: &Look, title: &str) -> String {
    let class = match Look::places(&look.queries, "text").first() {
        Some(text) if look.sees("text", "image") => text.start,
        _ => return String::new(),
    };
    let weights = |p: &ndarray::Array2<f64>| -> Vec<Vec<f64>> {
        let row = look.weights(p, class, "image");
        row.chunks(columns(row.len())).map(<[f64]>::to_vec).collect()
    };
    let all: Vec<Vec<Vec<f64>>> = look.heads.iter().map(weights).collect();
    let brightest = all.iter().flatten().flatten().fold(1e-9, |m: f64, &w| m.max(w));
    let picture = Picture { rows: picture.to_vec() };
    let panels: Vec<String> = all
        .into_iter()
        .enumerate()
        .map(|(i, weights)| {
            let words = look.weights(&look.heads[i], class, "text").iter().fold(0.0, |sum, w| sum + w);
            let look = attention::Look {
                question: format!("head {}", i + 1),
                answer: String::new(),
                right: true,
                weights,
                words: vec![("all".to_string(), words)],
            };
            attention(&picture, &look, brightest)
        })
        .collect();
    mmt_report::svg::side_by_side(&panels, 2, title)
}

/// The words over the patches: the mean of the heads.
pub fn matrix(sentence: &[String], look: &Look, title: &str) -> String {
    let text = match Look::places(&look.queries, "text").first() {
        Some(text) if look.sees("text", "image") => text.clone(),
        _ => return String::new(),
    };
    let mean = look.mean();
    let weights: Vec<Vec<f64>> = text.map(|query| look.weights(&mean, query, "image")).collect();
    let patches = weights.first().map_or(0, Vec::len);
    let across = columns(patches);
    let patch = |i: usize| format!("{},{}", i / across + 1, i % across + 1);
    let matrix = Matrix {
        name: title.to_string(),
        rows: sentence.to_vec(),
        columns: (0..patches).map(patch).collect(),
        weights,
    };
    words(&matrix, title, "Weights of every word over the patches of the picture.")
}
