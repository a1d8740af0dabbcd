//! A factor that explains a wrong array, by its name among the settings of a case.

use serde_json::Value;

use crate::compare::Compared;
use crate::entry::{CaseEntry, TensorEntry};
use crate::hints::fits;

/// A factor that explains everything, by its name among the settings.
pub fn factor(case: &CaseEntry, entry: &TensorEntry, (x, y, tol): Compared) -> Option<String> {
    let pairs = || x.iter().zip(y);
    let (xy, yy) = pairs().fold((0.0, 0.0), |(xy, yy), (x, y)| (xy + x * y, yy + y * y));
    let c = xy / yy;
    if !c.is_finite() || c == 0.0 {
        return None;
    }
    let within = |slack: f64| {
        pairs().zip(tol).all(|((x, y), tol)| (x - c * y).abs() <= tol * c.abs().max(1.0) * slack)
    };
    // A factor this near to 1 says something only where it takes the whole error away.
    if (c - 1.0).abs() < 5e-5 {
        let helps = within(1.0) && !fits(x, y, tol);
        return helps.then(|| format!("everything is off by a share of {:.1e}", c - 1.0));
    }
    if !within(4.0) {
        return None;
    }
    let near = |named: f64| (c / named - 1.0).abs() < 0.004;
    let name = names(case, entry).into_iter().find(|(value, _)| near(*value));
    let name = name.map_or(String::new(), |(_, name)| format!(" = {name}"));
    Some(format!("{c:.4} x want{name}"))
}

/// Numbers that programs forget or take twice, with what they are.
fn names(case: &CaseEntry, entry: &TensorEntry) -> Vec<(f64, String)> {
    let setting = |name: &str| case.config.get(name).and_then(Value::as_f64);
    let mut list: Vec<(f64, String)> = vec![];
    let mut both = |value: f64, name: &str| {
        list.push((value, name.to_string()));
        list.push((1.0 / value, format!("1/{name}")));
    };
    let heads = setting("heads");
    let d_head = setting("head_dim").or_else(|| Some(width(case)? / heads?));
    if let Some(d) = d_head {
        both(d.sqrt(), "sqrt(d_head)");
        both(d, "d_head");
    }
    if let Some(h) = heads {
        both(h.sqrt(), "sqrt(heads)");
        both(h, "heads");
    }
    if let Some(t) = setting("temperature") {
        both(t, "temperature");
        both(t * t, "temperature^2");
    }
    if let Some(p) = setting("p") {
        both(1.0 - p, "(1 - p)");
    }
    both(std::f64::consts::LN_2, "ln 2");
    let inputs = case.tensors.iter().filter(|t| t.section() == "in").chain([entry]);
    for (axis, n) in inputs.flat_map(|t| t.shape.iter().copied().enumerate()) {
        let n = n as f64;
        if n > 1.0 {
            both(n, &format!("{n} (the size of axis {axis})"));
        }
    }
    both(2.0, "2");
    list.extend(degrees(case, entry));
    // What is 1 here, as a single head, explains nothing.
    list.retain(|(value, _)| *value != 1.0);
    list
}

/// A variance that is divided by one less, and the other way round.
fn degrees(case: &CaseEntry, entry: &TensorEntry) -> Vec<(f64, String)> {
    let inputs = case.tensors.iter().filter(|t| t.section() == "in").chain([entry]);
    let sizes = inputs.flat_map(|t| t.shape.iter().copied()).filter(|&n| n > 2);
    let both = |n: usize| {
        let ratio = n as f64 / (n as f64 - 1.0);
        [(ratio, format!("n/(n - 1) for n = {n}")), (1.0 / ratio, format!("(n - 1)/n for n = {n}"))]
    };
    sizes.flat_map(both).collect()
}

fn width(case: &CaseEntry) -> Option<f64> {
    let named = case.config.get("width").and_then(Value::as_f64);
    named.or_else(|| case.tensor("main/in/x")?.shape.last().map(|&d| d as f64))
}
