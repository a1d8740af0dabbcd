//! Several views of a clip side by side.

use mmt_tensor::ops::{Conv, Pool, max_pool, max_pool_backward};
use mmt_tensor::{Random, Real, Result, tree};
use ndarray::{Array5, ArrayRef5, Axis, Dim, Ix5, concatenate};

use super::conv_unit::{ConvUnit, ConvUnitTape};
use super::separable::{Separable, SeparableTape};

/// Windows of three along every axis.
const POOL: Pool<3> = Pool { kernel: [3; 3], stride: [1; 3], padding: [1; 3] };

/// Four branches that read the same clip; their channels stand one after the other.
#[derive(Clone, Debug)]
pub struct Inception<R> {
    /// Every pixel by itself.
    pub point: ConvUnit<R, Ix5, 3>,
    /// Fewer channels, and then windows of three in space and time.
    pub window: Windows<R>,
    /// The same with other widths.
    pub second: Windows<R>,
    /// The maximum of windows of three, and then every pixel by itself.
    pub pooled: ConvUnit<R, Ix5, 3>,
}

tree!(Inception { point, window, second, pooled });

/// A reduction of channels and a separable convolution.
#[derive(Clone, Debug)]
pub struct Windows<R> {
    /// `1 x 1 x 1`
    pub reduce: ConvUnit<R, Ix5, 3>,
    /// Windows of three.
    pub conv: Separable<R>,
}

tree!(Windows { reduce, conv });

/// What [`Inception::backward`] reads.
#[derive(Clone, Debug)]
pub struct InceptionTape<R> {
    /// The input.
    pub x: Array5<R>,
    /// Of the four branches.
    pub point: ConvUnitTape<R, Ix5>,
    /// The second branch.
    pub window: (ConvUnitTape<R, Ix5>, SeparableTape<R>),
    /// The third branch.
    pub second: (ConvUnitTape<R, Ix5>, SeparableTape<R>),
    /// The last branch.
    pub pooled: ConvUnitTape<R, Ix5>,
}

tree!(InceptionTape { x, point, window, second, pooled });

/// The channels inside and behind an [`Inception`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InceptionWidths {
    /// Behind the first branch.
    pub point: usize,
    /// Inside and behind the second branch.
    pub window: [usize; 2],
    /// Inside and behind the third branch.
    pub second: [usize; 2],
    /// Behind the last branch.
    pub pooled: usize,
}

impl InceptionWidths {
    /// The channels behind all four.
    pub fn total(self) -> usize {
        self.point + self.window[1] + self.second[1] + self.pooled
    }
}

impl<R: Real> Windows<R> {
    fn new(c: usize, [inside, out]: [usize; 2], eps: f64, random: &mut Random) -> Self {
        let reduce = point(c, inside, eps, random);
        Windows { reduce, conv: Separable::new(inside, out, 3, 1, eps, random) }
    }

    fn forward(&self, x: &ArrayRef5<R>) -> Result<(Array5<R>, (ConvUnitTape<R, Ix5>, SeparableTape<R>))> {
        let (h, reduce) = self.reduce.forward(x)?;
        let (y, conv) = self.conv.forward(&h)?;
        Ok((y, (reduce, conv)))
    }

    fn backward(
        &self,
        (reduce, conv): &(ConvUnitTape<R, Ix5>, SeparableTape<R>),
        dy: &ArrayRef5<R>,
        grad: &mut Self,
    ) -> Array5<R> {
        let dh = self.conv.backward(conv, dy, &mut grad.conv);
        self.reduce.backward(reduce, &dh, &mut grad.reduce)
    }
}

impl<R: Real> Inception<R> {
    /// For `c` channels.
    pub fn new(c: usize, widths: InceptionWidths, eps: f64, random: &mut Random) -> Self {
        Inception {
            point: point(c, widths.point, eps, random),
            window: Windows::new(c, widths.window, eps, random),
            second: Windows::new(c, widths.second, eps, random),
            pooled: point(c, widths.pooled, eps, random),
        }
    }

