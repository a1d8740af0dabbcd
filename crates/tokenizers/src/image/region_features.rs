//! A small convolutional network that describes regions, in place of a detector.

use mmt_tensor::ops::{Conv, global_avg_pool, global_avg_pool_backward};
use mmt_tensor::{Error, Random, Real, Result, tree};
use ndarray::{Array2, Array4, ArrayRef2, ArrayRef4, Dim, Ix4};

use super::roi_align::{ImageBox, RoiAlign, Sampling, roi_align, roi_align_backward};
use crate::cnn::{ConvUnit, ConvUnitTape, Residual, ResidualTape};

/// Halves an image twice, and describes boxes in what is left.
#[derive(Clone, Debug)]
pub struct RegionFeatures<R> {
    /// Each halves rows and columns, and works on what is left.
    pub stages: Vec<Stage<R>>,
    /// How boxes are read from the map.
    pub align: RoiAlign,
}

tree!(RegionFeatures { stages; align });

/// A convolution with stride two and a residual block.
#[derive(Clone, Debug)]
pub struct Stage<R> {
    /// `3 x 3`, stride 2, ReLU.
    pub down: ConvUnit<R, Ix4, 2>,
    /// Two convolutions of `3 x 3` and a way around them.
    pub block: Residual<R, Ix4, 2>,
}

tree!(Stage { down, block });

/// What [`RegionFeatures::backward`] reads.
#[derive(Clone, Debug)]
pub struct RegionFeaturesTape<R> {
    /// Of every stage.
    pub stages: Vec<StageTape<R>>,
    /// `[batch, c, rows, columns]`, what the last stage gives.
    pub map: Array4<R>,
    /// `[n, c, P_h, P_w]`, what the boxes show.
    pub regions: Array4<R>,
    /// The boxes.
    pub boxes: Vec<ImageBox>,
}

tree!(RegionFeaturesTape { stages, map, regions; boxes });

/// The tapes of a stage.
#[derive(Clone, Debug)]
pub struct StageTape<R> {
    /// Of the convolution.
    pub down: ConvUnitTape<R, Ix4>,
    /// Of the block.
    pub block: ResidualTape<R, Ix4>,
}

tree!(StageTape { down, block });

impl<R: Real> Stage<R> {
    /// From `c` to `out` channels.
    pub fn new(c: usize, out: usize, random: &mut Random) -> Self {
        let conv = |stride: usize| Conv { stride: [stride; 2], padding: [1; 2], ..Conv::default() };
        let mut unit = |c, stride| ConvUnit::new(Dim([out, c, 3, 3]), conv(stride), random);
        let down = unit(c, 2);
        Stage { down, block: Residual { units: vec![unit(out, 1), unit(out, 1).linear()], shortcut: None } }
    }
}

/// Stages from three channels to `widths[0]`, to `widths[1]`, and so on.
pub(super) fn draw_stages<R: Real>(widths: &[usize], random: &mut Random) -> Vec<Stage<R>> {
    let inputs = std::iter::once(&3).chain(widths);
    inputs.zip(widths).map(|(&c, &out)| Stage::new(c, out, random)).collect()
}

/// All stages, one after the other: the map that the last one gives.
pub(super) fn run_stages<R: Real>(
    at: &'static str,
    stages: &[Stage<R>],
    images: &ArrayRef4<R>,
) -> Result<(Array4<R>, Vec<StageTape<R>>)> {
    let (mut map, mut tapes): (Option<Array4<R>>, _) = (None, Vec::with_capacity(stages.len()));
    for stage in stages {
        let (h, down) = stage.down.forward(map.as_deref().unwrap_or(images))?;
        let (h, block) = stage.block.forward(&h)?;
        tapes.push(StageTape { down, block });
        map = Some(h);
    }
    let map = map.ok_or_else(|| Error::InvalidHyperparameter { at, why: "none".to_string() })?;
    Ok((map, tapes))
}

/// The gradient of the images, given that of the map; adds to those of the stages.
pub(super) fn run_stages_backward<R: Real>(
    stages: &[Stage<R>],
    tapes: &[StageTape<R>],
    dmap: Array4<R>,
    grads: &mut [Stage<R>],
) -> Array4<R> {
    let all = stages.iter().zip(tapes).zip(grads).rev();
    all.fold(dmap, |dx, ((stage, tape), grad)| {
        let dh = stage.block.backward(&tape.block, &dx, &mut grad.block);
        stage.down.backward(&tape.down, &dh, &mut grad.down)
    })
}

