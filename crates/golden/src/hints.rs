//! What a wrong array looks like, the cheapest questions first.

use ndarray::{ArrayD, Axis, Dimension, IxDyn};

use crate::compare::Compared;
use crate::entry::{CaseEntry, TensorEntry};
use crate::factors::factor;
use crate::file::Tensors;

/// What can be said about an array that is outside its tolerance.
pub fn hints(case: &CaseEntry, entry: &TensorEntry, compared: Compared, truth: &Tensors) -> Vec<String> {
    let (x, y, tol) = compared;
    if x.is_empty() {
        return vec![];
    }
    if x.iter().any(|x| x.is_nan()) {
        let all = x.iter().all(|x| x.is_nan());
        return vec![
            if all { "NaN everywhere: was it written at all?" } else { "NaN in some places" }.to_string(),
        ];
    }
    if let Some(hint) = plain(x, y) {
        return vec![hint];
    }
    let within = |z: &ArrayD<f64>| fits(z, y, tol);
    if within(&x.mapv(|x| -x)) {
        return vec!["the sign is wrong everywhere".to_string()];
    }
    let mut found = vec![];
    found.extend(echo(entry, x, tol, truth));
    found.extend(moved(x, y, tol));
    found.extend(factor(case, entry, compared));
    found.extend(row_shift(compared));
    found.extend(place(compared));
    found.truncate(3);
    found
}

/// Whether all of `z` is within the tolerance of `y`.
pub fn fits(z: &ArrayD<f64>, y: &ArrayD<f64>, tol: &ArrayD<f64>) -> bool {
    z.shape() == y.shape() && z.iter().zip(y).zip(tol).all(|((z, y), tol)| (z - y).abs() <= *tol)
}

fn plain(x: &ArrayD<f64>, y: &ArrayD<f64>) -> Option<String> {
    let first = *x.first()?;
    let constant =
        x.len() > 1 && x.iter().all(|&x| x == first) && y.iter().any(|other| Some(other) != y.first());
    match () {
        () if first == 0.0 && x.iter().all(|&x| x == 0.0) => Some("zero everywhere".to_string()),
        () if constant => Some(format!("{first} everywhere")),
        () => None,
    }
}

/// The truth of another array of the case.
fn echo(entry: &TensorEntry, x: &ArrayD<f64>, tol: &ArrayD<f64>, truth: &Tensors) -> Option<String> {
    let same = |(key, stored): (&String, &crate::file::Stored)| {
        let other = *key != entry.key && !key.contains("/tol/") && stored.data.shape() == x.shape();
        (other && stored.real().is_some_and(|z| fits(x, &z, tol))).then(|| key.clone())
    };
    truth.iter().find_map(same).map(|key| format!("it is `{key}`"))
}

/// Axes exchanged, or everything moved by one place.
fn moved(x: &ArrayD<f64>, y: &ArrayD<f64>, tol: &ArrayD<f64>) -> Option<String> {
    let axes = x.ndim();
    for (a, b) in (0..axes).flat_map(|a| (a + 1..axes).map(move |b| (a, b))) {
        let mut z = x.view();
        z.swap_axes(a, b);
        if fits(&z.to_owned(), y, tol) {
            return Some(format!("axes {a} and {b} are exchanged"));
        }
        // The same numbers in the order of exchanged axes, in the shape of the truth.
        let list: Vec<f64> = y.view().permuted_axes(order(axes, a, b)).iter().copied().collect();
        let z = ArrayD::from_shape_vec(IxDyn(x.shape()), list).ok()?;
        let wide = widest(tol);
        // An order that moves nothing by more than is allowed is no other order.
        if a + 1 < axes && fits(x, &z, &wide) && !fits(x, y, &wide) && !fits(&z, y, &wide) {
            return Some(format!("numbers stand in the order of exchanged axes {a} and {b}"));
        }
    }
    for axis in (0..axes).filter(|&axis| x.len_of(Axis(axis)) > 2) {
        let n = x.len_of(Axis(axis));
        for by in [1, n - 1] {
            let order: Vec<usize> = (0..n).map(|i| (i + by) % n).collect();
            if fits(&x.select(Axis(axis), &order), y, tol) {
                let way = if by == 1 { "later" } else { "earlier" };
                return Some(format!("everything is one place {way} along axis {axis}"));
            }
        }
    }
    None
}

fn order(axes: usize, a: usize, b: usize) -> IxDyn {
    let mut order: Vec<usize> = (0..axes).collect();
    order.swap(a, b);
    IxDyn(&order)
}

/// The largest tolerance everywhere.
fn widest(tol: &ArrayD<f64>) -> ArrayD<f64> {
    let largest = tol.iter().fold(0.0f64, |m, &t| m.max(t));
    tol.mapv(|_| largest)
}

/// The same number too much along every row.
fn row_shift((x, y, tol): Compared) -> Option<String> {
    if x.ndim() == 0 || x.shape()[x.ndim() - 1] < 2 {
        return None;
    }
    let last = Axis(x.ndim() - 1);
    let constant =
        |((x, y), tol): ((ndarray::ArrayView1<f64>, ndarray::ArrayView1<f64>), ndarray::ArrayView1<f64>)| {
            let shift = x[0] - y[0];
            x.iter().zip(y).zip(tol).all(|((x, y), tol)| (x - y - shift).abs() <= 2.0 * tol)
        };
    let rows = x.lanes(last).into_iter().zip(y.lanes(last)).zip(tol.lanes(last));
    rows.into_iter().all(constant).then(|| "every row is off by a number of its own".to_string())
}

