//! Records of linear maps, products and tables.

use mmt_tensor::ops;
use mmt_tensor::{Real, Tree};
use ndarray::{Array1, Array2, Array4, ArrayD, Ix4, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{head, reshape, rows, transposed, weight};
use super::ops::unsupported;

/// `op_linear_embedding`
pub fn linear_embedding<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "linear" => linear(record),
        "matmul" if record.name == "matmul_broadcast" => product(record),
        "matmul" => batch_of_products(record),
        "embedding" => embedding(record),
        "embedding_bag" => unsupported("a sum, mean or maximum over the rows of a bag"),
        _ => unsupported("a product of two inputs"),
    }
}

/// Rows of a table; the ids may have any number of axes.
pub fn embedding<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (table, ids): (Array2<R>, _) = (record.real("in/weight")?, record.ids("in/ids")?);
    let padding = if record.config.get("padding_idx").is_some_and(|id| !id.is_null()) {
        Some(record.size("padding_idx")?)
    } else {
        None
    };
    let list: Vec<usize> = ids.iter().copied().collect();
    let y = ops::lookup(&table, &list, padding)?;
    let mut shape = ids.shape().to_vec();
    shape.push(table.ncols());
    let mut dtable = table.zeros_like();
    ops::lookup_backward(&list, padding, &rows(&record.shaped("cot/y", &shape)?), &mut dtable);
    let answer = Answer::new().with("out/y", &reshape::<R, _, IxDyn>(&y, &shape));
    Ok(answer.with("grad_in/weight", &dtable))
}

fn linear<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (x, w): (ArrayD<R>, Array2<R>) = (record.real("in/x")?, weight(record, "in/weight")?);
    let bias: Option<Array1<R>> = record.optional("in/bias")?;
    let y = ops::linear(&rows(&x), &w, bias.as_deref())?;
    let mut shape = x.shape().to_vec();
    shape.pop();
    shape.push(w.ncols());
    let dy = rows(&record.shaped("cot/y", &shape)?);
    let (mut dw, mut db) = (w.zeros_like(), bias.zeros_like());
    let dx = ops::linear_backward(&rows(&x), &w, &dy, &mut dw, db.as_mut());
    let answer = (Answer::new().with("out/y", &reshape::<R, _, IxDyn>(&y, &shape)))
        .with("grad_in/x", &reshape::<R, _, IxDyn>(&dx, x.shape()))
        .with("grad_in/weight", &transposed(&dw));
    Ok(answer.with_tree("grad_in/bias", &db))
}

/// A product is a linear map without bias, and both factors have a gradient.
pub fn product<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (a, b): (ArrayD<R>, Array2<R>) = (record.real("in/a")?, record.real("in/b")?);
    let y = ops::linear(&rows(&a), &b, None)?;
    let mut shape = a.shape().to_vec();
    shape.pop();
    shape.push(b.ncols());
    let dy = rows(&record.shaped("cot/y", &shape)?);
    let mut db = b.zeros_like();
    let da = ops::linear_backward(&rows(&a), &b, &dy, &mut db, None);
    Ok((Answer::new().with("out/y", &reshape::<R, _, IxDyn>(&y, &shape)))
        .with("grad_in/a", &reshape::<R, _, IxDyn>(&da, a.shape()))
        .with("grad_in/b", &db))
}

fn batch_of_products<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (a, b): (Array4<R>, Array4<R>) = (record.real("in/a")?, record.real("in/b")?);
    let (batch, heads, n, _) = a.dim();
    if b.dim().0 != batch || b.dim().1 != heads {
        return Err(record.invalid(0, "a and b have another number of matrices".to_string()));
    }
    let m = b.dim().3;
    let dy: Array4<R> = record.shaped::<R, Ix4>("cot/y", &[batch, heads, n, m])?;
    let (mut y, mut da, mut db) = (dy.clone(), a.clone(), b.clone());
    for i in 0..batch {
        for h in 0..heads {
            let (a, b, dy) = (head(&a, i, h), head(&b, i, h), head(&dy, i, h));
            let mut gradient = b.zeros_like();
            y.slice_mut(ndarray::s![i, h, .., ..]).assign(&ops::linear(&a, &b, None)?);
            let dx = ops::linear_backward(&a, &b, &dy, &mut gradient, None);
            da.slice_mut(ndarray::s![i, h, .., ..]).assign(&dx);
            db.slice_mut(ndarray::s![i, h, .., ..]).assign(&gradient);
        }
    }
    Ok(Answer::new().with("out/y", &y).with("grad_in/a", &da).with("grad_in/b", &db))
}
