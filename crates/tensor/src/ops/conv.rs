//! Convolution over one, two or three axes.

use std::ops::Range;

use ndarray::{Array, Array1, Array2, ArrayRef, ArrayRef1, ArrayView2, ArrayViewMut2, Axis, Dimension, s};

use crate::ops::sum::sum;
use crate::ops::window::{Windows, check_image};
use crate::ops::{add_matmul, matmul::set_matmul};
use crate::parallel::{all_finite, contiguous, elements, for_each, free_threads, map, slice_of};
use crate::simd::vectorize;
use crate::{Error, Real, Result, check_finite, check_setting, check_shape};

/// Numbers in a tile of unfolded windows: 256 KiB in `f32`, so that it stays in the cache of a core.
const TILE: usize = 1 << 16;

/// Positions in a tile at least, however large a window is.
const NARROW: usize = 64;

/// Tiles that one task takes one after the other.
const RUN: usize = 4;

/// Partial sums of the gradient of a kernel of at most [`SMALL`] numbers. A fixed number, so that the order of
/// addition does not depend on the threads.
const PARTS: usize = 16;

/// Numbers in a kernel whose gradient is summed in [`PARTS`].
const SMALL: usize = 1 << 18;

/// How the window of a convolution moves along its `N` axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv<const N: usize> {
    /// Steps of the window.
    pub stride: [usize; N],
    /// Zeros in front of and behind the input.
    pub padding: [usize; N],
    /// Distance between neighboring entries of the window.
    pub dilation: [usize; N],
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl<const N: usize> Default for Conv<N> {
    fn default() -> Self {
        Conv { stride: [1; N], padding: [0; N], dilation: [1; N], groups: 1 }
    }
}

/// Convolution: the same linear map of every window. (A cross-correlation: the kernel is not turned over.)
///
/// **eq-0.10-convolution**
/// ```math
/// y_{o,i,j} = b_o + \sum_{c,a,b} W_{ocab}\, \tilde x_{c,\; i s + a,\; j s + b}
/// ```
///
/// `x: [batch, c, size..]`, `w: [out, c / groups, kernel..]`, `b: [out]` →
/// `y: [batch, out, ⌊(size + 2 padding - span) / stride⌋ + 1..]` with `span = dilation (kernel - 1) + 1`
///
/// `x̃` is the input with zeros around it, `s` the stride; the formula is written for two axes, and one or three are
/// the same with an index less or more. The number of axes `N` is in the types.
///
/// Computed tile by tile: the windows of some positions become the columns of a matrix `C: [c · entries, tile]`, and
/// `Y = W C + b 1'`. Beside `y`, a thread holds one tile of at most `max(2¹⁶, 64 · c · entries)` numbers.
///
/// Source: LeCun, Bottou, Bengio & Haffner 1998, *Gradient-based learning applied to document recognition*, section
/// II; the product with unfolded windows is from Chellapilla, Puri & Simard 2006.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `w` or `b` does not fit; [`Error::EmptyInput`] for an empty axis;
/// [`Error::InvalidHyperparameter`] for a stride or dilation of zero, for groups that do not divide the channels, and
/// for a kernel larger than the padded input; [`Error::NonFinite`] if an argument holds a NaN or an infinity.
pub fn conv<R: Real, D: Dimension, const N: usize>(
    x: &ArrayRef<R, D>,
    w: &ArrayRef<R, D>,
    b: &ArrayRef1<R>,
    conv: &Conv<N>,
) -> Result<Array<R, D>> {
    let plan = Plan::new(x, w, b, conv)?;
    let mut shape = x.raw_dim();
    shape[1] = b.len();
    for (size, out) in shape.slice_mut()[2..].iter_mut().zip(&plan.windows.out[3 - N..]) {
        *size = *out;
    }
    let (x_all, w_all) = (contiguous(x), contiguous(w));
    let (x_flat, w_flat) = (elements(&x_all), elements(&w_all));
    let mut y = Array::zeros(shape);
    let tiles = plan.columns_of(slice_of(&mut y));
    for_each(tiles, plan.cost(plan.tile * RUN), |(image, positions, mut y)| {
        let (x, w) = (plan.input(x_flat, image), plan.kernel(w_flat, image));
        let first = image % plan.groups * plan.out;
        y.outer_iter_mut().enumerate().for_each(|(o, mut row)| row.fill(b[first + o]));
        let mut scratch = vec![R::of(0.0); plan.width * plan.tile];
        for tile in plan.tiles(positions.clone()) {
            let columns = plan.unfold(x, tile.clone(), &mut scratch);
            let here = tile.start - positions.start..tile.end - positions.start;
            add_matmul(&mut y.slice_mut(s![.., here]), &w, &columns);
        }
    });
    if !all_finite(&y) {
        check_finite("conv: x", x)?;
        check_finite("conv: w", w)?;
        check_finite("conv: b", b)?;
        return Err(Error::NonFinite { at: "conv: y" });
    }
    Ok(y)
}

