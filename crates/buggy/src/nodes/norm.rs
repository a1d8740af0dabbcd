//! Layer normalization and division by a length.

use crate::{Array, Bug, Format, Tape, Var};

/// A normalized node with its statistics.
pub struct Normed {
    /// The output.
    pub y: Var,
    /// Means of the rows.
    pub mean: Array,
    /// Inverse deviations of the rows.
    pub rstd: Array,
}

/// What a backward keeps of every row.
struct Saved {
    mean: Vec<f64>,
    rstd: Vec<f64>,
    /// `σ` before `ε`, for a wrong place of `ε`.
    deviation: Vec<f64>,
    divisor: f64,
}

impl Tape {
    /// `y = γ x̂ + β` with `x̂ = (x - μ) / √(σ² + ε)` of every row.
    ///
    /// Backward: `dx = (dx̂ - mean dx̂ - x̂ mean(dx̂ x̂)) / √(σ² + ε)`, `dγ = Σ dy x̂`, `dβ = Σ dy`.
    pub fn layer_norm(&mut self, x: Var, affine: Option<(Var, Var)>, eps: f64) -> Normed {
        let a = self.how.arithmetic;
        let shape = self.shape(x);
        let saved = self.statistics(x, eps);
        let d = self.value(x).width();
        let mut y = Vec::new();
        for (i, row) in self.value(x).data.chunks(d).enumerate() {
            y.extend(row.iter().map(|&x| a.r(a.r(x - saved.mean[i]) * saved.rstd[i])));
        }
        if let Some((gamma, beta)) = affine {
            let plus = if self.has(Bug::LnPlus1) { 1.0 } else { 0.0 };
            let shift = if self.has(Bug::LnNoBias) { 0.0 } else { 1.0 };
            let (gamma, beta) = (&self.value(gamma).data, &self.value(beta).data);
            let affine = |(i, y): (usize, &mut f64)| {
                *y = a.r(a.r(*y * a.r(gamma[i % d] + plus)) + shift * beta[i % d]);
            };
            y.iter_mut().enumerate().for_each(affine);
        }
        let rows = &shape[..shape.len() - 1];
        let mean = Array::new(rows, saved.mean.clone());
        let rstd = Array::new(rows, saved.rstd.clone());
        let mut parents = vec![x];
        parents.extend(affine.into_iter().flat_map(|(gamma, beta)| [gamma, beta]));
        let back = move |t: &Tape, dy: &Array| backward(t, x, affine.map(|(gamma, _)| gamma), &saved, dy);
        let y = self.push(Array::new(&shape, y), parents, Box::new(back));
        Normed { y, mean, rstd }
    }

    fn statistics(&self, x: Var, eps: f64) -> Saved {
        let (a, d) = (self.arithmetic(), self.value(x).width());
        let eps = match self.how.bug {
            Some(Bug::LnEpsMissing) => 0.0,
            Some(Bug::LnEps12) => 1e-12,
            Some(Bug::LnEps6) => 1e-6,
            _ => eps,
        };
        let divisor = if self.has(Bug::LnUnbiased) { d as f64 - 1.0 } else { d as f64 };
        let mut saved = Saved { mean: Vec::new(), rstd: Vec::new(), deviation: Vec::new(), divisor };
        for row in self.value(x).data.chunks(d) {
            let mean = a.r(a.sum(row) / d as f64);
            let mean = if self.has(Bug::LnNoCenter) { 0.0 } else { mean };
            let variance = self.variance(row, mean, divisor);
            let root = a.sqrt(variance);
            let rstd = if self.has(Bug::LnEpsOutside) {
                a.r(1.0 / a.r(root + eps))
            } else {
                a.r(1.0 / a.sqrt(a.r(variance + eps)))
            };
            saved.mean.push(mean);
            saved.rstd.push(rstd);
            saved.deviation.push(root);
        }
        saved
    }

    fn variance(&self, row: &[f64], mean: f64, divisor: f64) -> f64 {
        let a = self.arithmetic();
        let center = |&x: &f64| {
            let c = a.r(x - mean);
            a.r(c * c)
        };
        if self.has(Bug::LnVarOnepass) || self.has(Bug::POnepassVar) {
            let squares = a.sum(&row.iter().map(|x| a.r(x * x)).collect::<Vec<_>>());
            return a.r(a.r(squares / divisor) - a.r(mean * mean)).max(0.0);
        }
        a.r(a.sum(&row.iter().map(center).collect::<Vec<_>>()) / divisor)
    }

