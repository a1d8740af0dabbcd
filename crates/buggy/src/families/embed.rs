//! Tables, positions and sums of embeddings.

use crate::nodes::NOTHING;
use crate::{Array, Bug, Run, Tape, Var, elementary};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    match op {
        "embedding" => lookup(run)?,
        "learned_position" => learned_position(run)?,
        "sinusoid" => sinusoid(run)?,
        "embedding_sum" => {
            let [a, b, c] = [run.input("a")?, run.input("b")?, run.input("c")?];
            let x = run.tape.kept_sum(a, b);
            let x = run.tape.kept_sum(x, c);
            normed(run, x, "norm")?;
        }
        "text_embedding" => text_embedding(run)?,
        "patient_embedding" => patient_embedding(run)?,
        "code_sum" => code_sum(run)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Rows of a table, one for each id; an id that is `hidden` reads its row and has no gradient.
fn rows(t: &mut Tape, table: Var, shape: &[usize], ids: &[i64], hidden: Option<i64>) -> Result<Var, String> {
    let [count, d] = t.shape(table)[..] else { return Err("a table has two axes".to_string()) };
    let mut index = Vec::new();
    for &id in ids {
        let row = usize::try_from(id).ok().filter(|row| *row < count);
        let row = row.ok_or_else(|| format!("id {id} in a table of {count} rows"))?;
        index.extend((0..d).map(|c| row * d + c));
    }
    let shape: Vec<usize> = shape.iter().copied().chain([d]).collect();
    let overwrites = t.has(Bug::BwdLookupOverwrite);
    if hidden.is_none() && !overwrites {
        return Ok(t.take(table, &shape, index));
    }
    let again = |i: usize, id: i64| overwrites && ids[i + 1..].contains(&id);
    let without = |(i, id): (usize, &i64)| vec![Some(*id) == hidden || again(i, *id); d];
    let pad: Vec<bool> = ids.iter().enumerate().flat_map(without).collect();
    let constant = t.value(table).clone();
    let source: Vec<f64> = index.iter().map(|i| constant.data[*i]).collect();
    let free = index.iter().zip(&pad).map(|(i, pad)| if *pad { NOTHING } else { *i }).collect();
    let fixed = source.iter().zip(&pad).map(|(x, pad)| if *pad { *x } else { 0.0 }).collect();
    let free = t.take(table, &shape, free);
    let fixed = t.leaf(Array::new(&shape, fixed));
    Ok(t.add(free, fixed))
}

fn lookup(run: &mut Run) -> Result<(), String> {
    let table = run.param("table")?;
    let (shape, ids) = run.ids("in/ids")?;
    let padding = run.setting("padding").as_i64().filter(|_| !run.tape.has(Bug::PadRowGradient));
    let y = rows(&mut run.tape, table, &shape, &ids, padding)?;
    run.out("y", y);
    Ok(())
}

fn learned_position(run: &mut Run) -> Result<(), String> {
    let [x, table] = [run.input("x")?, run.param("table")?];
    let t = &mut run.tape;
    let [_, n, d] = t.shape(x)[..] else { return Err("a sequence has three axes".to_string()) };
    let length = t.shape(table)[0];
    // Rows that wrap around get a gradient that is not theirs.
    let beyond = t.has(Bug::PositionBeyond) && length > n;
    let position = t.slice(table, 0, 0, n);
    let mut y = t.add(x, position);
    if beyond {
        let rest = t.slice(table, 0, n, length);
        let extra = t.map(rest, |_| 0.0, |_, _| 1.0);
        let index = (0..n * d).map(|i| i % ((length - n) * d)).collect();
        let extra = t.take(extra, &[n, d], index);
        y = t.add(y, extra);
    }
    run.out("y", y);
    Ok(())
}

fn sinusoid(run: &mut Run) -> Result<(), String> {
    let x = run.input("x")?;
    let [_, n, d] = run.tape.shape(x)[..] else { return Err("a sequence has three axes".to_string()) };
    let halves = run.word("kind") == "t2t_concat";
    let table = table(&run.tape, n, d, halves);
    let table = run.tape.constant(Array::new(&[n, d], table));
    let scale = (d as f64).sqrt();
    let x = if run.tape.has(Bug::SinEmbedScale) { run.tape.scale(x, scale) } else { x };
    let y = run.tape.add(x, table);
    run.out("y", y);
    Ok(())
}

/// Sines and cosines of `pos / 10000^(2i/d)`, side by side or in halves.
fn table(t: &Tape, n: usize, d: usize, halves: bool) -> Vec<f64> {
    let pairs = d / 2;
    let mut table = vec![0.0; n * d];
    for i in 0..pairs {
        let exponent = if halves { i as f64 / (pairs - 1).max(1) as f64 } else { 2.0 * i as f64 / d as f64 };
        let exponent = if t.has(Bug::SinExpI) { i as f64 / d as f64 } else { exponent };
        let frequency = elementary::exp(-exponent * elementary::ln(10000.0));
        let apart = halves != t.has(Bug::SinConcatLayout);
        let (sine, cosine) = if apart { (i, pairs + i) } else { (2 * i, 2 * i + 1) };
        for p in 0..n {
            let place = if t.has(Bug::SinPos1Based) { p + 1 } else { p };
            let (s, c) = elementary::sin_cos(place as f64 * frequency);
            let (s, c) = if t.has(Bug::SinCosSwapped) { (c, s) } else { (s, c) };
            table[p * d + sine] = s;
            table[p * d + cosine] = c;
        }
    }
    table
}

fn normed(run: &mut Run, x: Var, name: &str) -> Result<(), String> {
    let affine = Some((run.param(&format!("{name}.gamma"))?, run.param(&format!("{name}.beta"))?));
    let normed = run.tape.layer_norm(x, affine, run.num("eps")?);
    run.out("x", normed.y);
    run.extra("act/mean", normed.mean);
    run.extra("act/rstd", normed.rstd);
    Ok(())
}

fn text_embedding(run: &mut Run) -> Result<(), String> {
    let (shape, ids) = run.ids("in/ids")?;
    let (_, mut segments) = run.ids("in/segments")?;
    let [word, position, segment] =
        [run.param("word.table")?, run.param("position.table")?, run.param("segment.table")?];
    if run.tape.has(Bug::TypeSwapped) {
        segments.iter_mut().for_each(|s| *s = 1 - *s);
    }
    let t = &mut run.tape;
    let x = rows(t, word, &shape, &ids, None)?;
    let places = t.slice(position, 0, 0, shape[1]);
    let mut x = t.kept_sum(x, places);
    if !t.has(Bug::TypeMissing) {
        let kinds = rows(t, segment, &shape, &segments, None)?;
        x = t.kept_sum(x, kinds);
    }
    normed(run, x, "sum.norm")
}

fn patient_embedding(run: &mut Run) -> Result<(), String> {
    let mut sum = None;
    for (ids, table) in [("codes", "code"), ("visits", "visit"), ("places", "place")] {
        let (shape, ids) = run.ids(&format!("in/{ids}"))?;
        let table = run.param(&format!("{table}.table"))?;
        let part = rows(&mut run.tape, table, &shape, &ids, None)?;
        sum = Some(sum.map_or(part, |sum| run.tape.kept_sum(sum, part)));
    }
    match sum {
        Some(x) => normed(run, x, "sum.norm"),
        None => Ok(()),
    }
}

fn code_sum(run: &mut Run) -> Result<(), String> {
    let (shape, codes) = run.ids("in/codes")?;
    let table = run.param("table")?;
    let t = &mut run.tape;
    let [batch, visits, most] = shape[..] else { return Err("codes have three axes".to_string()) };
    let (d, mean) = (t.value(table).width(), t.has(Bug::EhrMeanCodes));
    let mut entries = Vec::new();
    for (visit, list) in codes.chunks(most).enumerate() {
        let kept: Vec<usize> = list.iter().filter(|c| **c != 0).map(|c| *c as usize).collect();
        let share = if mean { 1.0 / kept.len().max(1) as f64 } else { 1.0 };
        entries
            .extend(kept.iter().flat_map(|code| (0..d).map(move |c| (visit * d + c, code * d + c, share))));
    }
    let y = t.weighted(table, &[batch, visits, d], entries);
    run.out("y", y);
    Ok(())
}