/// Gradients of [`conv`]: returns `x̄`, adds to `w̄` and `b̄`.
///
/// **eq-0.10-convolution, backward**
/// ```math
/// \bar W_{ocab} = \sum_{i,j} \bar y_{oij}\, \tilde x_{c,\, is+a,\, js+b}, \qquad
/// \bar{\tilde x}_{c,u,v} = \sum_{o,a,b,i,j \;:\; is+a=u,\; js+b=v} \bar y_{oij}\, W_{ocab}, \qquad
/// \bar b_o = \sum_{i,j} \bar y_{oij}
/// ```
///
/// Derivation: `y` is linear in each argument, with
/// ```math
/// \frac{\partial y_{oij}}{\partial W_{ocab}} = \tilde x_{c,\,is+a,\,js+b}, \qquad
/// \frac{\partial y_{oij}}{\partial \tilde x_{cuv}} = \sum_{a,b} W_{ocab}\, [is+a=u]\,[js+b=v], \qquad
/// \frac{\partial y_{oij}}{\partial b_o} = 1 .
/// ```
/// Padding is constant, so its part of the gradient of `x̃` is cropped. As matrices, with the unfolded windows `C` of
/// the forward pass: `W̄ = Ȳ C'`, and `C̄ = W' Ȳ` is folded back by adding each entry to the pixel it came from.
///
/// Sums over positions are taken tile by tile, in a fixed number of partial sums that are added in order. Beside the
/// gradients, a thread holds a tile as in [`conv`]; the partial sums are at most 16 kernels of at most 2¹⁸ numbers.
/// For 16 images of `3 x 224 x 224` and 64 kernels of `7 x 7` in `f32` on two threads that is 1.8 MiB beside the 9.2 of `x̄`,
/// as the allocator counts; all windows unfolded would be 112.
pub fn conv_backward<R: Real, D: Dimension, const N: usize>(
    x: &ArrayRef<R, D>,
    w: &ArrayRef<R, D>,
    dy: &ArrayRef<R, D>,
    conv: &Conv<N>,
    dw: &mut Array<R, D>,
    db: &mut Array1<R>,
) -> Array<R, D> {
    let plan = Plan::new(x, w, db, conv).expect("the forward pass accepted these arguments");
    let (x_all, w_all, dy_all) = (contiguous(x), contiguous(w), contiguous(dy));
    let (x, w_flat, dy) = (elements(&x_all), elements(&w_all), elements(&dy_all));
    assert_eq!(dy.len(), plan.images * plan.out * plan.windows.positions(), "a gradient of every output");
    plan.add_bias_gradient(dy, db);
    let sums = plan.kernel_gradient(x, dy, dw.len());
    dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
    let mut dx = Array::zeros(x_all.raw_dim());
    plan.input_gradient(w_flat, dy, slice_of(&mut dx));
    dx
}

