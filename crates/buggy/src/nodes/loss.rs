//! Losses: one number each.

use super::act::lse;
use crate::{Arithmetic, Array, Bug, Tape, Var};

/// What the rows of logits are held against.
pub struct Targets {
    /// The wanted distribution of every row, row-major.
    pub shares: Vec<f64>,
    /// What a row counts.
    pub weights: Vec<f64>,
    /// Added to every row's loss.
    pub constants: Vec<f64>,
}

impl Targets {
    /// What a row counts in the backward.
    fn step(&self, t: &Tape, row: usize) -> f64 {
        let weight = self.weights[row];
        match t.how.bug {
            Some(Bug::BwdCeSum) if weight != 0.0 => 1.0,
            Some(Bug::BwdCeIgnored) if weight == 0.0 => self.weights.iter().fold(0.0, |m, w| m.max(*w)),
            _ => weight,
        }
    }
}

impl Tape {
    /// The arithmetic of losses.
    fn losses(&self) -> Arithmetic {
        Arithmetic { compute: self.how.arithmetic.losses, ..self.how.arithmetic }
    }

    /// `Σ_i w_i (c_i - Σ_k t_ik log softmax(z_i)_k)`.
    ///
    /// Backward: `dz_ik = w_i (softmax(z_i)_k Σ_k t_ik - t_ik)`.
    pub fn cross_entropy(&mut self, z: Var, targets: Targets) -> Var {
        let a = self.losses();
        let value = self.value(z);
        let k = value.width();
        let sums: Vec<f64> = value.data.chunks(k).map(|row| lse(&a, row)).collect();
        let row_loss = |(i, row): (usize, &[f64])| {
            let shares = &targets.shares[i * k..(i + 1) * k];
            let term = |(t, z): (&f64, &f64)| if *t == 0.0 { 0.0 } else { a.r(t * a.r(sums[i] - z)) };
            let terms: Vec<f64> = shares.iter().zip(row).map(term).collect();
            let loss = a.r(targets.constants[i] + a.sum(&terms));
            if targets.weights[i] == 0.0 { 0.0 } else { a.r(targets.weights[i] * loss) }
        };
        let rows: Vec<f64> = value.data.chunks(k).enumerate().map(row_loss).collect();
        let loss = a.sum(&rows);
        let back = move |t: &Tape, dl: &Array| {
            let mut dz = Vec::new();
            for (i, row) in t.value(z).data.chunks(k).enumerate() {
                let shares = &targets.shares[i * k..(i + 1) * k];
                let (mass, step) = (a.sum(shares), a.r(targets.step(t, i) * dl.data[0]));
                let ignored = targets.weights[i] == 0.0;
                let p = |z: f64| a.r(mass * a.exp(a.r(z - sums[i])));
                let share = |t: f64| if ignored { 0.0 } else { t };
                dz.extend(row.iter().zip(shares).map(|(z, t)| a.r(step * a.r(p(*z) - share(*t)))));
            }
            vec![Array::new(&t.shape(z), dz)]
        };
        self.keep(Array::number(loss), vec![z], Box::new(back))
    }

