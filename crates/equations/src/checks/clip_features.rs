//! Evidence for `eq-2.8-clip-features`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::cnn::ClipLayer;
use mmt_tokenizers::video::{ClipFeatures, ClipFeaturesConfig};
use ndarray::{Array2, Array5, s};

use super::inception::set_all;
use super::separable::{compare, set};
use crate::{Property, properties};

/// The small network of the specification, section 8, with weights that are ramps.
pub(super) fn example<R: Real>() -> ClipFeatures<R> {
    let mut module = ClipFeatures::new(&ClipFeaturesConfig::tiny(), &mut Random::seed(0));
    let [ClipLayer::Separable(first), ClipLayer::Inception(second)] = &mut module.layers[..] else {
        panic!("two layers")
    };
    set(&mut first.spatial, 2);
    set(&mut first.temporal, 3);
    set_all(second, 4);
    module
}

/// Numbers of PyTorch 2.15 in double precision, and the sizes of S3D that the specification gives in section 8.
pub fn forward() {
    let (module, clips) = (example::<f64>(), ramp(1, (2, 1, 6, 16, 16)));
    let (f, tape) = module.forward(&clips).unwrap();
    assert_eq!(f.dim(), (2, 8));
    assert_sums(&f, "8.524329675", "75.85745937");
    let mut grad = module.zeros_like();
    let dclips = module.backward(&tape, &ramp(8, (2, 8)), &mut grad);
    assert_sums(&dclips, "-0.1621040885", "-233.3492332");
    let [ClipLayer::Separable(first), ClipLayer::Inception(second)] = &grad.layers[..] else {
        panic!("two layers")
    };
    let norm = [["1.710976295", "3.623854681"], ["-0.1479132661", "-0.6725219882"]];
    compare(&first.spatial, [["-0.04306219077", "8.360345507"], norm[0], norm[1]]);
    let norm = [["3.937850634", "4.712328487"], ["-1.194010417", "-0.1380208333"]];
    compare(&second.pooled, [["5.936124417", "27.82450365"], norm[0], norm[1]]);
    sizes_of_s3d();
}

/// The published network with one channel in most places: sizes do not depend on widths. These do not need a run.
fn sizes_of_s3d() {
    let mut c = 3;
    let widths: Vec<usize> = (ClipFeaturesConfig::s3d(1).layers.iter())
        .map(|layer| {
            c = layer.out(c);
            c
        })
        .collect();
    assert_eq!(widths, [64, 64, 64, 192, 192, 256, 480, 480, 512, 512, 512, 528, 832, 832, 832, 1024]);
    let narrow = ClipFeatures::<f32>::new(&ClipFeaturesConfig::s3d(1024), &mut Random::seed(0));
    let mut x = Array5::zeros((1, 3, 30, 224, 224));
    let mut sizes = Vec::new();
    for layer in &narrow.layers {
        x = layer.forward(&x).expect("a clip").0;
        let (_, _, t, h, w) = x.dim();
        assert_eq!(h, w);
        sizes.push((t, h));
    }
    sizes.dedup();
    assert_eq!(sizes, [(15, 112), (15, 56), (15, 28), (8, 14), (4, 7)]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let clips: Array5<Dual> = ramp(1, (2, 1, 5, 6, 7));
    check_module(&example(), clips, |m, x| m.forward(x), |m, tape, df, grad| m.backward(tape, df, grad));
    // Every kind of layer: one channel in most places, and a clip that just survives the pools.
    let config = ClipFeaturesConfig {
        layers: ClipFeaturesConfig::s3d(1024).layers[..9].to_vec(),
        ..ClipFeaturesConfig::s3d(1024)
    };
    let module = ClipFeatures::<Dual>::new(&config, &mut Random::seed(0));
    let clips: Array5<Dual> = ramp(1, (1, 3, 4, 9, 8));
    check_module(&module, clips, |m, x| m.forward(x), |m, tape, df, grad| m.backward(tape, df, grad));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_clip_does_not_feel_its_neighbors,
    features_are_means_and_so_never_negative,
    the_gradient_is_linear,
];

fn draw(random: &mut Random) -> (ClipFeatures<f64>, Array5<f64>) {
    let module = ClipFeatures::new(&ClipFeaturesConfig::tiny(), random);
    let shape = (1 + random.below(2), 1, 2 + random.below(4), 3 + random.below(4), 3 + random.below(4));
    (shake(&module, random.below(1 << 20) as u64), random.uniform(shape, 1.0))
}

fn a_clip_does_not_feel_its_neighbors(random: &mut Random) {
    let (module, clips) = draw(random);
    let one = module.forward(&clips.slice(s![..1, .., .., .., ..])).unwrap().0;
    assert_eq!(module.forward(&clips).unwrap().0.slice(s![..1, ..]), one);
}

/// Every branch ends in ReLU.
fn features_are_means_and_so_never_negative(random: &mut Random) {
    let (module, clips) = draw(random);
    let (f, tape) = module.forward(&clips).unwrap();
    for ((n, c), &f) in f.indexed_iter() {
        let map = tape.map.slice(s![n, c, .., .., ..]);
        assert!(f >= 0.0);
        assert_close(&f, &(map.iter().sum::<f64>() / map.len() as f64), 1e-13);
    }
}

fn the_gradient_is_linear(random: &mut Random) {
    let (module, clips) = draw(random);
    let (f, tape) = module.forward(&clips).unwrap();
    let (a, b): (Array2<f64>, Array2<f64>) = (random.uniform(f.dim(), 1.0), random.uniform(f.dim(), 1.0));
    let run = |df: &Array2<f64>| module.backward(&tape, df, &mut module.zeros_like());
    assert_close(&run(&(&a * 2.0 - &b)), &(run(&a) * 2.0 - run(&b)), 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, clips) = (example::<R>(), ramp(1, (2, 1, 6, 16, 16)));
    let (f, tape) = module.forward(&clips)?;
    let (mut grad, df) = (module.zeros_like(), ramp(8, (2, 8)));
    let dclips = module.backward(&tape, &df, &mut grad);
    (cases.case("clip.features.tiny").input("clips", &clips).param("", &module))
        .out("features", &f)
        .cot("features", &df)
        .grad_in("clips", &dclips)
        .grad_param("", &grad);
    Ok(())
}