/// The sizes of a convolution. A group of channels of one sample is an image of its own, with the kernel of its
/// group.
struct Plan {
    windows: Windows,
    groups: usize,
    images: usize,
    /// Channels of an image.
    channels: usize,
    /// Output channels of an image.
    out: usize,
    /// Rows of the unfolded windows.
    width: usize,
    /// Positions in a tile.
    tile: usize,
}

impl Plan {
    fn new<R: Real, D: Dimension, const N: usize>(
        x: &ArrayRef<R, D>,
        w: &ArrayRef<R, D>,
        b: &ArrayRef1<R>,
        conv: &Conv<N>,
    ) -> Result<Self> {
        const { assert!(N > 0 && N < 4, "one, two or three axes") };
        check_image("conv: x", x.shape(), N)?;
        check_image("conv: w", w.shape(), N)?;
        let (groups, c, out) = (conv.groups, x.shape()[1], w.shape()[0]);
        check_setting("conv: groups", groups > 0 && c % groups == 0 && out % groups == 0, || {
            format!("{groups} groups do not divide {c} input and {out} output channels")
        })?;
        let mut expected = w.shape().to_vec();
        expected[1] = c / groups;
        check_shape("conv: w", w.shape(), &expected)?;
        check_shape("conv: b", b.shape(), &[out])?;
        let steps = [&conv.stride[..], &conv.padding, &conv.dilation];
        let windows = Windows::new("conv", &x.shape()[2..], &w.shape()[2..], steps)?;
        let (channels, images) = (c / groups, x.shape()[0] * groups);
        let width = channels * windows.entries();
        let tile = (TILE / width).max(NARROW).min(windows.positions());
        Ok(Plan { windows, groups, images, channels, out: out / groups, width, tile })
    }

    /// Multiply-adds of a product with this many positions.
    fn cost(&self, positions: usize) -> usize {
        self.out * self.width * positions
    }

