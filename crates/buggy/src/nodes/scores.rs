//! Scores of attention, and the mean of values: the two products.

use crate::nodes::linear::product;
use crate::{Arithmetic, Array, Bug, Tape, Var, Variant};

impl Tape {
    /// `s = Q Kᵀ / √d` of every head: `q: [.., n, d]`, `k: [.., m, d]` → `[.., n, m]`.
    ///
    /// Backward: `dQ = ds K / √d`, `dK = dsᵀ Q / √d`.
    pub fn scores(&mut self, q: Var, k: Var, scale: f64) -> Var {
        let a = self.how.arithmetic;
        let (qs, ks) = (self.shape(q), self.shape(k));
        let [(n, d), (m, _)] = [&qs, &ks].map(|s| (s[s.len() - 2], s[s.len() - 1]));
        let heads = self.value(q).data.len() / (n * d);
        let before = self.how.variant == Some(Variant::ScaleFirst);
        let swapped = self.has(Bug::QkSwapped) && n == m;
        let (x, y) = if swapped { (k, q) } else { (q, k) };
        let mut s = Vec::new();
        for h in 0..heads {
            let (x, y) = (&self.value(x).data[h * n * d..], &self.value(y).data[h * m * d..]);
            let first = |i: usize, t: usize| if before { a.r(scale * x[i * d + t]) } else { x[i * d + t] };
            let part = product(&a, [n, d, m], first, |t, j| y[j * d + t]);
            s.extend(part.iter().map(|&s| if before { s } else { a.r(scale * s) }));
        }
        let mut shape = qs;
        *shape.last_mut().expect("two axes") = m;
        let sizes = [heads, n, m, d];
        let back = move |t: &Tape, ds: &Array| scores_backward(t, (x, y), ds, sizes, scale);
        self.keep(Array::new(&shape, s), vec![x, y], Box::new(back))
    }

    /// `P V` of every head: `p: [.., n, m]`, `v: [.., m, w]` → `[.., n, w]`.
    ///
    /// Backward: `dP = dy Vᵀ`, `dV = Pᵀ dy`; and `Σ dy y` of every row, which is `Σ P dP`, for programs that compute `P` again.
    pub fn mix(&mut self, p: Var, v: Var) -> Var {
        let a = self.how.arithmetic;
        let (ps, vs) = (self.shape(p), self.shape(v));
        let [(n, m), (_, w)] = [&ps, &vs].map(|s| (s[s.len() - 2], s[s.len() - 1]));
        let heads = self.value(p).data.len() / (n * m);
        let mut y = Vec::new();
        for h in 0..heads {
            let (p, v) = (&self.value(p).data[h * n * m..], &self.value(v).data[h * m * w..]);
            y.extend(product(&a, [n, m, w], |i, j| p[i * m + j], |j, t| v[j * w + t]));
        }
        let mut shape = ps;
        *shape.last_mut().expect("two axes") = w;
        let stored: Vec<f64> = y.iter().map(|&y| a.store.round(y)).collect();
        let back = move |t: &Tape, dy: &Array| {
            t.centers.replace(row_dots(&a, &dy.data, &stored, w));
            mix_backward(t, (p, v), dy, [heads, n, m, w])
        };
        self.push(Array::new(&shape, y), vec![p, v], Box::new(back))
    }
}

/// `Σ x y` of every row.
fn row_dots(a: &Arithmetic, x: &[f64], y: &[f64], width: usize) -> Vec<f64> {
    let rows = x.chunks(width.max(1)).zip(y.chunks(width.max(1)));
    rows.map(|(x, y)| a.sum(&x.iter().zip(y).map(|(x, y)| a.r(x * y)).collect::<Vec<_>>())).collect()
}

fn scores_backward(t: &Tape, (q, k): (Var, Var), ds: &Array, sizes: [usize; 4], scale: f64) -> Vec<Array> {
    let (a, [heads, n, m, d]) = (t.arithmetic(), sizes);
    let q_scale = if t.has(Bug::BwdNoScale) { 1.0 } else { scale };
    let k_scale = if t.has(Bug::BwdNoScale) || t.has(Bug::BwdDkNoScale) { 1.0 } else { scale };
    let from = if t.has(Bug::BwdDqOverwrite) { (m - 1) / t.how.tile * t.how.tile } else { 0 };
    let to = if t.has(Bug::BwdLastKeyTile) { m / t.how.tile * t.how.tile } else { m };
    let (mut dq, mut dk) = (Vec::new(), Vec::new());
    for h in 0..heads {
        let (q, k) = (&t.value(q).data[h * n * d..], &t.value(k).data[h * m * d..]);
        let ds = &ds.data[h * n * m..];
        let part = product(a, [n, m - from, d], |i, j| ds[i * m + from + j], |j, c| k[(from + j) * d + c]);
        dq.extend(part.iter().map(|&x| a.r(q_scale * x)));
        let part = product(a, [m, n, d], |j, i| ds[i * m + j], |i, c| q[i * d + c]);
        let kept = |(at, &x): (usize, &f64)| if at / d < to { a.r(k_scale * x) } else { 0.0 };
        dk.extend(part.iter().enumerate().map(kept));
    }
    vec![Array::new(&t.shape(q), dq), Array::new(&t.shape(k), dk)]
}

fn mix_backward(t: &Tape, (p, v): (Var, Var), dy: &Array, [heads, n, m, w]: [usize; 4]) -> Vec<Array> {
    let a = t.arithmetic();
    let to = if t.has(Bug::BwdLastKeyTile) { m / t.how.tile * t.how.tile } else { m };
    let reversed = t.has(Bug::BwdDvReversed);
    let row = |i: usize| if reversed { n - 1 - i } else { i };
    let (mut dp, mut dv) = (Vec::new(), Vec::new());
    for h in 0..heads {
        let (p, v) = (&t.value(p).data[h * n * m..], &t.value(v).data[h * m * w..]);
        let dy = &dy.data[h * n * w..];
        dp.extend(product(a, [n, w, m], |i, c| dy[i * w + c], |c, j| v[j * w + c]));
        let part = product(a, [m, n, w], |j, i| p[i * m + j], |i, c| dy[row(i) * w + c]);
        dv.extend(part.iter().enumerate().map(|(at, &x)| if at / w < to { x } else { 0.0 }));
    }
    vec![Array::new(&t.shape(p), dp), Array::new(&t.shape(v), dv)]
}