    /// `1/n Σ_i Σ_k (p - q)(log p - log q)`, `p` and `q` the softmaxes of the rows of `z` and `w`.
    ///
    /// Backward, with `δ = log p - log q`: `dz = (p (δ - ⟨p, δ⟩) + p - q) / n`, and the same for `w` with the roles
    /// exchanged.
    pub fn symmetric_kl(&mut self, z: Var, w: Var) -> Var {
        let a = self.losses();
        let (n, k) = (self.value(z).rows(), self.value(z).width());
        let logs = |t: &Tape, v: Var| -> Vec<f64> {
            let rows = t.value(v).data.chunks(k);
            rows.flat_map(|row| row.iter().map(|x| a.r(x - lse(&a, row))).collect::<Vec<_>>()).collect()
        };
        let (p, q) = (logs(self, z), logs(self, w));
        let term = |(p, q): (&f64, &f64)| a.r(a.r(a.exp(*p) - a.exp(*q)) * a.r(p - q));
        let loss = a.r(a.sum(&p.iter().zip(&q).map(term).collect::<Vec<_>>()) / n as f64);
        let back = move |t: &Tape, dl: &Array| {
            let step = a.r(dl.data[0] / n as f64);
            let one = |p: &[f64], q: &[f64]| {
                let rows = p.chunks(k).zip(q.chunks(k));
                rows.flat_map(|(p, q)| divergence_backward(&a, p, q, step)).collect::<Vec<_>>()
            };
            let shape = t.shape(z);
            vec![Array::new(&shape, one(&p, &q)), Array::new(&shape, one(&q, &p))]
        };
        self.keep(Array::number(loss), vec![z, w], Box::new(back))
    }

    /// `c Σ_i f(y_i, t_i)` with the slope of `f` in its first argument.
    pub fn pointwise(
        &mut self,
        y: Var,
        targets: Vec<f64>,
        c: f64,
        f: impl Fn(&Arithmetic, f64, f64) -> f64,
        slope: impl Fn(&Arithmetic, f64, f64) -> f64 + 'static,
    ) -> Var {
        let a = self.losses();
        let terms: Vec<f64> = self.value(y).data.iter().zip(&targets).map(|(y, t)| f(&a, *y, *t)).collect();
        let loss = a.r(a.sum(&terms) * c);
        let back = move |t: &Tape, dl: &Array| {
            let step = a.r(dl.data[0] * c);
            let y = t.value(y);
            let list = y.data.iter().zip(&targets).map(|(y, t)| a.r(step * slope(&a, *y, *t)));
            vec![Array::new(&y.shape, list.collect())]
        };
        self.keep(Array::number(loss), vec![y], Box::new(back))
    }

    /// `1/n Σ [m + s_ij - s_ii]_+` over the pairs `(i, j)`.
    ///
    /// Backward: `±1/n` for every pair whose term is positive.
    pub fn ranking(&mut self, s: Var, margin: f64, pairs: Vec<(usize, usize)>) -> Var {
        let a = self.losses();
        let n = self.value(s).width();
        let excess = move |s: &Array, &(i, j): &(usize, usize)| {
            a.r(a.r(margin + s.data[i * n + j]) - s.data[i * n + i]).max(0.0)
        };
        let terms: Vec<f64> = pairs.iter().map(|pair| excess(self.value(s), pair)).collect();
        let loss = a.r(a.sum(&terms) / n as f64);
        let back = move |t: &Tape, dl: &Array| {
            let (s, step) = (t.value(s), a.r(dl.data[0] / n as f64));
            let mut ds = Array::zeros(&s.shape);
            for pair in pairs.iter().filter(|pair| excess(s, pair) > 0.0) {
                let (i, j) = *pair;
                ds.data[i * n + j] = a.r(ds.data[i * n + j] + step);
                ds.data[i * n + i] = a.r(ds.data[i * n + i] - step);
            }
            vec![ds]
        };
        self.keep(Array::number(loss), vec![s], Box::new(back))
    }
}

/// The gradient of one row of the first logits, from the logarithms of both distributions.
fn divergence_backward(a: &Arithmetic, log_p: &[f64], log_q: &[f64], step: f64) -> Vec<f64> {
    let apart = |i: usize| a.r(log_p[i] - log_q[i]);
    let terms: Vec<f64> = (0..log_p.len()).map(|i| a.r(a.exp(log_p[i]) * apart(i))).collect();
    let mean = a.sum(&terms);
    let entry = |i: usize| {
        let (p, q) = (a.exp(log_p[i]), a.exp(log_q[i]));
        a.r(step * a.r(a.r(p * a.r(apart(i) - mean)) + a.r(p - q)))
    };
    (0..log_p.len()).map(entry).collect()
}
