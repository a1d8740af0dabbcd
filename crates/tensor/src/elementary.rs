//! Elementary functions of `f32` and `f64`, the same bits on every machine.

/// Functions of `f32`.
#[allow(missing_docs)]
pub mod f32 {
    #[inline(always)]
    pub fn exp(x: f32) -> f32 {
        x.exp()
    }
    #[inline(always)]
    pub fn expm1(x: f32) -> f32 {
        x.exp_m1()
    }
    #[inline(always)]
    pub fn ln(x: f32) -> f32 {
        x.ln()
    }
    #[inline(always)]
    pub fn ln_1p(x: f32) -> f32 {
        x.ln_1p()
    }
    #[inline(always)]
    pub fn tanh(x: f32) -> f32 {
        x.tanh()
    }
    #[inline(always)]
    pub fn erf(x: f32) -> f32 {
        super::erf(x as f64) as f32
    }
    #[inline(always)]
    pub fn erfc(x: f32) -> f32 {
        super::erfc(x as f64) as f32
    }
}

/// Functions of `f64`.
#[allow(missing_docs)]
pub mod f64 {
    #[inline(always)]
    pub fn exp(x: f64) -> f64 {
        x.exp()
    }
    #[inline(always)]
    pub fn expm1(x: f64) -> f64 {
        x.exp_m1()
    }
    #[inline(always)]
    pub fn ln(x: f64) -> f64 {
        x.ln()
    }
    #[inline(always)]
    pub fn ln_1p(x: f64) -> f64 {
        x.ln_1p()
    }
    #[inline(always)]
    pub fn tanh(x: f64) -> f64 {
        x.tanh()
    }
    #[inline(always)]
    pub fn erf(x: f64) -> f64 {
        super::erf(x)
    }
    #[inline(always)]
    pub fn erfc(x: f64) -> f64 {
        super::erfc(x)
    }
}

fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a < 2.5 {
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term.abs() > 1e-17 * sum.abs() {
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            sum += term;
            n += 1.0;
        }
        return 2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum;
    }
    x.signum() * (1.0 - erfc(a))
}

fn erfc(x: f64) -> f64 {
    if x < 2.5 {
        return 1.0 - erf(x);
    }
    let tail = (1..=120).rev().fold(0.0, |acc, k| 0.5 * k as f64 / (x + acc));
    (-x * x).exp() / std::f64::consts::PI.sqrt() / (x + tail)
}