    fn input<'a, R>(&self, x: &'a [R], image: usize) -> &'a [R] {
        let size = self.channels * self.windows.pixels();
        &x[image * size..][..size]
    }

    /// `[out, width]`
    fn kernel<'a, R>(&self, w: &'a [R], image: usize) -> ArrayView2<'a, R> {
        let w = &w[image % self.groups * self.out * self.width..][..self.out * self.width];
        ArrayView2::from_shape((self.out, self.width), w).expect("as many numbers")
    }

    /// Columns of the output of an image: `[out, positions]`
    fn output<'a, R>(&self, dy: &'a [R], image: usize, positions: Range<usize>) -> ArrayView2<'a, R> {
        let all = self.windows.positions();
        let dy = &dy[image * self.out * all..][..self.out * all];
        let dy = ArrayView2::from_shape((self.out, all), dy).expect("as many numbers");
        dy.slice_move(s![.., positions])
    }

    /// The output cut into runs of columns: image, positions, `[out, positions]`.
    fn columns_of<'a, R>(&self, y: &'a mut [R]) -> Vec<(usize, Range<usize>, ArrayViewMut2<'a, R>)> {
        let positions = self.windows.positions();
        let mut parts = Vec::new();
        for (image, y) in y.chunks_exact_mut(self.out * positions).enumerate() {
            let mut rest = ArrayViewMut2::from_shape((self.out, positions), y).expect("as many numbers");
            let mut at = 0;
            while at < positions {
                let length = (self.tile * RUN).min(positions - at);
                let (part, tail) = rest.split_at(Axis(1), length);
                parts.push((image, at..at + length, part));
                (rest, at) = (tail, at + length);
            }
        }
        parts
    }

    fn tiles(&self, positions: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (tile, end) = (self.tile, positions.end);
        positions.step_by(tile).map(move |at| at..(at + tile).min(end))
    }

    /// The windows of a tile as columns: `[width, tile]`
    fn unfold<'a, R: Real>(&self, x: &[R], tile: Range<usize>, scratch: &'a mut [R]) -> ArrayView2<'a, R> {
        let (length, columns) = (tile.len(), &mut scratch[..self.width * tile.len()]);
        vectorize::<R, _>(
            #[inline(always)]
            || self.windows.unfold(x, tile, R::of(0.0), columns),
        );
        ArrayView2::from_shape((self.width, length), columns).expect("as many numbers")
    }

    fn add_bias_gradient<R: Real>(&self, dy: &[R], db: &mut Array1<R>) {
        let positions = self.windows.positions();
        let sums = map(dy.len() / positions, positions, |i| {
            vectorize::<R, _>(
                #[inline(always)]
                || sum(&dy[i * positions..][..positions]),
            )
        });
        let channels = db.len();
        sums.into_iter().enumerate().for_each(|(i, sum)| db[i % channels] += sum);
    }

    /// `Ȳ C'`, the numbers of the kernel in row-major order.
    fn kernel_gradient<R: Real>(&self, x: &[R], dy: &[R], numbers: usize) -> Vec<R> {
        let size = self.out * self.width;
        // All tiles of the images that share a kernel, in order.
        let images = |group: usize| (group..self.images).step_by(self.groups);
        let tiles = move |group: usize| {
            images(group).flat_map(|image| self.tiles(0..self.windows.positions()).map(move |t| (image, t)))
        };
        let count = self.images / self.groups * self.windows.positions().div_ceil(self.tile);
        let parts = if size > SMALL { 1 } else { PARTS.div_ceil(self.groups).min(count) };
        let share = count.div_ceil(parts);
        let partials = map(self.groups * parts, self.cost(self.tile) * share, |task| {
            let (group, part) = (task / parts, task % parts);
            let mut dw = Array2::zeros((self.out, self.width));
            let mut scratch = vec![R::of(0.0); self.width * self.tile];
            for (image, tile) in tiles(group).skip(part * share).take(share) {
                let dy = self.output(dy, image, tile.clone());
                let columns = self.unfold(self.input(x, image), tile, &mut scratch);
                add_matmul(&mut dw, &dy, &columns.t());
            }
            dw
        });
        let mut sums = vec![R::of(0.0); numbers];
        for (task, partial) in partials.into_iter().enumerate() {
            let sums = &mut sums[task / parts * size..][..size];
            sums.iter_mut().zip(&partial).for_each(|(sum, &part)| *sum += part);
        }
        sums
    }

    /// `C̄ = W' Ȳ`, folded back. A task owns some channels of an image.
    fn input_gradient<R: Real>(&self, w: &[R], dy: &[R], dx: &mut [R]) {
        let splits = free_threads().div_ceil(self.images).min(self.channels);
        let block = self.channels.div_ceil(splits);
        let (pixels, entries) = (self.windows.pixels(), self.windows.entries());
        let images = dx.chunks_exact_mut(self.channels * pixels).enumerate();
        let tasks: Vec<_> = images
            .flat_map(|(image, dx)| {
                dx.chunks_mut(block * pixels).enumerate().map(move |(i, dx)| (image, i * block, dx))
            })
            .collect();
        for_each(tasks, self.cost(self.windows.positions()) / splits, |(image, first, dx)| {
            let rows = dx.len() / pixels * entries;
            let w = self.kernel(w, image).slice_move(s![.., first * entries..first * entries + rows]);
            let mut scratch = vec![R::of(0.0); rows * self.tile];
            for tile in self.tiles(0..self.windows.positions()) {
                let columns = &mut scratch[..rows * tile.len()];
                let mut product =
                    ArrayViewMut2::from_shape((rows, tile.len()), &mut *columns).expect("as many numbers");
                set_matmul(&mut product, &w.t(), &self.output(dy, image, tile.clone()));
                vectorize::<R, _>(
                    #[inline(always)]
                    || self.windows.fold(columns, tile, dx),
                );
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array4};

    use super::*;

    type Config = Conv<2>;

    fn text(x: [usize; 4], w: [usize; 4], b: usize, settings: Config) -> String {
        let (x, w) = (Array4::<f64>::zeros(x), Array4::zeros(w));
        conv(&x, &w, &Array1::zeros(b), &settings).unwrap_err().to_string()
    }

    #[test]
    fn gradients_in_another_order_are_added_to_like_any_other() {
        let numbers = |shape: [usize; 4]| {
            Array4::from_shape_fn(shape, |(a, b, c, d)| (a + 2 * b + 3 * c + 5 * d) as f64 % 7.0 - 2.0)
        };
        let (x, w, dy) = (numbers([2, 3, 4, 5]), numbers([2, 3, 2, 3]), numbers([2, 2, 3, 3]));
        let run = |mut dw: Array4<f64>, mut db: Array1<f64>| {
            let dx = conv_backward(&x, &w, &dy, &Config::default(), &mut dw, &mut db);
            (dx, dw, db)
        };
        let by_columns = Array4::ones([3, 2, 3, 2]).reversed_axes();
        let mut turned = Array1::ones(2);
        turned.invert_axis(Axis(0));
        assert_eq!(run(by_columns, turned), run(Array4::ones([2, 3, 2, 3]), Array1::ones(2)));
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let plain = Config::default();
        assert_eq!(
            text([1, 2, 5, 5], [3, 4, 3, 3], 3, plain),
            "conv: w: expected shape [3, 2, 3, 3], got [3, 4, 3, 3]"
        );
        assert_eq!(text([1, 2, 5, 5], [3, 2, 3, 3], 2, plain), "conv: b: expected shape [3], got [2]");
        assert_eq!(text([0, 2, 5, 5], [3, 2, 3, 3], 3, plain), "conv: x: empty");
        assert_eq!(text([1, 2, 5, 5], [0, 2, 3, 3], 0, plain), "conv: w: empty");
        let x = ndarray::Array3::<f64>::zeros((2, 5, 5));
        let error = conv(&x, &x, &Array1::zeros(2), &plain).unwrap_err().to_string();
        assert_eq!(error, "conv: x: expected shape [_, _, _, _], got [2, 5, 5]");
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        let (x, w) = ([1, 2, 5, 5], [4, 2, 3, 3]);
        let stride = Config { stride: [1, 0], ..Config::default() };
        assert_eq!(text(x, w, 4, stride), "conv: stride must be at least 1, got [1, 0]");
        let dilation = Config { dilation: [0, 1], ..Config::default() };
        assert_eq!(text(x, w, 4, dilation), "conv: dilation must be at least 1, got [0, 1]");
        let groups = Config { groups: 3, ..Config::default() };
        assert_eq!(
            text(x, w, 4, groups),
            "conv: groups: 3 groups do not divide 2 input and 4 output channels"
        );
        assert_eq!(
            text([1, 2, 4, 2], w, 4, Config::default()),
            "conv: a kernel that spans 3 is larger than the padded input of 2"
        );
        let dilation = Config { dilation: [3, 1], padding: [0, 0], ..Config::default() };
        assert_eq!(
            text(x, w, 4, dilation),
            "conv: a kernel that spans 7 is larger than the padded input of 5"
        );
    }

    #[test]
    fn nan_and_infinity_are_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (x, w, b) = (Array4::zeros((1, 1, 3, 3)), Array4::zeros((1, 1, 3, 3)), Array1::zeros(1));
            let run = |x: &Array4<f64>, w: &Array4<f64>, b: &Array1<f64>| {
                conv(x, w, b, &Config::default()).unwrap_err().to_string()
            };
            assert_eq!(run(&(&x + bad), &w, &b), "conv: x: not a finite number");
            assert_eq!(run(&x, &(&w + bad), &b), "conv: w: not a finite number");
            assert_eq!(run(&x, &w, &(&b + bad)), "conv: b: not a finite number");
        }
    }
}