    /// Four views of a clip, joined over channels (the block `Mixed` of S3D).
    ///
    /// **eq-2.8-inception**
    /// ```math
    /// y = \bigl[\, f_0(x) \;\big|\; s_1(f_1(x)) \;\big|\; s_2(f_2(x)) \;\big|\; f_3(\operatorname{maxpool}_3(x)) \,\bigr]
    /// ```
    ///
    /// `x: [batch, c, T, H, W]` → `y: [batch, out, T, H, W]`
    ///
    /// `f` are convolutions of one pixel with norm and ReLU, `s` are eq-2.8-separable with windows of three.
    ///
    /// Source: Xie et al. 2018, *Rethinking Spatiotemporal Feature Learning*, section 4; Szegedy et al. 2015, *Going
    /// Deeper with Convolutions*, figure 2b.
    ///
    /// # Errors
    /// As [`ConvUnit::forward`] and [`max_pool()`].
    pub fn forward(&self, x: &ArrayRef5<R>) -> Result<(Array5<R>, InceptionTape<R>)> {
        let (a, point) = self.point.forward(x)?;
        let (b, window) = self.window.forward(x)?;
        let (c, second) = self.second.forward(x)?;
        let (d, pooled) = self.pooled.forward(&max_pool(x, &POOL)?)?;
        let y = concatenate(Axis(1), &[a.view(), b.view(), c.view(), d.view()]).expect("clips of one size");
        Ok((y, InceptionTape { x: x.to_owned(), point, window, second, pooled }))
    }

    /// Gradient of [`forward`](Self::forward): returns `x̄`, adds to those of the parameters.
    ///
    /// **eq-2.8-inception, backward**
    /// ```math
    /// \bar x = f_0^\top \bar y_0 + f_1^\top s_1^\top \bar y_1 + f_2^\top s_2^\top \bar y_2
    ///   + \operatorname{maxpool}_3^\top f_3^\top \bar y_3, \qquad
    /// \bar y = [\, \bar y_0 \;|\; \bar y_1 \;|\; \bar y_2 \;|\; \bar y_3 \,]
    /// ```
    ///
    /// Derivation: joining channels is a permutation of numbers, so `ȳ` is cut where `y` was joined; and every branch
    /// reads the whole of `x`, so their gradients add up:
    /// ```math
    /// \dot y_i = J_i\, \dot x \quad\Rightarrow\quad
    /// \sum_i \langle \bar y_i, \dot y_i \rangle = \Bigl\langle \sum_i J_i^\top \bar y_i,\; \dot x \Bigr\rangle
    /// ```
    pub fn backward(&self, tape: &InceptionTape<R>, dy: &ArrayRef5<R>, grad: &mut Self) -> Array5<R> {
        let widths = [&self.point, &self.window.conv.temporal, &self.second.conv.temporal, &self.pooled];
        let mut rest = dy.view();
        let [a, b, c, d] = widths.map(|unit| {
            let (part, others) = rest.split_at(Axis(1), unit.weight.shape()[0]);
            rest = others;
            part
        });
        let mut dx = self.point.backward(&tape.point, &a, &mut grad.point);
        dx += &self.window.backward(&tape.window, &b, &mut grad.window);
        dx += &self.second.backward(&tape.second, &c, &mut grad.second);
        let dpool = self.pooled.backward(&tape.pooled, &d, &mut grad.pooled);
        dx + max_pool_backward(&tape.x, &dpool, &POOL)
    }
}

/// A convolution of one pixel with norm and ReLU.
fn point<R: Real>(c: usize, out: usize, eps: f64, random: &mut Random) -> ConvUnit<R, Ix5, 3> {
    ConvUnit::new(Dim([out, c, 1, 1, 1]), Conv::default(), random).with_norm(eps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_clips_are_refused() {
        let widths = InceptionWidths { point: 1, window: [1, 2], second: [2, 1], pooled: 1 };
        let module = Inception::<f64>::new(3, widths, 1e-3, &mut Random::seed(0));
        let text = |x: &Array5<f64>| module.forward(x).unwrap_err().to_string();
        let channels = "conv: w: expected shape [1, 2, 1, 1, 1], got [1, 3, 1, 1, 1]";
        assert_eq!(text(&Array5::zeros((1, 2, 4, 4, 4))), channels);
        assert_eq!(text(&Array5::zeros((0, 3, 2, 4, 4))), "conv: x: empty");
        let nan = Array5::from_elem((1, 3, 2, 2, 2), f64::NAN);
        assert_eq!(text(&nan), "conv: x: not a finite number");
        assert_eq!(widths.total(), 5);
    }
}
