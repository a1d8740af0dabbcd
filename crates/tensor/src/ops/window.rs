//! Windows that slide over an image, a clip or a signal: what convolution and pooling share.

use std::ops::Range;

use crate::{Real, Result, check_setting, check_shape};

/// Where the windows of one channel lie. Missing leading axes have size 1, so that one loop serves one, two and
/// three axes.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Size of the input along time, height and width.
    pub size: [usize; 3],
    /// Size of a window.
    pub kernel: [usize; 3],
    /// How many windows there are.
    pub out: [usize; 3],
    stride: [usize; 3],
    padding: [usize; 3],
    dilation: [usize; 3],
}

/// Three axes from at most three, `fill` in front.
fn three(axes: &[usize], fill: usize) -> [usize; 3] {
    let mut all = [fill; 3];
    all[3 - axes.len()..].copy_from_slice(axes);
    all
}

impl Windows {
    /// Windows of `kernel` over `size`. `at` names the function in errors.
    pub fn new(
        at: &'static str,
        size: &[usize],
        kernel: &[usize],
        [stride, padding, dilation]: [&[usize]; 3],
    ) -> Result<Self> {
        let positive = |name: &str, sizes: &[usize]| {
            let why = || format!("{name} must be at least 1, got {sizes:?}");
            check_setting(at, sizes.iter().all(|&n| n > 0), why)
        };
        positive("stride", stride)?;
        positive("dilation", dilation)?;
        positive("kernel", kernel)?;
        let (size, kernel) = (three(size, 1), three(kernel, 1));
        let (stride, padding, dilation) = (three(stride, 1), three(padding, 0), three(dilation, 1));
        let mut out = [0; 3];
        for i in 0..3 {
            let span = dilation[i].saturating_mul(kernel[i] - 1).saturating_add(1);
            let padded = padding[i].saturating_mul(2).saturating_add(size[i]);
            check_setting(at, span <= padded, || {
                format!("a kernel that spans {span} is larger than the padded input of {padded}")
            })?;
            out[i] = (padded - span) / stride[i] + 1;
        }
        Ok(Windows { size, kernel, out, stride, padding, dilation })
    }

    /// Numbers in one channel of the input.
    pub fn pixels(&self) -> usize {
        self.size.iter().product()
    }

    /// Numbers in a window of one channel.
    pub fn entries(&self) -> usize {
        self.kernel.iter().product()
    }

    /// How many windows there are.
    pub fn positions(&self) -> usize {
        self.out.iter().product()
    }

    /// Distance in memory between the same entries of windows side by side.
    pub fn step(&self) -> usize {
        self.stride[2]
    }

    /// Copies the windows at `positions` of the channels in `x` into the columns of `columns`:
    /// `[channels · entries, positions]`. Padding is `fill`.
    #[inline(always)]
    pub fn unfold<R: Real>(&self, x: &[R], positions: Range<usize>, fill: R, columns: &mut [R]) {
        let rows = columns.chunks_exact_mut(positions.len());
        for (i, row) in rows.enumerate() {
            let x = &x[i / self.entries() * self.pixels()..][..self.pixels()];
            self.runs(
                i % self.entries(),
                positions.clone(),
                #[inline(always)]
                |run, inside, from| {
                    let row = &mut row[run];
                    row[..inside.start].fill(fill);
                    row[inside.end..].fill(fill);
                    let row = &mut row[inside];
                    match self.stride[2] {
                        1 => row.copy_from_slice(&x[from..from + row.len()]),
                        2 => copy_every_second(&x[from..], row),
                        s => row.iter_mut().enumerate().for_each(|(i, y)| *y = x[from + i * s]),
                    }
                },
            );
        }
    }

    /// The transpose of [`unfold`](Windows::unfold): adds every entry of `columns` to the number in `x` that it is a
    /// copy of.
    #[inline(always)]
    pub fn fold<R: Real>(&self, columns: &[R], positions: Range<usize>, x: &mut [R]) {
        let rows = columns.chunks_exact(positions.len());
        for (i, row) in rows.enumerate() {
            let x = &mut x[i / self.entries() * self.pixels()..][..self.pixels()];
            self.runs(
                i % self.entries(),
                positions.clone(),
                #[inline(always)]
                |run, inside, from| {
                    let row = &row[run][inside];
                    match self.stride[2] {
                        1 => {
                            for (x, &d) in x[from..].iter_mut().zip(row) {
                                *x += d;
                            }
                        }
                        2 => add_to_every_second(&mut x[from..], row),
                        s => row.iter().enumerate().for_each(|(i, &d)| x[from + i * s] += d),
                    }
                },
            );
        }
    }

