//! Functions of `f32`.

use super::formulas::formulas;

/// `ln 2`, less what [`LN_2`](std::f32::consts::LN_2) holds.
const LN_2_LOW: f32 = -1.9046542e-9;
/// Where `e^x` is 0: less than half the smallest number.
const EXP_ZERO: f32 = -104.0;
/// Where `e^x` is infinite.
const EXP_INFINITE: f32 = 89.0;
/// Below this `e^x` is computed [`TINY_STEP`] powers of two too large, and scaled by [`TINY`].
const EXP_TINY: f32 = -80.0;
const TINY_STEP: u32 = 65;
const TINY: f32 = f32::from_bits((127 - 64) << 23);
/// Where `e^x - 1` is -1.
const EXPM1_ONE: f32 = -30.0;
/// Where `erfc` is 0.
const ERFC_ZERO: f32 = 10.1;
const ERFC_P: f32 = 0.5;

/// `(e^r - 1 - r) / r²` for `|r| ≤ ½ ln 2`, relative to `e^r - 1`: 1.3e-8.
const EXP: [f32; 5] = [0.0013882521, 0.00836653, 0.0416672, 0.16666543, 0.49999997];
/// `(2 artanh s - 2 s) / s³` by `s²`, relative to the logarithm: 8e-10.
const LN: [f32; 3] = [0.29871732, 0.39977542, 0.66666776];
/// `erf x / x - 1` by `x²` for `|x| ≤ ¾`, relative to `erf`: 1.4e-9.
const ERF: [f32; 6] = [-0.0006749514, 0.005114346, -0.026834624, 0.11283377, -0.3761262, 0.12837917];
/// `e^{x²} erfc x / u` by `u - ½` for `0 ≤ x ≤ 10.1`, relative: 2.0e-8.
const ERFC: [f32; 10] = [
    0.011980419,
    -0.06773061,
    0.04648713,
    0.09737317,
    -0.10296342,
    -0.1720225,
    0.14574361,
    0.55894303,
    0.6871609,
    0.51079136,
];

formulas!(f32, u32);
