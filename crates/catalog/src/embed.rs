//! Ids, places and segments to vectors.

use mmt_blocks::{Embedding, LearnedPositions, SinusoidalKind, sinusoidal};
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::ops::{lookup, lookup_backward};
use mmt_tensor::{Random, Real, Result, Tree};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::ehr::{PatientEmbedding, PatientInput};
use mmt_tokenizers::text::{TextEmbedding, TextInput};
use ndarray::{Array2, Axis};
use serde_json::{Value, json};

use crate::shapes::{keep_moments, rows_of, samples};

pub const OPS: &[Op] = &[
    op!(embedding),
    op!(learned_position),
    op!(sinusoid),
    op!(embedding_sum),
    op!(text_embedding),
    op!(patient_embedding),
    op!(code_sum),
];

/// Rows of a table; the gradient of the padding row is left out.
fn embedding<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, words, d] = run.sizes(["batch", "n", "words", "d"]);
    let padding = run.setting("padding").as_u64().map(|id| id as usize);
    // A few ids only, so that some repeat and some rows are never used.
    let ids = run.ids("ids", &[b, n], words.min(n));
    let module = run.module("", Embedding::new(words, d, 1.0, &mut Random::seed(0)));
    let y = lookup(&module.table, &ids, padding)?;
    run.keep_as("out/y", &y, &[b, n, d]);
    let dy = run.cot("y", (b, n, d));
    let mut grad = module.zeros_like();
    lookup_backward(&ids, padding, &rows_of(&dy), &mut grad.table);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// A learned vector for every place.
fn learned_position<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, longest, d] = run.sizes(["batch", "n", "longest", "d"]);
    let x = run.input("x", (b, n, d), 1.0);
    let module = run.module("", LearnedPositions::new(longest, d, 1.0, &mut Random::seed(0)));
    let y = module.forward(&rows_of(&x), &samples(b, n))?;
    run.keep_as("out/y", &y, &[b, n, d]);
    let dy = run.cot("y", (b, n, d));
    let mut grad = module.zeros_like();
    let dx = module.backward(&rows_of(&dy), &samples(b, n), &mut grad);
    run.keep_as("grad_in/x", &dx, &[b, n, d]);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Sines and cosines of every place, added.
fn sinusoid<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, d] = run.sizes(["batch", "n", "d"]);
    let kind = match run.word("kind") {
        "interleaved" => SinusoidalKind::Interleaved,
        "t2t_concat" => SinusoidalKind::T2tConcat,
        other => panic!("no table `{other}`"),
    };
    let x = run.input("x", (b, n, d), 1.0);
    let table: Array2<R> = sinusoidal(n, d, kind)?;
    let y = rows_of(&x) + table.select(Axis(0), &(0..b * n).map(|i| i % n).collect::<Vec<_>>());
    run.keep_as("out/y", &y, &[b, n, d]);
    let dy = run.cot("y", (b, n, d));
    run.keep("grad_in/x", &dy);
    Ok(())
}

/// The norm of a sum of three embeddings.
fn embedding_sum<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d] = run.sizes(["n", "d"]);
    let summands = ["a", "b", "c"].map(|name| run.input(name, (n, d), 1.0));
    let module = run.module("", EmbeddingSum::new(d, run.real("eps")));
    let list: Vec<_> = summands.iter().map(|e| &**e).collect();
    let (x, tape) = module.forward(&list)?;
    keep_moments(run, "", &tape.norm.moments, &[n]);
    run.keep("out/x", &x);
    let dx = run.cot("x", (n, d));
    let mut grad = module.zeros_like();
    let de = module.backward(&tape, &dx, &mut grad);
    for name in ["a", "b", "c"] {
        run.keep(&format!("grad_in/{name}"), &de);
    }
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Words, places and segments.
fn text_embedding<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, words, d] = run.sizes(["batch", "n", "words", "d"]);
    let ids = run.ids("ids", &[b, n], words);
    let segments = run.ids("segments", &[b, n], 2);
    let text = |(ids, segments): (&[usize], &[usize])| TextInput {
        ids: ids.to_vec(),
        segments: segments.to_vec(),
        keep: vec![true; n],
    };
    let texts: Vec<TextInput> = ids.chunks(n).zip(segments.chunks(n)).map(text).collect();
    let module = run.module("", TextEmbedding::new(words, n + 2, d, run.real("eps"), &mut Random::seed(0)));
    let (x, tape) = module.forward(&texts)?;
    keep_moments(run, "", &tape.sum.norm.moments, &[b, n]);
    run.keep_as("out/x", &x, &[b, n, d]);
    let dx = run.cot("x", (b, n, d));
    let mut grad = module.zeros_like();
    module.backward(&tape, &rows_of(&dx), &mut grad);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Codes, visits and places of a patient.
