//! Who may see whom: masks as data, and what the note's product with `-∞` does instead.

use mmt_tensor::ops::{matmul, softmax};
use mmt_tensor::{Error, Ragged, Real, Result, check_finite, check_setting, check_shape};
use ndarray::{Array2, ArrayRef2};

use crate::attention::scaled;

/// Which keys a query may see, added to the scores before the softmax.
///
/// **eq-1.5-masked-attention**
/// ```math
/// O = \operatorname{softmax}_\text{row}\Bigl( \frac{Q K^\top}{\sqrt d} + B \Bigr) V, \qquad
/// B_{ij} = \begin{cases} 0 & \text{query } i \text{ may see key } j \\ -\infty & \text{otherwise} \end{cases}
/// ```
///
/// `Q: [n, d]`, `K: [m, d]`, `V: [m, d_v]`, `B: [n, m]` → `O: [n, d_v]`
///
/// A mask is a description for a whole batch and has no gradient; `B` is not stored unless the mask asks for numbers.
/// A hidden pair has weight exactly zero, and so has every gradient through it. Masks add: a key is visible if all of
/// them show it.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.3. The note multiplies with `M ∈ {1, -∞}`
/// instead: see [`note_literal_masked_attention`].
///
/// **eq-1.5-masked-attention, backward**
/// ```math
/// \bar S = P \odot \bigl( \bar P - \operatorname{rowsum}(\bar P \odot P) \bigr), \qquad
/// B_{ij} = -\infty \;\Rightarrow\; P_{ij} = 0 \;\Rightarrow\; \bar S_{ij} = 0
/// ```
///
/// Derivation: the sum `S = Q K' / √d + B` hands `S̄` on to the scores unchanged, so the backward is that of
/// eq-1.1-attention; where `P` is zero, the factor `P` makes `S̄` zero.
#[derive(Clone, Debug, PartialEq)]
pub enum Mask {
    /// Every query sees every key of its sample.
    None,
    /// Query `i` sees key `j` if `j <= i + offset`, both counted from the beginning of their sample. With offset 0 a
    /// position sees itself and what came before; with as many queries as keys that is the causal mask.
    Causal {
        /// How many keys ahead of its own position a query may look: `m - n` aligns the last query and the last key.
        offset: isize,
    },
    /// One entry per row of the tall key matrix: `true` keeps the key, `false` hides it from every query.
    Keys(Vec<bool>),
    /// Numbers to add to the scores: one matrix `[n_b, m_b]` per sample, shared by the heads. An entry `-∞` hides.
    Bias(Vec<Array2<f64>>),
    /// Adds a large negative number where `mask` hides, as several published codes do: `-1e4` in BERT. That is another
    /// function: a query from which all keys are hidden sees all of them alike, and a score far above the others
    /// leaks through.
    Finite {
        /// What is added instead of `-∞`.
        value: f64,
        /// Where.
        mask: Box<Mask>,
    },
    /// All of these.
    All(Vec<Mask>),
}

impl Mask {
    /// Query `i` sees the keys up to and including `i`.
    pub fn causal() -> Self {
        Mask::Causal { offset: 0 }
    }

    /// What each sample sees.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if there is not one flag per key or one matrix of the right shape per sample;
    /// [`Error::NonFinite`] for NaN and `+∞` in numbers to add, and for finite ones outside the range of the number
    /// type; [`Error::InvalidHyperparameter`] if the finite value is not a negative number, or rounds to zero or `-∞`.
    pub fn of_samples<R: Real>(&self, rows: &Ragged, context_rows: &Ragged) -> Result<Vec<Visible<R>>> {
        self.check::<R>(rows, context_rows)?;
        Ok((0..rows.samples()).map(|b| self.of_sample(b, rows, context_rows)).collect())
    }

