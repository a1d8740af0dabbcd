//! Concatenation of modalities along the tokens, and its adjoint.

use mmt_tensor::{Error, Ragged, Real, Result, check_finite, check_shape};
use ndarray::{Array2, ArrayRef2, s};

use crate::Layout;

/// The tokens of two sequences below each other, sample by sample.
///
/// **eq-3-concat-split**
/// ```math
/// \mathcal C(A, B) = \begin{bmatrix} A \\ B \end{bmatrix}, \qquad
/// \operatorname{Split}\begin{bmatrix} A \\ B \end{bmatrix} = (A,\; B)
/// ```
///
/// `a: [n_a, d]`, `b: [n_b, d]` → `[n_a + n_b, d]`, with the layout that [`split`] needs
///
/// In a batch every sample is concatenated by itself, so its tokens stay together.
///
/// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3.
///
/// # Errors
/// [`Error::ShapeMismatch`] for different widths or numbers of samples; [`Error::LayoutMismatch`] if a layout does not
/// describe its matrix; [`Error::DuplicateModality`] for a tag that both have; [`Error::NonFinite`] for NaN and
/// infinities. [`Layout::of`] refuses segments without tokens, [`Layout::with_missing`] allows them.
pub fn concat<R: Real>(
    (a, layout_a): (&ArrayRef2<R>, &Layout),
    (b, layout_b): (&ArrayRef2<R>, &Layout),
) -> Result<(Array2<R>, Layout)> {
    check_shape("concat: b", b.shape(), &[b.nrows(), a.ncols()])?;
    check_layout("concat: a", a, layout_a)?;
    check_layout("concat: b", b, layout_b)?;
    check_finite("concat: a", a)?;
    check_finite("concat: b", b)?;
    let joint = layout_a.join(layout_b)?;
    Ok((stack(&[a, b], &join(&[layout_a, layout_b])), joint))
}

/// Gradients of [`concat()`], given the layouts of its two arguments: returns `ā` and `b̄`.
///
/// **eq-3-concat-split, backward**
/// ```math
/// (\bar A,\; \bar B) = \operatorname{Split}(\bar Z)
/// ```
///
/// Derivation, for any `Z̄`:
/// ```math
/// \langle \bar Z,\; \mathcal C(\dot A, \dot B) \rangle
///   = \langle \bar Z_A, \dot A \rangle + \langle \bar Z_B, \dot B \rangle
/// \quad\Rightarrow\quad \mathcal C^\top = \operatorname{Split}, \qquad \operatorname{Split}^\top = \mathcal C
/// ```
pub fn concat_backward<R: Real>(
    layout_a: &Layout,
    layout_b: &Layout,
    dz: &ArrayRef2<R>,
) -> (Array2<R>, Array2<R>) {
    let mut list = concat_all_backward(&[layout_a, layout_b], dz).into_iter();
    let mut next = || list.next().expect("two parts");
    (next(), next())
}

/// Any number of sequences, one below the other: [`concat()`] again and again.
///
/// # Errors
/// [`Error::EmptyInput`] for no sequence; those of [`concat()`].
pub fn concat_all<R: Real>(parts: &[(&ArrayRef2<R>, &Layout)]) -> Result<(Array2<R>, Layout)> {
    let Some((&(first, layout), others)) = parts.split_first() else {
        return Err(Error::EmptyInput { at: "concat: parts" });
    };
    let start = (first.to_owned(), layout.clone());
    others.iter().try_fold(start, |(z, layout), &part| concat((&z, &layout), part))
}

/// Gradients of [`concat_all`], given the layouts of its arguments: one for each.
pub fn concat_all_backward<R: Real>(layouts: &[&Layout], dz: &ArrayRef2<R>) -> Vec<Array2<R>> {
    let sizes: Vec<usize> = layouts.iter().map(|layout| layout.rows().tokens()).collect();
    unstack(dz, &join(layouts), &sizes)
}

/// The segments of a joint sequence, in their order.
///
/// `z: [n, d]` → one `[n_s, d]` per segment. The inverse and the adjoint of [`concat()`].
///
/// # Errors
/// [`Error::LayoutMismatch`] if the layout does not describe `z`; [`Error::NonFinite`] for NaN and infinities.
pub fn split<R: Real>(z: &ArrayRef2<R>, layout: &Layout) -> Result<Vec<Array2<R>>> {
    check_layout("split: z", z, layout)?;
    check_finite("split: z", z)?;
    let sizes: Vec<usize> = layout.segments().iter().map(|s| s.rows.tokens()).collect();
    Ok(unstack(z, &layout.pieces(), &sizes))
}

/// Gradient of [`split`]: the gradients of the segments, concatenated.
///
/// `dparts`: one `[n_s, d]` per segment → `[n, d]`
pub fn split_backward<R: Real>(layout: &Layout, dparts: &[Array2<R>]) -> Array2<R> {
    let parts: Vec<&ArrayRef2<R>> = dparts.iter().map(|part| &**part).collect();
    stack(&parts, &layout.pieces())
}

fn check_layout<R: Real>(at: &'static str, x: &ArrayRef2<R>, layout: &Layout) -> Result<()> {
    let tokens = layout.rows().tokens();
    if tokens == x.nrows() { Ok(()) } else { Err(Error::LayoutMismatch { at, rows: x.nrows(), tokens }) }
}