fn patient_embedding<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, codes, d] = run.sizes(["n", "codes", "d"]);
    let list = run.ids("codes", &[n], codes);
    let visits: Vec<usize> = (0..n).map(|i| i / 3).collect();
    let places: Vec<usize> = (0..n).map(|i| i % 3).collect();
    for (name, list) in [("in/visits", &visits), ("in/places", &places)] {
        run.whole_numbers(name, &[n], &list.iter().map(|&i| i as i64).collect::<Vec<_>>());
    }
    let mut module = PatientEmbedding::new(codes, n.div_ceil(3) + 1, 4, d, &mut Random::seed(0));
    module.sum = EmbeddingSum::new(d, run.real("eps"));
    let module = run.module("", module);
    let (x, tape) = module.forward(&[PatientInput { codes: list, visits, places }])?;
    keep_moments(run, "", &tape.sum.norm.moments, &[n]);
    run.keep("out/x", &x);
    let dx = run.cot("x", (n, d));
    let mut grad = module.zeros_like();
    module.backward(&tape, &dx, &mut grad);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// The codes of a visit, added up: code 0 is padding and does not count.
fn code_sum<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, v, c, codes, d] = run.sizes(["batch", "visits", "codes", "words", "d"]);
    let ids = run.ids("codes", &[b, v, c], codes);
    let module = run.module("", Embedding::new(codes, d, 1.0, &mut Random::seed(0)));
    let rows = lookup(&module.table, &ids, Some(0))?;
    let dy = run.cot("y", (b, v, d));
    let (dy, mut y, mut drows) = (rows_of(&dy), Array2::zeros((b * v, d)), rows.clone());
    for (i, &id) in ids.iter().enumerate() {
        if id != 0 {
            let mut visit = y.row_mut(i / c);
            visit += &rows.row(i);
        }
        drows.row_mut(i).assign(&dy.row(i / c));
    }
    run.keep_as("out/y", &y, &[b, v, d]);
    let mut grad = module.zeros_like();
    lookup_backward(&ids, Some(0), &drows, &mut grad.table);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, op, equation, config: Value, sizes: &[(&'static str, usize)]| {
        Row::new(format!("embed.{name}"), op, equation, config).sizes(sizes)
    };
    let words = |name: &str, padding: Value, b, n, words, d| {
        let sizes = [("batch", b), ("n", n), ("words", words), ("d", d)];
        row(name, "embedding", "eq-0.9-embedding", json!({"padding": padding}), &sizes)
            .regimes(&["sparsegrad"])
    };
    let sines = |name: &str, kind: &str, b, n, d| {
        let sizes = [("batch", b), ("n", n), ("d", d)];
        row(name, "sinusoid", "eq-1.21-sinusoidal", json!({"kind": kind}), &sizes)
    };
    let sum = |name: &str, n, d| {
        row(name, "embedding_sum", "eq-2.15-embedding-sum", json!({"eps": 1e-5}), &[("n", n), ("d", d)])
    };
    let text = |name: &str, b, n, words, d| {
        let sizes = [("batch", b), ("n", n), ("words", words), ("d", d)];
        row(name, "text_embedding", "eq-1.28-bert-embedding", json!({"eps": 1e-5}), &sizes)
    };
    let place = |name: &str, b, n, longest, d| {
        let sizes = [("batch", b), ("n", n), ("longest", longest), ("d", d)];
        row(name, "learned_position", "eq-1.26-vit", json!({}), &sizes).regimes(&["normal", "sparsegrad"])
    };
    let sizes = [("batch", 2), ("visits", 3), ("codes", 4), ("words", 9), ("d", 8)];
    let visits =
        row("visit.codes", "code_sum", "eq-0.9-embedding", json!({}), &sizes).regimes(&["sparsegrad"]);
    vec![
        words("word.repeated", json!(null), 2, 7, 12, 8).smoke(),
        words("word.padding", json!(0), 3, 5, 12, 8),
        words("word.odd", json!(null), 1, 33, 65, 9),
        place("position.learned", 2, 5, 9, 8),
        place("position.odd", 1, 17, 17, 15).note("a table that is used to its end"),
        sines("sinusoid.interleaved", "interleaved", 2, 9, 8),
        sines("sinusoid.t2t_concat", "t2t_concat", 2, 9, 8),
        sines("sinusoid.odd", "interleaved", 3, 5, 18).regimes(&["normal", "odd"]),
        sum("sum.normal", 7, 8),
        sum("sum.odd", 17, 33).regimes(&["normal", "odd"]),
        text("text.normal", 2, 7, 16, 8),
        text("text.odd", 1, 33, 31, 15).regimes(&["normal", "odd"]),
        visits,
        row(
            "patient.normal",
            "patient_embedding",
            "eq-2.14-patient-embedding",
            json!({"eps": 1e-5}),
            &[("n", 8), ("codes", 12), ("d", 8)],
        ),
        row(
            "patient.odd",
            "patient_embedding",
            "eq-2.14-patient-embedding",
            json!({"eps": 1e-5}),
            &[("n", 17), ("codes", 9), ("d", 15)],
        )
        .regimes(&["normal", "odd"]),
    ]
}