    fn check<R: Real>(&self, rows: &Ragged, context_rows: &Ragged) -> Result<()> {
        match self {
            Mask::None | Mask::Causal { .. } => Ok(()),
            Mask::Keys(keep) => check_shape("mask: keys", &[keep.len()], &[context_rows.tokens()]),
            Mask::Bias(bias) => {
                check_shape("mask: bias", &[bias.len()], &[rows.samples()])?;
                for (b, bias) in bias.iter().enumerate() {
                    check_shape("mask: bias", bias.shape(), &[rows.length(b), context_rows.length(b)])?;
                    check_addable("mask: bias", bias)?;
                    let in_range = bias.iter().all(|b| b.is_infinite() || R::of(*b).is_finite());
                    if !in_range {
                        return Err(Error::NonFinite { at: "mask: bias" });
                    }
                }
                Ok(())
            }
            Mask::Finite { value, mask } => {
                check_setting("mask: value", value.is_finite() && *value < 0.0, || {
                    format!("must be a negative number, got {value}")
                })?;
                let rounded = R::of(*value);
                check_setting("mask: value", rounded.is_finite() && rounded < R::of(0.0), || {
                    format!("{value:e} is outside the range of the number type")
                })?;
                mask.check::<R>(rows, context_rows)
            }
            Mask::All(masks) => masks.iter().try_for_each(|mask| mask.check::<R>(rows, context_rows)),
        }
    }

    fn of_sample<R: Real>(&self, b: usize, rows: &Ragged, context_rows: &Ragged) -> Visible<R> {
        let (n, m) = (rows.length(b), context_rows.length(b));
        let all = Visible::all(n, m);
        match self {
            Mask::None => all,
            Mask::Causal { offset } => Visible { causal: Some(*offset), ..all },
            Mask::Keys(keep) => {
                let keep = &keep[context_rows.range(b)];
                let some_hidden = !keep.iter().all(|&keep| keep);
                Visible { keep: some_hidden.then(|| keep.to_vec()), ..all }
            }
            Mask::Bias(bias) => Visible { bias: Some(bias[b].as_standard_layout().mapv(R::of)), ..all },
            Mask::Finite { value, mask } => {
                let hidden = mask.of_sample::<R>(b, rows, context_rows);
                let bias = Array2::from_shape_fn((n, m), |(i, j)| {
                    let bias = hidden.bias_at(i, j);
                    if bias <= R::of(f64::NEG_INFINITY) { R::of(*value) } else { bias }
                });
                Visible { bias: Some(bias), ..all }
            }
            Mask::All(masks) => {
                let masks = masks.iter().map(|mask| mask.of_sample(b, rows, context_rows));
                masks.fold(all, Visible::and)
            }
        }
    }
}

/// Refuses what must not be added to a score: NaN and `+∞`.
pub(crate) fn check_addable<R: Real>(at: &'static str, bias: &ArrayRef2<R>) -> Result<()> {
    let fine = bias.iter().all(|b| b.is_finite() || b.to_f64() == f64::NEG_INFINITY);
    if fine { Ok(()) } else { Err(Error::NonFinite { at }) }
}

/// What the queries of one sample see.
#[derive(Clone, Debug)]
pub struct Visible<R> {
    /// `n`
    queries: usize,
    /// `m`
    keys: usize,
    /// Query `i` sees at most the keys up to `i + offset`.
    causal: Option<isize>,
    /// Which keys are there at all.
    keep: Option<Vec<bool>>,
    /// What is added to the scores.
    bias: Option<Array2<R>>,
}

impl<R: Real> Visible<R> {
    /// `n` queries that see all of `m` keys.
    pub fn all(queries: usize, keys: usize) -> Self {
        Visible { queries, keys, causal: None, keep: None, bias: None }
    }

    /// `bias` is added to the scores.
    pub fn biased(bias: &ArrayRef2<R>) -> Self {
        let rows = bias.as_standard_layout().into_owned();
        Visible { bias: Some(rows), ..Visible::all(bias.nrows(), bias.ncols()) }
    }

    /// What both show.
    fn and(self, other: Self) -> Self {
        let either = |a: Option<isize>, b: Option<isize>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let keep = match (self.keep, other.keep) {
            (Some(a), Some(b)) => Some(a.iter().zip(&b).map(|(&a, &b)| a && b).collect()),
            (a, b) => a.or(b),
        };
        let bias = match (self.bias, other.bias) {
            (Some(a), Some(b)) => Some(ndarray::Zip::from(&a).and(&b).map_collect(|&a, &b| add(a, b))),
            (a, b) => a.or(b),
        };
        Visible { causal: either(self.causal, other.causal), keep, bias, ..self }
    }

    /// Query `i` sees none of the keys from here on.
    #[inline(always)]
    pub(crate) fn end(&self, i: usize) -> usize {
        match self.causal {
            None => self.keys,
            Some(offset) => {
                (i as isize).saturating_add(offset).saturating_add(1).clamp(0, self.keys as isize) as usize
            }
        }
    }

