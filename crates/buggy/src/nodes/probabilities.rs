//! Softmax over the keys that a mask leaves.

use crate::{Arithmetic, Array, Bug, Tape, Var, Variant};

/// How a mask enters: `z = multiply · s + add` before the softmax, `after · p` behind it.
struct Applied {
    multiply: Vec<f64>,
    add: Vec<f64>,
    after: Vec<f64>,
}

impl Tape {
    /// `p = softmax(s)` over the last axis, of the entries that `keep` names; a row without any is zero.
    ///
    /// Backward: `ds = p (dp - Σ p dp)`.
    pub fn probabilities(&mut self, s: Var, keep: Option<Vec<bool>>) -> Var {
        let shape = self.shape(s);
        let applied = self.apply(keep, self.value(s).data.len());
        let z: Vec<f64> = {
            let a = self.arithmetic();
            let add = |(i, &s): (usize, &f64)| {
                let s = if applied.multiply[i] == 0.0 { 0.0 } else { s };
                a.r(s + applied.add[i])
            };
            self.value(s).data.iter().enumerate().map(add).collect()
        };
        let groups = self.groups(&shape);
        let mut p = vec![0.0; z.len()];
        let mut sums = Vec::new();
        for group in &groups {
            sums.push(self.softmax_of(group, &z, &mut p));
        }
        let soft = p.clone();
        p.iter_mut().zip(&applied.after).for_each(|(p, after)| *p *= after);
        let back = move |t: &Tape, dp: &Array| {
            // Programs for attention do that, those for a plain softmax do not.
            let again = dp.shape.len() == 4 && t.how.variant == Some(Variant::Recompute);
            let soft = if again { t.recomputed(&soft, &z, &groups, &sums) } else { soft.clone() };
            let mut ds = Array::zeros(&dp.shape);
            for (row, group) in groups.iter().enumerate() {
                let dp: Vec<f64> = group.iter().map(|&i| dp.data[i] * applied.after[i]).collect();
                let p: Vec<f64> = group.iter().map(|&i| soft[i]).collect();
                let center = if again { t.centers.borrow()[row] } else { center(t, &p, &dp) };
                for (&i, dz) in group.iter().zip(softmax_backward(t, &p, &dp, center)) {
                    ds.data[i] = dz * applied.multiply[i];
                }
            }
            vec![ds]
        };
        self.keep(Array::new(&shape, p), vec![s], Box::new(back))
    }

    fn apply(&self, keep: Option<Vec<bool>>, n: usize) -> Applied {
        let keep = keep.unwrap_or_else(|| vec![true; n]);
        let only = |x: f64, y: f64| keep.iter().map(|&k| if k { x } else { y }).collect::<Vec<_>>();
        let mut applied =
            Applied { multiply: vec![1.0; n], add: only(0.0, f64::NEG_INFINITY), after: vec![1.0; n] };
        match self.how.bug {
            Some(Bug::MaskMultZero) => {
                applied.multiply = only(1.0, 0.0);
                applied.add = vec![0.0; n];
            }
            Some(Bug::MaskAfterSoftmax) => {
                applied.after = only(1.0, 0.0);
                applied.add = vec![0.0; n];
            }
            Some(Bug::MaskNeg10) => applied.add = only(0.0, -10.0),
            Some(Bug::Mask1e4 | Bug::PMask1e4) => applied.add = only(0.0, -1e4),
            Some(Bug::MaskFinMin) => {
                applied.multiply = only(1.0, 0.0);
                applied.add = only(0.0, -1e30);
            }
            _ => {}
        }
        applied
    }

    /// The indices that one softmax is over.
    fn groups(&self, shape: &[usize]) -> Vec<Vec<usize>> {
        let (n, m) = (shape[shape.len().saturating_sub(2)], shape[shape.len() - 1]);
        let total: usize = shape.iter().product();
        let heads = 0..total / (n * m).max(1);
        if self.has(Bug::SoftmaxAxis) && shape.len() > 1 {
            return heads
                .flat_map(|h| (0..m).map(move |j| (0..n).map(|i| (h * n + i) * m + j).collect()))
                .collect();
        }
        let size = if self.has(Bug::SoftmaxGlobal) && shape.len() > 1 { n * m } else { m };
        (0..total / size.max(1)).map(|g| (g * size..(g + 1) * size).collect()).collect()
    }

