//! Activations, and the logarithms of softmax.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI};

use crate::{Arithmetic, Array, Bug, Tape, Var};

impl Tape {
    /// An activation by name: `relu`, `gelu`, `gelu_tanh`, `quick_gelu` or `tanh`.
    ///
    /// # Errors
    /// One line for another name.
    pub fn activation(&mut self, x: Var, kind: &str) -> Result<Var, String> {
        let a = self.how.arithmetic;
        let kind = match self.how.bug {
            Some(Bug::GeluTanh) if kind == "gelu" => "gelu_tanh",
            Some(Bug::GeluQuick) if kind == "gelu" => "quick_gelu",
            Some(Bug::ReluForGelu) if kind == "gelu" => "relu",
            _ => kind,
        };
        Ok(match kind {
            "relu" => {
                let at_zero = if self.has(Bug::BwdReluAtZero) { 1.0 } else { 0.0 };
                let beside = |x: f64| if x > 0.0 { 1.0 } else { 0.0 };
                let slope = move |x: f64, _: f64| if x == 0.0 { at_zero } else { beside(x) };
                self.map(x, |x| x.max(0.0), slope)
            }
            "gelu" => self.map(x, move |x| gelu(&a, x), self.slope_of_gelu(true)),
            "gelu_tanh" => self.map(x, move |x| gelu_tanh(&a, x), self.slope_of_gelu(false)),
            "quick_gelu" => {
                let y = move |x| a.r(x * a.sigmoid(a.r(1.702 * x)));
                let slope = move |x: f64, _: f64| {
                    let s = a.sigmoid(a.r(1.702 * x));
                    a.r(s * a.r(1.0 + a.r(a.r(1.702 * x) * a.r(1.0 - s))))
                };
                self.map(x, y, slope)
            }
            "tanh" => self.map(x, move |x| a.tanh(x), move |_, y| a.r(1.0 - a.r(y * y))),
            _ => return Err(format!("no activation `{kind}`")),
        })
    }

    /// The slope of GELU, of the exact one or of its tanh form.
    fn slope_of_gelu(&self, exact: bool) -> impl Fn(f64, f64) -> f64 + 'static {
        let a = self.how.arithmetic;
        let exact = exact != self.has(Bug::BwdGeluOther);
        let density = !self.has(Bug::BwdGeluNoDensity);
        move |x, _| match (exact, density) {
            (true, true) => gelu_slope(&a, x),
            (false, true) => gelu_tanh_slope(&a, x),
            (true, false) => normal(&a, x),
            (false, false) => a.r(0.5 * a.r(1.0 + inner(&a, x))),
        }
    }

    /// `log softmax` of every row.
    ///
    /// Backward: `dz = dl - softmax(z) Σ dl`.
    pub fn log_softmax(&mut self, z: Var) -> Var {
        let a = self.how.arithmetic;
        let value = self.value(z);
        let (shape, width) = (value.shape.clone(), value.width());
        let sums: Vec<f64> = value.data.chunks(width).map(|row| lse(&a, row)).collect();
        let log = |(i, z): (usize, &f64)| a.r(z - sums[i / width]);
        let l: Vec<f64> = value.data.iter().enumerate().map(log).collect();
        let exact = l.clone();
        let back = move |_: &Tape, dl: &Array| {
            let mut dz = Vec::new();
            for (l, dl) in exact.chunks(width).zip(dl.data.chunks(width)) {
                let sum = a.sum(dl);
                dz.extend(l.iter().zip(dl).map(|(l, g)| a.r(g - a.r(a.exp(*l) * sum))));
            }
            vec![Array::new(&dl.shape, dz)]
        };
        self.push(Array::new(&shape, l), vec![z], Box::new(back))
    }

    /// The logarithm of the sum of exponentials of every row.
    ///
    /// Backward: `dz = softmax(z) ds`.
    pub fn log_sum_exp(&mut self, z: Var) -> Var {
        let a = self.how.arithmetic;
        let value = self.value(z);
        let (shape, width) = (value.shape.clone(), value.width());
        let sums: Vec<f64> = value.data.chunks(width).map(|row| lse(&a, row)).collect();
        let kept = sums.clone();
        let back = move |t: &Tape, ds: &Array| {
            let z = t.value(z);
            let p = |(i, z): (usize, &f64)| a.r(ds.data[i / width] * a.exp(a.r(z - kept[i / width])));
            vec![Array::new(&z.shape, z.data.iter().enumerate().map(p).collect())]
        };
        self.push(Array::new(&shape[..shape.len() - 1], sums), vec![z], Box::new(back))
    }
}

/// `m + ln Σ exp(z - m)` with the largest `m`.
pub fn lse(a: &Arithmetic, z: &[f64]) -> f64 {
    let m = z.iter().fold(f64::NEG_INFINITY, |m, z| m.max(*z));
    let sum = a.sum(&z.iter().map(|z| a.exp(a.r(z - m))).collect::<Vec<_>>());
    a.r(m + a.ln(sum))
}

/// `x Φ(x)`, `Φ(x) = (1 + erf(x/√2)) / 2`.
fn gelu(a: &Arithmetic, x: f64) -> f64 {
    a.r(x * normal(a, x))
}

fn normal(a: &Arithmetic, x: f64) -> f64 {
    a.r(0.5 * a.r(1.0 + a.erf(a.r(x * FRAC_1_SQRT_2))))
}

/// `Φ(x) + x φ(x)`.
fn gelu_slope(a: &Arithmetic, x: f64) -> f64 {
    let density = a.r(a.exp(a.r(-0.5 * a.r(x * x))) / a.sqrt(2.0 * PI));
    a.r(normal(a, x) + a.r(x * density))
}

/// `x (1 + tanh u) / 2`, `u = √(2/π) (x + 0.044715 x³)`.
fn gelu_tanh(a: &Arithmetic, x: f64) -> f64 {
    a.r(a.r(0.5 * x) * a.r(1.0 + inner(a, x)))
}

fn inner(a: &Arithmetic, x: f64) -> f64 {
    let cube = a.r(0.044715 * a.r(x * a.r(x * x)));
    a.tanh(a.r(a.sqrt(FRAC_2_PI) * a.r(x + cube)))
}

/// `(1 + tanh u) / 2 + x (1 - tanh² u) u' / 2`.
fn gelu_tanh_slope(a: &Arithmetic, x: f64) -> f64 {
    let t = inner(a, x);
    let slope = a.r(a.sqrt(FRAC_2_PI) * a.r(1.0 + a.r(3.0 * 0.044715 * a.r(x * x))));
    let part = a.r(a.r(0.5 * x) * a.r(a.r(1.0 - a.r(t * t)) * slope));
    a.r(a.r(0.5 * a.r(1.0 + t)) + part)
}