    /// `u = x / max(|x|, ε)` of every row, and the lengths.
    ///
    /// Backward: `dx = (du - u (u · du)) / |x|`, or `du / ε` for a row that is shorter than `ε`.
    pub fn l2_normalize(&mut self, x: Var, eps: f64) -> (Var, Array) {
        let a = self.how.arithmetic;
        let value = self.value(x);
        let (shape, d) = (value.shape.clone(), value.width());
        let square = |row: &[f64]| a.sum(&row.iter().map(|x| a.r(x * x)).collect::<Vec<_>>());
        let lengths: Vec<f64> = value.data.chunks(d).map(|row| a.sqrt(square(row))).collect();
        let u: Vec<f64> =
            value.data.iter().enumerate().map(|(i, x)| a.r(x / lengths[i / d].max(eps))).collect();
        let (exact, kept) = (u.clone(), lengths.clone());
        let back = move |t: &Tape, du: &Array| {
            let mut dx = Vec::new();
            for (i, &length) in kept.iter().enumerate() {
                let (u, du) = (&exact[i * d..(i + 1) * d], &du.data[i * d..(i + 1) * d]);
                let along = a.sum(&u.iter().zip(du).map(|(u, g)| a.r(u * g)).collect::<Vec<_>>());
                let projects = length > eps && !t.has(Bug::BwdL2NoProjection);
                let along = if projects { along } else { 0.0 };
                dx.extend(u.iter().zip(du).map(|(u, g)| a.r(a.r(g - a.r(u * along)) / length.max(eps))));
            }
            vec![Array::new(&du.shape, dx)]
        };
        let u = self.push(Array::new(&shape, u), vec![x], Box::new(back));
        (u, Array::new(&shape[..shape.len() - 1], lengths))
    }
}

fn backward(t: &Tape, x: Var, gamma: Option<Var>, saved: &Saved, dy: &Array) -> Vec<Array> {
    let (a, value) = (t.arithmetic(), t.value(x));
    let d = value.width();
    let plus = if t.has(Bug::LnPlus1) { 1.0 } else { 0.0 };
    let gamma: Option<Vec<f64>> = gamma.map(|g| t.value(g).data.iter().map(|x| a.r(x + plus)).collect());
    let (mut dx, mut hats) = (Vec::new(), Vec::new());
    for i in 0..value.rows() {
        // Kept from the forward, in a format that may be poor.
        let keep = |x: f64| if a.statistics == Format::Bf16 { a.statistics.round(x) } else { x };
        let (mean, rstd) = (keep(saved.mean[i]), keep(saved.rstd[i]));
        let hat: Vec<f64> = value.row(i).iter().map(|x| a.r(a.r(x - mean) * rstd)).collect();
        let scaled = |(j, &g): (usize, &f64)| match &gamma {
            Some(gamma) if !t.has(Bug::BwdLnNoGamma) => a.r(g * gamma[j]),
            _ => g,
        };
        let dhat: Vec<f64> = dy.row(i).iter().enumerate().map(scaled).collect();
        dx.extend(row_backward(t, &hat, &dhat, rstd, saved, i));
        if t.has(Bug::BwdLnDgammaNoRstd) {
            hats.extend(value.row(i).iter().map(|x| a.r(x - mean)));
        } else {
            hats.extend(hat);
        }
    }
    let mut list = vec![Array::new(&value.shape, dx)];
    if let Some(gamma) = gamma {
        list.extend(affine_backward(t, &hats, dy, &gamma, d));
    }
    list
}

fn row_backward(t: &Tape, hat: &[f64], dhat: &[f64], rstd: f64, saved: &Saved, i: usize) -> Vec<f64> {
    let (a, d) = (t.arithmetic(), hat.len() as f64);
    let along = a.sum(&hat.iter().zip(dhat).map(|(h, g)| a.r(h * g)).collect::<Vec<_>>());
    // 1 where ε is inside the root; the slope of another place.
    let slope = if t.has(Bug::LnEpsOutside) { 1.0 / (rstd * saved.deviation[i]) } else { 1.0 };
    let along = if t.has(Bug::BwdLnNoVar) { 0.0 } else { a.r(slope * along / saved.divisor) };
    let centered: Vec<f64> = hat.iter().zip(dhat).map(|(h, g)| a.r(g - a.r(h * along))).collect();
    let free = t.has(Bug::BwdLnNoMean) || t.has(Bug::LnNoCenter);
    let mean = if free { 0.0 } else { a.r(a.sum(&centered) / d) };
    let rstd = if t.has(Bug::BwdLnNoRstd) { 1.0 } else { rstd };
    centered.iter().map(|c| a.r(a.r(c - mean) * rstd)).collect()
}

fn affine_backward(t: &Tape, hats: &[f64], dy: &Array, gamma: &[f64], d: usize) -> [Array; 2] {
    let (a, n) = (t.arithmetic(), dy.rows());
    let first = if dy.shape.len() > 2 { dy.shape[dy.shape.len() - 2] } else { n };
    let rows = if t.has(Bug::BwdLnWgrad2d) { first } else { n };
    let share = if t.has(Bug::BwdLnWgradMean) { n as f64 } else { 1.0 };
    let over_y = t.has(Bug::BwdLnDgammaUsesY);
    let sum = |f: &dyn Fn(usize) -> f64| a.r(a.sum(&(0..rows).map(f).collect::<Vec<_>>()) / share);
    let hat = |i: usize, j: usize| if over_y { a.r(gamma[j] * hats[i * d + j]) } else { hats[i * d + j] };
    let dgamma = (0..d).map(|j| sum(&|i| a.r(dy.data[i * d + j] * hat(i, j)))).collect();
    let dbeta = (0..d).map(|j| sum(&|i| dy.data[i * d + j])).collect();
    [Array::new(&[d], dgamma), Array::new(&[d], dbeta)]
}