    /// The first query that sees key `j`, or a later one.
    pub(crate) fn first_query(&self, j: usize) -> usize {
        match self.causal {
            None => 0,
            Some(offset) => (j as isize).saturating_sub(offset).clamp(0, self.queries as isize) as usize,
        }
    }

    /// Adds to the scores `s` of query `i` with the keys from `first` on, all of them before [`end`](Self::end).
    #[inline(always)]
    pub(crate) fn add_to(&self, i: usize, first: usize, s: &mut [R]) {
        if let Some(bias) = &self.bias {
            let bias = bias.row(i);
            let bias = &bias.as_slice().expect("standard layout")[first..first + s.len()];
            for (s, &b) in s.iter_mut().zip(bias) {
                *s = add(*s, b);
            }
        }
        if let Some(keep) = &self.keep {
            for (s, &keep) in s.iter_mut().zip(&keep[first..]) {
                *s = if keep { *s } else { R::of(f64::NEG_INFINITY) };
            }
        }
    }

    /// Whether query `i` sees any key.
    pub(crate) fn sees_a_key(&self, i: usize) -> bool {
        (0..self.end(i)).any(|j| self.bias_at(i, j) > R::of(f64::NEG_INFINITY))
    }

    /// `B_ij`
    pub fn bias_at(&self, i: usize, j: usize) -> R {
        let hidden = j >= self.end(i) || self.keep.as_ref().is_some_and(|keep| !keep[j]);
        let bias = self.bias.as_ref().map_or(R::of(0.0), |bias| bias[(i, j)]);
        if hidden { R::of(f64::NEG_INFINITY) } else { bias }
    }
}

/// `a + b`; `-∞` wins, also in number types whose sums know no infinity.
#[inline(always)]
fn add<R: Real>(a: R, b: R) -> R {
    if b <= R::of(f64::NEG_INFINITY) { b } else { a + b }
}

