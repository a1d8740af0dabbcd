//! The formulas, written once for both precisions.

/// The functions of one number type, from the constants and tables in scope; `$bits` is its unsigned integer.
///
/// Every function is a straight line of arithmetic and selections, so a loop over it runs in vector registers. What
/// a selection drops may be NaN or infinite on the way.
macro_rules! formulas {
    ($float:ident, $bits:ident) => {
        /// Bits of a fraction that are stored.
        const FRACTION: u32 = $float::MANTISSA_DIGITS - 1;
        /// The exponent of 1, as it is stored.
        const BIAS: $bits = ($float::MAX_EXP - 1) as $bits;
        /// `2^FRACTION`: what is added to it is rounded to a whole number, which its lowest bits then hold.
        const WHOLE: $float = ((1 as $bits) << FRACTION) as $float;
        /// `1.5 · 2^FRACTION` for whole numbers of either sign, plus the bias: a shift makes a power of two of it.
        const SHIFT: $float = 1.5 * WHOLE + BIAS as $float;
        /// `√½`, where the logarithm changes from one power of two to the next.
        const SQRT_HALF: $float = std::$float::consts::FRAC_1_SQRT_2;

        /// `c_0 x^(N-1) + c_1 x^(N-2) + .. + c_(N-1)`
        ///
        /// The even and the odd powers by Horner's rule on `x²` each: two chains of half the length, which run at the
        /// same time.
        #[inline(always)]
        fn polynomial<const N: usize>(x: $float, c: [$float; N]) -> $float {
            let square = x * x;
            let (mut even, mut odd) = if N % 2 == 1 { (c[0], c[1]) } else { (c[1], c[0]) };
            let mut i = 2;
            while i < N {
                let chain = if (N - 1 - i) % 2 == 0 { &mut even } else { &mut odd };
                *chain = chain.mul_add(square, c[i]);
                i += 1;
            }
            odd.mul_add(x, even)
        }

        /// `x = n ln 2 + r` with a whole `n` and `|r| ≤ ½ ln 2`: returns `n + bias` in the lowest bits, `n` and `r`.
        #[inline(always)]
        fn reduce(x: $float) -> ($bits, $float, $float) {
            let shifted = x.mul_add(std::$float::consts::LOG2_E, SHIFT);
            let n = shifted - SHIFT;
            let r = n.mul_add(-LN_2_LOW, n.mul_add(-std::$float::consts::LN_2, x));
            (shifted.to_bits(), n, r)
        }

        /// `e^x`
        ///
        /// `x = n ln 2 + r` with `ln 2` in two parts, `e^x = 2^n (1 + r (1 + r P(r)))`. The power of two is applied
        /// in two steps, so that results below the smallest normal number lose their digits one by one.
        #[inline(always)]
        pub fn exp(x: $float) -> $float {
            let x = if x < EXP_ZERO { EXP_ZERO } else { x };
            let x = if x > EXP_INFINITE { EXP_INFINITE } else { x };
            let (power, _, r) = reduce(x);
            let y = polynomial(r, EXP).mul_add(r, 1.0).mul_add(r, 1.0);
            let tiny = x < EXP_TINY;
            let up = if tiny { TINY_STEP << FRACTION } else { 0 };
            let down = if tiny { TINY } else { 2.0 };
            let half = ((power.wrapping_sub(1)) << FRACTION).wrapping_add(up);
            y * $float::from_bits(half) * down
        }

        /// `e^x - 1`
        ///
        /// As [`exp`], with `2^n (q + 1) - 1` for `q = e^r - 1`; `q` alone for `n = 0`.
        #[inline(always)]
        pub fn expm1(x: $float) -> $float {
            let cut = if x < EXPM1_ONE { EXPM1_ONE } else { x };
            let cut = if cut > EXP_INFINITE { EXP_INFINITE } else { cut };
            let (power, n, r) = reduce(cut);
            let q = (polynomial(r, EXP) * r).mul_add(r, r);
            let half = $float::from_bits(power.wrapping_sub(1) << FRACTION);
            let y = half.mul_add(q, half - 0.5) * 2.0;
            let y = if n == 0.0 { q } else { y };
            y.copysign(x)
        }

        /// `x = 2^k (1 + f)` with `√½ ≤ 1 + f < √2`, for normal `x`: returns `k` and `f`.
        #[inline(always)]
        fn split(x: $float) -> ($float, $float) {
            let bits = x.to_bits().wrapping_add((BIAS << FRACTION).wrapping_sub(SQRT_HALF.to_bits()));
            let k = $float::from_bits((bits >> FRACTION) | WHOLE.to_bits()) - (WHOLE + BIAS as $float);
            let fraction = bits & (((1 as $bits) << FRACTION) - 1);
            (k, $float::from_bits(fraction.wrapping_add(SQRT_HALF.to_bits())) - 1.0)
        }

        /// `k ln 2 + log(1 + f) + c`
        ///
        /// `log(1 + f) = 2 artanh(s)` with `s = f / (2 + f)`, an odd series. Its first terms are `f - f²/2`, which
        /// are kept apart because the first is exact.
        #[inline(always)]
        fn logarithm(k: $float, f: $float, c: $float) -> $float {
            let s = f / (2.0 + f);
            let z = s * s;
            let square = 0.5 * f * f;
            let tail = s.mul_add(polynomial(z, LN).mul_add(z, square), k.mul_add(LN_2_LOW, c));
            k.mul_add(std::$float::consts::LN_2, f - (square - tail))
        }

        /// `log x`: `-∞` for zero, NaN below.
        #[inline(always)]
        pub fn ln(x: $float) -> $float {
            let tiny = x < $float::MIN_POSITIVE;
            let (k, f) = split(if tiny { x * WHOLE } else { x });
            let y = logarithm(if tiny { k - FRACTION as $float } else { k }, f, 0.0);
            let edge = if x == 0.0 { $float::NEG_INFINITY } else { x };
            let edge = if x < 0.0 { $float::NAN } else { edge };
            if x > 0.0 && x < $float::INFINITY { y } else { edge }
        }

        /// `log(1 + x)`: `-∞` for -1, NaN below.
        ///
        /// `1 + x` is rounded; what the rounding took away is added again as `c / (1 + x)`.
        #[inline(always)]
        pub fn ln_1p(x: $float) -> $float {
            let u = 1.0 + x;
            let rounded = u - 1.0;
            let lost = ((1.0 - (u - rounded)) + (x - rounded)) / u;
            let (k, f) = split(u);
            let near = x > SQRT_HALF - 1.0 && x < 2.0 * SQRT_HALF - 1.0;
            let y = logarithm(
                if near { 0.0 } else { k },
                if near { x } else { f },
                if near { 0.0 } else { lost },
            );
            let edge = if x == -1.0 { $float::NEG_INFINITY } else { x };
            let edge = if x < -1.0 { $float::NAN } else { edge };
            if x > -1.0 && x < $float::INFINITY { y.copysign(x) } else { edge }
        }

        /// The hyperbolic tangent, `-q / (2 + q)` with `q = e^{-2|x|} - 1`.
        #[inline(always)]
        pub fn tanh(x: $float) -> $float {
            let q = expm1(-2.0 * x.abs());
            (-q / (2.0 + q)).copysign(x)
        }

        /// `erf x` for `|x| < ¾` as `x + x P(x²)`.
        #[inline(always)]
        fn erf_near(x: $float) -> $float {
            polynomial(x * x, ERF).mul_add(x, x)
        }

        /// `erfc |x|`, to full relative accuracy far out.
        ///
        /// `e^{-x²} u P(u - ½)` with `u = 1 / (1 + p |x|)`: the powers of `u - ½` lose at most a factor of three by
        /// cancellation. The rounding error of `x²` is put into the exponent again.
        #[inline(always)]
        fn erfc_absolute(x: $float) -> $float {
            let a = x.abs();
            let square = x * x;
            let rest = x.mul_add(x, -square);
            let e = exp(-square);
            let e = (-rest).mul_add(e, e);
            let u = 1.0 / a.mul_add(ERFC_P, 1.0);
            let y = polynomial(u - 0.5, ERFC) * u * e;
            if a > ERFC_ZERO { 0.0 } else { y }
        }

        /// The error function.
        #[inline(always)]
        pub fn erf(x: $float) -> $float {
            let far = (1.0 - erfc_absolute(x)).copysign(x);
            if x.abs() < 0.75 { erf_near(x) } else { far }
        }

        /// `1 - erf x`, to full relative accuracy far out.
        #[inline(always)]
        pub fn erfc(x: $float) -> $float {
            let y = erfc_absolute(x);
            if x < 0.0 { 2.0 - y } else { y }
        }
    };
}

pub(super) use formulas;