/// Part, rows of the joint matrix, rows of the part.
type Piece = (usize, std::ops::Range<usize>, std::ops::Range<usize>);

/// The pieces of sequences, each of which may have several segments.
fn join(layouts: &[&Layout]) -> Vec<Piece> {
    let lengths: Vec<Ragged> = layouts.iter().map(|layout| layout.rows()).collect();
    let (mut pieces, mut at) = (Vec::new(), 0);
    for b in 0..lengths[0].samples() {
        for (part, rows) in lengths.iter().enumerate() {
            let own = rows.range(b);
            pieces.push((part, at..at + own.len(), own.clone()));
            at += own.len();
        }
    }
    pieces
}

/// [`concat()`] of gradients, which may be infinite: the optimizer refuses such a step.
pub(crate) fn join_gradients<R: Real>(
    (a, layout_a): (&ArrayRef2<R>, &Layout),
    (b, layout_b): (&ArrayRef2<R>, &Layout),
) -> Array2<R> {
    stack(&[a, b], &join(&[layout_a, layout_b]))
}

fn stack<R: Real>(parts: &[&ArrayRef2<R>], pieces: &[Piece]) -> Array2<R> {
    let rows = parts.iter().map(|part| part.nrows()).sum();
    let mut z = Array2::zeros((rows, parts[0].ncols()));
    for (part, joint, own) in pieces {
        z.slice_mut(s![joint.clone(), ..]).assign(&parts[*part].slice(s![own.clone(), ..]));
    }
    z
}

fn unstack<R: Real>(z: &ArrayRef2<R>, pieces: &[Piece], sizes: &[usize]) -> Vec<Array2<R>> {
    let mut parts: Vec<Array2<R>> = sizes.iter().map(|&n| Array2::zeros((n, z.ncols()))).collect();
    for (part, joint, own) in pieces {
        parts[*part].slice_mut(s![own.clone(), ..]).assign(&z.slice(s![joint.clone(), ..]));
    }
    parts
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn layout(tag: &str, lengths: [usize; 2]) -> Layout {
        Layout::of(tag, Ragged::of_lengths(lengths)).unwrap()
    }

    #[test]
    fn samples_stay_together() {
        let (a, b) = (array![[1.0], [2.0], [3.0]], array![[4.0], [5.0]]);
        let (z, layout) = concat((&a, &layout("a", [1, 2])), (&b, &layout("b", [1, 1]))).unwrap();
        assert_eq!(z, array![[1.0], [4.0], [2.0], [3.0], [5.0]]);
        assert_eq!(split(&z, &layout).unwrap(), [a, b]);
    }

    #[test]
    fn any_number_of_sequences_can_be_joined_and_taken_apart() {
        let parts = [array![[1.0], [2.0], [3.0]], array![[4.0], [5.0]], array![[6.0], [7.0]]];
        let layouts = [layout("a", [1, 2]), layout("b", [1, 1]), layout("c", [1, 1])];
        let pairs: Vec<_> = parts.iter().zip(&layouts).map(|(x, l)| (&**x, l)).collect();
        let (z, joint) = concat_all(&pairs).unwrap();
        assert_eq!(z, array![[1.0], [4.0], [6.0], [2.0], [3.0], [5.0], [7.0]]);
        assert_eq!(joint.segments().len(), 3);
        assert_eq!(concat_all_backward(&layouts.iter().collect::<Vec<_>>(), &z), parts);
        assert_eq!(concat_all::<f64>(&[]).unwrap_err().to_string(), "concat: parts: empty");
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let (a, b) = (Array2::<f64>::zeros((3, 2)), Array2::<f64>::zeros((2, 2)));
        let (la, lb) = (layout("a", [1, 2]), layout("b", [1, 1]));
        let text = |r: Result<(Array2<f64>, Layout)>| r.unwrap_err().to_string();
        let wide = Array2::zeros((2, 3));
        assert_eq!(text(concat((&a, &la), (&wide, &lb))), "concat: b: expected shape [2, 2], got [2, 3]");
        let long = "concat: a: the segments have 3 tokens, but there are 2 rows";
        assert_eq!(text(concat((&b, &la), (&b, &lb))), long);
        assert_eq!(text(concat((&a, &la), (&a, &la))), "two segments are called `a`");
        let nan = Array2::from_elem((2, 2), f64::NAN);
        assert_eq!(text(concat((&a, &la), (&nan, &lb))), "concat: b: not a finite number");
        let one = Layout::of("c", Ragged::one(2)).unwrap();
        assert_eq!(text(concat((&a, &la), (&b, &one))), "concat: samples: expected shape [2], got [1]");
    }

    #[test]
    fn a_layout_of_another_length_is_refused() {
        let error = split(&Array2::<f64>::zeros((4, 2)), &layout("a", [1, 2])).unwrap_err();
        assert_eq!(error.to_string(), "split: z: the segments have 3 tokens, but there are 4 rows");
        let error = split(&Array2::from_elem((3, 2), f64::INFINITY), &layout("a", [1, 2])).unwrap_err();
        assert_eq!(error.to_string(), "split: z: not a finite number");
    }
}