/// Masked attention as the note writes it, to show that it does not work.
///
/// ```math
/// O = \operatorname{softmax}_\text{row}\Bigl( \frac{Q K^\top}{\sqrt d} \odot M \Bigr) V, \qquad
/// M_{ij} \in \{ 1, -\infty \}
/// ```
///
/// `q: [n, d]`, `k: [m, d]`, `v: [m, d_v]`, `m: [n, m]` → `[n, d_v]`
///
/// A masked score that is negative becomes `+∞`, and zero becomes NaN: the result is right only if every masked
/// score is positive. Nothing uses this but the errata; [`Mask`] is the mask that works.
///
/// # Errors
/// [`Error::ShapeMismatch`]; [`Error::NonFinite`] as soon as a product is `+∞` or NaN; [`Error::FullyMaskedRow`].
pub fn note_literal_masked_attention<R: Real>(
    q: &ArrayRef2<R>,
    k: &ArrayRef2<R>,
    v: &ArrayRef2<R>,
    m: &ArrayRef2<R>,
) -> Result<Array2<R>> {
    check_shape("masked attention: k", k.shape(), &[k.nrows(), q.ncols()])?;
    check_shape("masked attention: v", v.shape(), &[k.nrows(), v.ncols()])?;
    check_shape("masked attention: m", m.shape(), &[q.nrows(), k.nrows()])?;
    check_finite("masked attention: v", v)?;
    let s = matmul(&scaled(q), &k.t()) * m;
    Ok(matmul(&softmax(&s)?, v))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn refused(mask: &Mask) -> String {
        mask.of_samples::<f64>(&Ragged::of_lengths([1, 2]), &Ragged::of_lengths([2, 3]))
            .unwrap_err()
            .to_string()
    }

    fn seen(mask: &Mask, n: usize, m: usize) -> Vec<String> {
        let visible = mask.of_samples::<f64>(&Ragged::one(n), &Ragged::one(m)).unwrap().remove(0);
        let mark = |i, j| if visible.bias_at(i, j) == 0.0 { 'x' } else { '.' };
        (0..n).map(|i| (0..m).map(|j| mark(i, j)).collect()).collect()
    }

    #[test]
    fn flags_that_are_not_one_per_key_are_refused() {
        assert_eq!(refused(&Mask::Keys(vec![true; 3])), "mask: keys: expected shape [5], got [3]");
        let inside = Mask::All(vec![Mask::None, Mask::Keys(vec![])]);
        assert_eq!(refused(&inside), "mask: keys: expected shape [5], got [0]");
    }

    #[test]
    fn numbers_to_add_that_do_not_fit_are_refused() {
        let (a, b) = (Array2::zeros((1, 2)), Array2::zeros((2, 3)));
        assert_eq!(refused(&Mask::Bias(vec![a.clone()])), "mask: bias: expected shape [2], got [1]");
        assert_eq!(
            refused(&Mask::Bias(vec![a.clone(), b.t().to_owned()])),
            "mask: bias: expected shape [2, 3], got [3, 2]"
        );
        for bad in [f64::NAN, f64::INFINITY] {
            let mut b = b.clone();
            b[(1, 1)] = bad;
            assert_eq!(refused(&Mask::Bias(vec![a.clone(), b])), "mask: bias: not a finite number");
        }
    }

    #[test]
    fn a_finite_value_that_hides_nothing_is_refused() {
        for value in [0.0, 1e4, f64::NEG_INFINITY] {
            let mask = Mask::Finite { value, mask: Box::new(Mask::causal()) };
            assert_eq!(refused(&mask), format!("mask: value: must be a negative number, got {value}"));
        }
    }

    #[test]
    fn finite_numbers_outside_the_range_of_the_type_are_refused() {
        let (n, m) = (Ragged::one(1), Ragged::one(2));
        let text = |mask: &Mask| mask.of_samples::<f32>(&n, &m).unwrap_err().to_string();
        for value in [-1e300, -1e-60] {
            let mask = Mask::Finite { value, mask: Box::new(Mask::causal()) };
            let refused = format!("mask: value: {value:e} is outside the range of the number type");
            assert_eq!(text(&mask), refused);
            assert_eq!(text(&Mask::All(vec![mask.clone()])), refused);
            assert!(mask.of_samples::<f64>(&n, &m).is_ok());
        }
        for bias in [-1e300, 1e300] {
            let mask = Mask::Bias(vec![array![[0.0, bias]]]);
            assert_eq!(text(&mask), "mask: bias: not a finite number");
            assert!(mask.of_samples::<f64>(&n, &m).is_ok());
        }
        assert!(Mask::Bias(vec![array![[0.0, f64::NEG_INFINITY]]]).of_samples::<f32>(&n, &m).is_ok());
    }

    #[test]
    fn causal_masks_count_from_the_upper_left_corner() {
        assert_eq!(seen(&Mask::causal(), 3, 3), ["x..", "xx.", "xxx"]);
        assert_eq!(seen(&Mask::causal(), 2, 4), ["x...", "xx.."]);
        assert_eq!(seen(&Mask::Causal { offset: 2 }, 2, 4), ["xxx.", "xxxx"]);
        assert_eq!(seen(&Mask::Causal { offset: -1 }, 3, 2), ["..", "x.", "xx"]);
        assert_eq!(seen(&Mask::Causal { offset: isize::MIN }, 1, 2), [".."]);
        assert_eq!(seen(&Mask::Causal { offset: isize::MAX }, 2, 2), ["xx", "xx"]);
    }

    #[test]
    fn masks_together_show_what_all_of_them_show() {
        let keys = Mask::Keys(vec![true, false, true]);
        let bias = Mask::Bias(vec![array![[0.0, 0.0, 0.0], [f64::NEG_INFINITY, 0.0, 0.0], [0.0, 0.0, 0.0]]]);
        let all = Mask::All(vec![keys.clone(), Mask::causal(), bias, keys, Mask::Causal { offset: 1 }]);
        assert_eq!(seen(&all, 3, 3), ["x..", "...", "x.x"]);
    }

    #[test]
    fn the_product_of_the_note_is_refused_where_it_is_not_a_number() {
        let (q, k, v) = (array![[1.0], [1.0]], array![[1.0], [-2.0]], array![[1.0], [0.0]]);
        let never = f64::NEG_INFINITY;
        let m = array![[1.0, never], [1.0, 1.0]];
        let run = |k: &Array2<f64>| note_literal_masked_attention(&q, k, &v, &m);
        assert_eq!(run(&k).unwrap_err().to_string(), "softmax: x: not a finite number");
        assert_eq!(run(&array![[1.0], [0.0]]).unwrap_err().to_string(), "softmax: x: not a finite number");
        assert_eq!(
            run(&array![[1.0], [2.0]]).unwrap()[(0, 0)],
            1.0,
            "right by accident: the score is positive"
        );
        let m = array![[1.0, never]];
        let error = note_literal_masked_attention(&q, &k, &v, &m).unwrap_err();
        assert_eq!(error.to_string(), "masked attention: m: expected shape [2, 2], got [1, 2]");
    }
}
