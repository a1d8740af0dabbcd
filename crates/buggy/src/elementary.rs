//! Elementary functions by their series: the same bits everywhere, a few units in the last place from the truth.

const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `e^x`: `2^k e^r` with `|r| ≤ ln 2 / 2`, and the series of `e^r`.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.79 {
        return f64::INFINITY;
    }
    if x < -745.2 {
        return 0.0;
    }
    let k = (x / std::f64::consts::LN_2).round();
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    scale(1.0 + series(r), k as i32)
}

/// `e^x - 1`.
pub fn exp_minus_one(x: f64) -> f64 {
    if x.abs() < 0.4 { series(x) } else { exp(x) - 1.0 }
}

/// `e^r - 1` for a small `r`.
fn series(r: f64) -> f64 {
    let horner = (2..=20).rev().fold(1.0, |sum, n| 1.0 + r / f64::from(n) * sum);
    r * horner
}

/// `x 2^k` in two steps, so that neither factor overflows.
fn scale(x: f64, k: i32) -> f64 {
    let power = |k: i32| f64::from_bits(((1023 + k) as u64) << 52);
    x * power(k / 2) * power(k - k / 2)
}

/// The natural logarithm: `e ln 2 + 2 artanh((m - 1) / (m + 1))`.
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    let (x, shift) = if x < f64::MIN_POSITIVE { (x * 2.0_f64.powi(54), 54) } else { (x, 0) };
    let mut e = ((x.to_bits() >> 52) as i32) - 1023;
    let mut m = f64::from_bits((x.to_bits() & ((1 << 52) - 1)) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m /= 2.0;
        e += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let sum = (0..16).rev().fold(0.0, |sum, n| 1.0 / f64::from(2 * n + 1) + s * s * sum);
    let e = f64::from(e - shift);
    e * LN_2_HIGH + (2.0 * s * sum + e * LN_2_LOW)
}

/// The hyperbolic tangent, `t / (t + 2)` with `t = e^{2x} - 1`.
pub fn tanh(x: f64) -> f64 {
    if x.abs() > 20.0 {
        return x.signum();
    }
    let t = exp_minus_one(2.0 * x.abs());
    x.signum() * (t / (t + 2.0))
}

/// The error function: `2/√π e^{-x²} Σ 2^n x^{2n+1} / (2n+1)!!`, of which every term is positive, near zero; one minus
/// `e^{-x²}/√π / (x + ½/(x + 1/(x + ³⁄₂/(x + ..))))` farther out.
pub fn erf(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    // x² in two parts: the first is exact, and the exponential feels no rounding of the second.
    let high = f64::from(x as f32);
    let square = exp(-high * high) * exp(-(x - high) * (x + high));
    let scale = std::f64::consts::FRAC_2_SQRT_PI * square;
    if x.abs() > 1.5 {
        let fraction = (1..=200).rev().fold(x.abs(), |f, k| x.abs() + 0.5 * f64::from(k) / f);
        return x.signum() * (1.0 - 0.5 * scale / fraction);
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    scale * sum
}

/// Sine and cosine: the rest after multiples of `π/2`, and their series.
pub fn sin_cos(x: f64) -> (f64, f64) {
    // Pi/2 in three parts, the first two with 33 bits: multiples below 2^20 are exact.
    const PARTS: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_7e-21];
    let k = (x * std::f64::consts::FRAC_2_PI).round();
    let r = ((x - k * PARTS[0]) - k * PARTS[1]) - k * PARTS[2];
    let s = r * (1..=11).rev().fold(1.0, |sum, n| 1.0 - r * r / f64::from(2 * n * (2 * n + 1)) * sum);
    let c = (1..=11).rev().fold(1.0, |sum, n| 1.0 - r * r / f64::from(2 * n * (2 * n - 1)) * sum);
    match (k as i64).rem_euclid(4) {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 4e-16 * want.abs().max(1e-300), "{got:e}, not {want:e}");
    }

    // Forty digits of an arbitrary-precision library, rounded.
    #[test]
    fn functions_have_their_values() {
        near(exp(1.0), std::f64::consts::E);
        near(exp(-20.5), 1.250_152_866_386_742_6e-9);
        near(exp(88.25), 2.120_742_930_535_254e38);
        assert_eq!((exp(-800.0), exp(800.0), exp(0.0)), (0.0, f64::INFINITY, 1.0));
        near(ln(10.0), std::f64::consts::LN_10);
        near(ln(1.0e-3), -6.907_755_278_982_137);
        near(tanh(0.1), 0.099_667_994_624_955_82);
        near(tanh(-2.0), -0.964_027_580_075_816_9);
        near(erf(0.5), 0.520_499_877_813_046_5);
        near(erf(-2.5), -0.999_593_047_982_555);
        near(sin_cos(100.0).0, -0.506_365_641_109_758_8);
        near(sin_cos(100.0).1, 0.862_318_872_287_683_9);
        near(sin_cos(0.1).0, 0.099_833_416_646_828_15);
    }

    #[test]
    fn nothing_passes_for_a_number() {
        for f in [exp, ln, tanh, erf] {
            assert!(f(f64::NAN).is_nan());
        }
        assert!(ln(-1.0).is_nan() && ln(0.0) == f64::NEG_INFINITY && ln(f64::INFINITY) == f64::INFINITY);
    }
}
