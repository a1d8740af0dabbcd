//! Matrix products.

use crate::{Arithmetic, Array, Bug, Tape, Var};

impl Tape {
    /// `x W + b`: `x: [.., k]`, `w: [k, m]`, `b: [m]` → `[.., m]`.
    ///
    /// Backward: `dx = dy Wᵀ`, `dW = xᵀ dy`, `db = Σ dy` over the rows.
    pub fn linear(&mut self, x: Var, w: Var, b: Option<Var>) -> Var {
        let a = self.how.arithmetic;
        let (n, k, m) = self.sizes(x, w);
        let turned = self.has(Bug::WTransposed) && k == m;
        let at = move |t: usize, j: usize| if turned { j * m + t } else { t * m + j };
        let (xs, ws) = (&self.value(x).data, &self.value(w).data);
        let mut y = product(&a, [n, k, m], |i, t| xs[i * k + t], |t, j| ws[at(t, j)]);
        if let Some(b) = b {
            let times = if self.has(Bug::BiasTwice) { 2.0 } else { 1.0 };
            let b = &self.value(b).data;
            y.iter_mut().enumerate().for_each(|(i, y)| *y = a.r(*y + times * b[i % m]));
        }
        let mut shape = self.shape(x);
        *shape.last_mut().expect("an axis of features") = m;
        let parents = [Some(x), Some(w), b].into_iter().flatten().collect();
        let back = move |t: &Tape, dy: &Array| {
            let (x, w, dy) = (t.value(x), t.value(w), &dy.data);
            let dx = product(&a, [n, m, k], |i, j| dy[i * m + j], |j, t| w.data[at(t, j)]);
            let dw = product(&a, [k, n, m], |t, i| x.data[i * k + t], |i, j| dy[i * m + j]);
            let wrong = t.has(Bug::BwdWTransposed) && k == m;
            let to = |t: usize, j: usize| if wrong { j * m + t } else { at(t, j) };
            let mut turned = Array::zeros(&w.shape);
            (0..k * m).for_each(|i| turned.data[to(i / m, i % m)] = dw[i]);
            vec![Array::new(&x.shape, dx), turned, bias_gradient(t, dy, n, m)]
        };
        self.push(Array::new(&shape, y), parents, Box::new(back))
    }

    fn sizes(&self, x: Var, w: Var) -> (usize, usize, usize) {
        let (x, w) = (self.value(x), self.value(w));
        assert_eq!(x.width(), w.shape[0], "widths of a product");
        (x.rows(), w.shape[0], w.shape[1])
    }
}

fn bias_gradient(t: &Tape, dy: &[f64], n: usize, m: usize) -> Array {
    let a = t.arithmetic();
    let column = |j| a.sum(&(0..n).map(|i| dy[i * m + j]).collect::<Vec<_>>());
    let share = if t.has(Bug::BwdBiasMean) { 1.0 / n as f64 } else { 1.0 };
    let share = if t.has(Bug::BiasTwice) { 2.0 } else { share };
    Array::new(&[m], (0..m).map(|j| a.r(share * column(j))).collect())
}

/// `Σ_t f(i, t) g(t, j)`, row-major.
pub fn product(
    a: &Arithmetic,
    [n, k, m]: [usize; 3],
    f: impl Fn(usize, usize) -> f64,
    g: impl Fn(usize, usize) -> f64,
) -> Vec<f64> {
    let mut y = Vec::with_capacity(n * m);
    for i in 0..n {
        for j in 0..m {
            y.push(a.dot(k, |t| (f(i, t), g(t, j))));
        }
    }
    y
}