/// Where the errors are, if they are not everywhere.
fn place((x, y, tol): Compared) -> Option<String> {
    let bad = |((x, y), tol): &((&f64, &f64), &f64)| (**x - **y).abs() > **tol;
    let all: Vec<Vec<usize>> = x
        .indexed_iter()
        .zip(y)
        .zip(tol)
        .filter(|(((_, x), y), tol)| bad(&((x, y), tol)))
        .map(|(((index, _), _), _)| index.slice().to_vec())
        .collect();
    if all.is_empty() || all.len() == x.len() {
        return None;
    }
    for axis in (0..x.ndim()).rev() {
        let n = x.len_of(Axis(axis));
        let first = all.iter().map(|index| index[axis]).min().unwrap_or(0);
        if let Some(tile) =
            [128, 64, 32, 16, 8].into_iter().find(|tile| first > 0 && first % tile == 0 && first + tile > n)
        {
            return Some(format!("wrong from place {first} of axis {axis} on: the tail of tiles of {tile}"));
        }
        let places: std::collections::BTreeSet<usize> = all.iter().map(|index| index[axis]).collect();
        if n > 2 && places.len() == 1 {
            return Some(format!("wrong at place {first} of axis {axis} only"));
        }
    }
    if all.iter().all(|index| y[IxDyn(index)] == 0.0) {
        return Some("numbers where there must be zeros: something hidden is seen".to_string());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    fn of(x: &ArrayD<f64>, y: &ArrayD<f64>) -> Vec<String> {
        of_heads("3", x, y)
    }

    fn of_heads(heads: &str, x: &ArrayD<f64>, y: &ArrayD<f64>) -> Vec<String> {
        let text = r#"{"id":"sdpa.x","family":"sdpa","level":"op","tier":"core","op":"sdpa","file":"ops/sdpa.x.safetensors",
            "bytes":0,"sha256":"","digest_truth":"","digest_tol":"","since":"","status":"active","config":{"heads":3,"head_dim":8},
            "grid":"g8","regimes":[],"seed_bump":0,"variants":[],"samples":16,"layouts":[],"tensors":[],"equation":null,"notes":[]}"#;
        let text = text.replace("\"heads\":3", &format!("\"heads\":{heads}"));
        let case: CaseEntry = serde_json::from_str(&text).unwrap();
        let entry: TensorEntry = serde_json::from_str(
            r#"{"key":"main/out/y","dtype":"F64","shape":[3,4],"class":"float","required_at":"L0","tol_shape":"element",
            "diff":false,"profiles":{}}"#,
        )
        .unwrap();
        hints(&case, &entry, (x, y, &y.mapv(|_| 1e-9)), &Tensors::new())
    }

    fn sample() -> ArrayD<f64> {
        arr2(&[[1.0, -2.0, 0.5], [3.0, 0.25, 7.0], [-0.5, 4.0, 0.125]]).into_dyn()
    }

    #[test]
    fn a_wrong_array_is_described() {
        let y = sample();
        let first = |x: ArrayD<f64>| of(&x, &y).first().cloned().unwrap_or_default();
        assert_eq!(first(y.mapv(|_| 0.0)), "zero everywhere");
        assert_eq!(first(y.mapv(|_| 2.5)), "2.5 everywhere");
        assert_eq!(first(y.mapv(|_| f64::NAN)), "NaN everywhere: was it written at all?");
        assert_eq!(first(-&y), "the sign is wrong everywhere");
        assert_eq!(first(y.t().to_owned()), "axes 0 and 1 are exchanged");
        assert_eq!(first(&y * 8f64.sqrt()), "2.8284 x want = sqrt(d_head)");
        assert_eq!(first(&y / 3.0), "0.3333 x want = 1/heads");
        assert_eq!(of_heads("1", &(&y * 0.9998), &y)[0], "0.9998 x want");
        assert_eq!(first(&y * 0.75), "0.7500 x want = (n - 1)/n for n = 4");
        assert_eq!(first(&y * 1.00001), "everything is off by a share of 1.0e-5");
        assert_eq!(first(y.select(Axis(0), &[2, 0, 1])), "everything is one place later along axis 0");
        assert_eq!(first(&y + 0.5), "every row is off by a number of its own");
    }

    #[test]
    fn the_place_of_errors_is_named() {
        let y = sample();
        let mut x = y.clone();
        (x[[0, 2]], x[[1, 2]]) = (9.0, 8.0);
        assert_eq!(of(&x, &y), ["wrong at place 2 of axis 2 only".replace("axis 2", "axis 1")]);
        let y = ArrayD::from_shape_fn(IxDyn(&[2, 11]), |i| (i[0] * 11 + i[1]) as f64);
        let mut x = y.clone();
        x.slice_mut(ndarray::s![.., 8..]).mapv_inplace(|x| x * x + 1.0);
        assert_eq!(of(&x, &y), ["wrong from place 8 of axis 1 on: the tail of tiles of 8"]);
    }
}