    /// Cuts `positions` into runs of windows side by side. `f(run, inside, from)`: the run as a range of `positions`
    /// counted from its start, the part of the run whose windows have their entry number `entry` inside the input,
    /// and where in the channel the first of those entries lies.
    #[inline(always)]
    pub fn runs(
        &self,
        entry: usize,
        positions: Range<usize>,
        mut f: impl FnMut(Range<usize>, Range<usize>, usize),
    ) {
        let [_, height, width] = self.kernel;
        let entry = [entry / (height * width), entry / width % height, entry % width];
        let shift: [usize; 3] = std::array::from_fn(|i| entry[i] * self.dilation[i]);
        // The windows along the width whose entry is inside the input.
        let first = self.padding[2].saturating_sub(shift[2]).div_ceil(self.stride[2]);
        let end = (self.size[2] + self.padding[2]).saturating_sub(shift[2]).div_ceil(self.stride[2]);
        let mut at = positions.start;
        while at < positions.end {
            let column = at % self.out[2];
            let length = (self.out[2] - column).min(positions.end - at);
            let (row, time) = (at / self.out[2] % self.out[1], at / self.out[2] / self.out[1]);
            let run = at - positions.start..at - positions.start + length;
            at += length;
            let y = (row * self.stride[1] + shift[1]).wrapping_sub(self.padding[1]);
            let t = (time * self.stride[0] + shift[0]).wrapping_sub(self.padding[0]);
            let start = first.clamp(column, column + length) - column;
            let stop = end.clamp(column, column + length) - column;
            if y >= self.size[1] || t >= self.size[0] || start >= stop {
                f(run, 0..0, 0);
                continue;
            }
            let x = (column + start) * self.stride[2] + shift[2] - self.padding[2];
            f(run, start..stop, (t * self.size[1] + y) * self.size[2] + x);
        }
    }
}

/// `row[i] = x[2 i]`. A loop rather than a chain of iterators, here and below: what the library does not mark to be
/// inlined would keep the baseline of [`vectorize`](crate::simd::vectorize).
#[inline(always)]
fn copy_every_second<R: Real>(x: &[R], row: &mut [R]) {
    let (pairs, last) = x.as_chunks::<2>();
    let (front, back) = row.split_at_mut(pairs.len().min(row.len()));
    for (y, x) in front.iter_mut().zip(pairs) {
        *y = x[0];
    }
    back.copy_from_slice(&last[..back.len()]);
}

/// `x[2 i] += row[i]`
#[inline(always)]
fn add_to_every_second<R: Real>(x: &mut [R], row: &[R]) {
    let (pairs, last) = x.as_chunks_mut::<2>();
    let (front, back) = row.split_at(pairs.len().min(row.len()));
    for (x, &d) in pairs.iter_mut().zip(front) {
        x[0] += d;
    }
    for (x, &d) in last.iter_mut().zip(back) {
        *x += d;
    }
}

/// Refuses arrays that are not `[batch, channels, ..]` with `axes` further axes, none of them empty.
pub(crate) fn check_image(at: &'static str, shape: &[usize], axes: usize) -> Result<()> {
    check_shape(at, shape, &vec![crate::error::ANY; axes + 2])?;
    if shape.contains(&0) { Err(crate::Error::EmptyInput { at }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number of a channel is counted once for each window and entry that reads it, with a loop of its own for
    /// every step along the width.
    #[test]
    fn folding_is_the_transpose_of_unfolding_for_any_cut_of_the_positions() {
        for step in 1..=4 {
            let windows = Windows::new("test", &[5, 7], &[2, 3], [&[2, step], &[1, 2], &[1, 2]]).unwrap();
            transposed_for_any_cut(&windows);
        }
    }

    fn transposed_for_any_cut(windows: &Windows) {
        let x: Vec<f64> = (0..70).map(f64::from).collect();
        let n = windows.positions();
        let mut whole = vec![0.0; 12 * n];
        windows.unfold(&x, 0..n, 0.0, &mut whole);
        for cut in 1..n {
            let (mut a, mut b) = (vec![0.0; 12 * cut], vec![0.0; 12 * (n - cut)]);
            windows.unfold(&x, 0..cut, 0.0, &mut a);
            windows.unfold(&x, cut..n, 0.0, &mut b);
            for (i, row) in whole.chunks(n).enumerate() {
                assert_eq!(row[..cut], a[i * cut..][..cut]);
                assert_eq!(row[cut..], b[i * (n - cut)..][..n - cut]);
            }
        }
        let mut back = vec![0.0; 70];
        windows.fold(&whole, 0..n, &mut back);
        let squares: f64 = whole.iter().map(|x| x * x).sum();
        assert_eq!(back.iter().zip(&x).map(|(b, x)| b * x).sum::<f64>(), squares);
    }

    /// Read off one by one: entry `(a, b)` of window `(i, j)` is the number at `(2 i + a - 1, step j + 2 b - 2)`.
    #[test]
    fn a_window_holds_the_numbers_under_it_and_zeros_outside() {
        for step in 1..=4 {
            let windows = Windows::new("test", &[5, 7], &[2, 3], [&[2, step], &[1, 2], &[1, 2]]).unwrap();
            let x: Vec<f64> = (1..=35).map(f64::from).collect();
            let n = windows.positions();
            let mut columns = vec![f64::NAN; 6 * n];
            windows.unfold(&x, 0..n, 0.0, &mut columns);
            for (at, &number) in columns.iter().enumerate() {
                let (a, b) = (at / n / 3, at / n % 3);
                let (i, j) = (at % n / windows.out[2], at % n % windows.out[2]);
                let (row, column) = ((2 * i + a).wrapping_sub(1), (step * j + 2 * b).wrapping_sub(2));
                let inside = row < 5 && column < 7;
                assert_eq!(number, if inside { x[row * 7 + column] } else { 0.0 });
            }
        }
    }
}