    /// Softmax of a group into `p`; returns its logarithm of the sum of exponentials.
    fn softmax_of(&self, group: &[usize], z: &[f64], p: &mut [f64]) -> f64 {
        let a = self.arithmetic();
        let mut top = group.iter().fold(f64::NEG_INFINITY, |m, &i| m.max(z[i]));
        if top == f64::NEG_INFINITY {
            let dead = if self.has(Bug::DeadNan) { f64::NAN } else { 0.0 };
            group.iter().for_each(|&i| p[i] = dead);
            return top;
        }
        if self.has(Bug::SoftmaxNoMax) || self.has(Bug::PNoMax) {
            top = 0.0;
        }
        let z: Vec<f64> = group.iter().map(|&i| z[i]).collect();
        let [over, under] = self.tops(&z, top);
        let weight = |(z, m): (&f64, &f64)| if *z == f64::NEG_INFINITY { 0.0 } else { a.exp(a.r(z - m)) };
        let sum = if self.how.variant == Some(Variant::Online) {
            online_sum(a, &z, top)
        } else {
            a.sum(&z.iter().zip(&under).map(weight).collect::<Vec<_>>())
        };
        let weights = z.iter().zip(&over).map(weight);
        group.iter().zip(weights).for_each(|(&i, w)| p[i] = a.r(w / sum));
        a.r(top + a.ln(sum))
    }

    /// The maximum that every weight of the accumulator and every weight of the sum has taken out: that of the row, or,
    /// where it is not rescaled, the largest number up to the tile of the key.
    fn tops(&self, z: &[f64], top: f64) -> [Vec<f64>; 2] {
        let right = vec![top; z.len()];
        let [over, under] = match self.how.bug {
            Some(Bug::OnlineNothing) => [true, true],
            Some(Bug::OnlineAccumulator) => [true, false],
            Some(Bug::OnlineSum) => [false, true],
            _ => return [right.clone(), right],
        };
        let mut running = Vec::new();
        for tile in z.chunks(self.how.tile) {
            let before = running.last().copied().unwrap_or(f64::NEG_INFINITY);
            running.extend(vec![tile.iter().fold(before, |m, z| m.max(*z)); tile.len()]);
        }
        [over, under].map(|wrong| if wrong { running.clone() } else { right.clone() })
    }

    /// The probabilities computed again from scores and logarithms of sums. The logarithm is off by `|Λ| u`, and so is the
    /// row as a whole, by the same factor `1 + δ`: `Σ P dP` of these would be off by `δ Σ P dP`, far more than the
    /// gradient of a row with one large probability, in which it is subtracted from itself. Therefore such programs take
    /// `Σ dy y`, of what the forward computed.
    fn recomputed(&self, p: &[f64], z: &[f64], groups: &[Vec<usize>], sums: &[f64]) -> Vec<f64> {
        let (a, mut again) = (self.arithmetic(), p.to_vec());
        for (group, &sum) in groups.iter().zip(sums).filter(|(_, s)| s.is_finite()) {
            group.iter().for_each(|&i| again[i] = a.exp(a.r(z[i] - sum)));
        }
        again
    }
}

/// `Σ exp(z - max)` with the largest number so far, as tiled kernels do it.
fn online_sum(a: &Arithmetic, z: &[f64], top: f64) -> f64 {
    let (mut m, mut sum) = (f64::NEG_INFINITY, 0.0);
    for &z in z.iter().filter(|z| **z > f64::NEG_INFINITY) {
        let new = z.max(m);
        let old = if m == f64::NEG_INFINITY { 0.0 } else { a.r(sum * a.exp(a.r(m - new))) };
        sum = a.r(old + a.exp(a.r(z - new)));
        m = new;
    }
    debug_assert!(m == top, "the largest of all");
    sum
}

/// `Σ p dp`
pub fn center(t: &Tape, p: &[f64], dp: &[f64]) -> f64 {
    let a = t.arithmetic();
    match t.how.bug {
        Some(Bug::BwdSoftmaxNoCenter) => 0.0,
        Some(Bug::BwdSoftmaxCenterUnweighted) => a.r(a.sum(dp) / dp.len() as f64),
        _ => a.sum(&p.iter().zip(dp).map(|(p, d)| a.r(p * d)).collect::<Vec<_>>()),
    }
}

/// `p (dp - center)`
pub fn softmax_backward(t: &Tape, p: &[f64], dp: &[f64], center: f64) -> Vec<f64> {
    let a = t.arithmetic();
    p.iter().zip(dp).map(|(p, d)| a.r(p * a.r(d - center))).collect()
}