impl<R: Real> RegionFeatures<R> {
    /// Three channels to `widths[0]`, to `widths[1]`, and so on, each time with half the rows and columns; boxes of four
    /// by four bins, two samples each.
    pub fn new(widths: &[usize], random: &mut Random) -> Self {
        let stages: Vec<Stage<R>> = draw_stages(widths, random);
        let scale = 1.0 / (1_u64 << stages.len().min(63)) as f64;
        let align = RoiAlign { scale, output: (4, 4), sampling: Sampling::Fixed(2), aligned: true };
        RegionFeatures { stages, align }
    }

    /// The mean of what a network sees in every box.
    ///
    /// **eq-2.3-region-features**
    /// ```math
    /// F = (r_k \circ c_k) \circ \dots \circ (r_1 \circ c_1)(I), \qquad
    /// v_n = \frac{1}{P_h P_w} \sum_{p,q} \operatorname{RoIAlign}(F, \text{box}_n)_{:,p,q}
    /// ```
    ///
    /// `images: [batch, 3, H, W]`, `boxes: [n]` → `v: [n, c]`
    ///
    /// `c` are convolutions of 3 x 3 with stride 2 and ReLU, `r` residual blocks (eq-2.3-residual). With widths 8 and 16
    /// it stands for the ResNet-101 whose features ViLBERT stores: there they are computed once and frozen, here the
    /// gradient reaches the pixels.
    ///
    /// Source: Anderson et al. 2018, *Bottom-Up and Top-Down Attention*, section 3.1 (mean-pooled regions); Ren et al.
    /// 2015, *Faster R-CNN*.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`] for a network without stages; otherwise as [`ConvUnit::forward`],
    /// [`Residual::forward`] and [`roi_align()`].
    pub fn forward(
        &self,
        images: &ArrayRef4<R>,
        boxes: &[ImageBox],
    ) -> Result<(Array2<R>, RegionFeaturesTape<R>)> {
        let (map, stages) = run_stages("region features: stages", &self.stages, images)?;
        let regions = roi_align(&map, boxes, self.align)?;
        let v = global_avg_pool(&regions)?;
        Ok((v, RegionFeaturesTape { stages, map, regions, boxes: boxes.to_vec() }))
    }

    /// Gradient of [`forward`](Self::forward): returns that of the images, adds to those of the parameters.
    ///
    /// **eq-2.3-region-features, backward**
    /// ```math
    /// \bar y_{n,:,p,q} = \frac{\bar v_n}{P_h P_w}, \qquad
    /// \bar F = \operatorname{RoIAlign}^\top(\bar y), \qquad
    /// \bar I = c_1^\top r_1^\top \cdots c_k^\top r_k^\top\, \bar F
    /// ```
    ///
    /// Derivation: the chain rule. The mean hands `1 / (P_h P_w)` of its gradient to every bin, RoIAlign is linear in
    /// `F` (eq-2.2-roialign), and the stages follow from the last to the first. Boxes that overlap add up in `F̄`.
    pub fn backward(&self, tape: &RegionFeaturesTape<R>, dv: &ArrayRef2<R>, grad: &mut Self) -> Array4<R> {
        let dregions = global_avg_pool_backward(&tape.regions, dv);
        let dmap = roi_align_backward(tape.map.dim(), &tape.boxes, self.align, &dregions);
        run_stages_backward(&self.stages, &tape.stages, dmap, &mut grad.stages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(module: &RegionFeatures<f64>, shape: [usize; 4], boxes: &[ImageBox]) -> String {
        module.forward(&Array4::zeros(shape), boxes).unwrap_err().to_string()
    }

    const WHOLE: ImageBox = ImageBox { image: 0, corners: [0.0, 0.0, 8.0, 8.0] };

    #[test]
    fn wrong_arguments_are_refused() {
        let module = RegionFeatures::new(&[2, 3], &mut Random::seed(0));
        assert_eq!(text(&module, [1, 3, 8, 8], &[]), "roi_align: boxes: empty");
        let channels = "conv: w: expected shape [2, 4, 3, 3], got [2, 3, 3, 3]";
        assert_eq!(text(&module, [1, 4, 8, 8], &[WHOLE]), channels);
        let image = "roi_align: image of a box: index 1 is outside a table of 1";
        assert_eq!(text(&module, [1, 3, 8, 8], &[ImageBox { image: 1, ..WHOLE }]), image);
        let flat = ImageBox { corners: [1.0, 1.0, 1.0, 2.0], ..WHOLE };
        assert_eq!(text(&module, [1, 3, 8, 8], &[flat]), "roi_align: boxes: box 0 has no area");
        let none = RegionFeatures::new(&[], &mut Random::seed(0));
        assert_eq!(text(&none, [1, 3, 8, 8], &[WHOLE]), "region features: stages: none");
        let nan = module.forward(&Array4::from_elem((1, 3, 8, 8), f64::NAN), &[WHOLE]).unwrap_err();
        assert_eq!(nan.to_string(), "conv: x: not a finite number");
    }
}
