//! The same bits for any number of threads and any instruction set.

use mmt_tensor::ops::{
    Conv, conv, conv_backward, layer_norm, layer_norm_backward, linear, linear_backward, softmax,
};
use mmt_tensor::simd::{self, Level};
use mmt_tensor::{Random, Tree};
use ndarray::{Array1, Array2, Array4};

/// Runs `f` with `threads` threads.
fn with_threads<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

fn same_bits<T: Tree<f32> + Send>(f: impl Fn() -> T + Sync) {
    let bits = |tree: T| -> Vec<u32> {
        tree.arrays().iter().flat_map(|(_, a)| a.iter().map(|x| x.to_bits()).collect::<Vec<_>>()).collect()
    };
    let one = bits(with_threads(1, &f));
    for threads in [2, 3, 7] {
        assert!(bits(with_threads(threads, &f)) == one, "{threads} threads give other bits than one");
    }
    for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
        simd::restrict(level);
        assert!(bits(f()) == one, "{level:?} gives other bits than the highest level");
    }
}

#[test]
fn linear_does_not_depend_on_threads() {
    let mut random = Random::seed(1);
    let (x, w): (Array2<f32>, Array2<f32>) =
        (random.uniform((301, 170), 1.0), random.uniform((170, 190), 1.0));
    let (b, dy): (Array1<f32>, Array2<f32>) = (random.uniform(190, 1.0), random.uniform((301, 190), 1.0));
    same_bits(|| {
        let (mut dw, mut db) = (w.zeros_like(), b.zeros_like());
        let dx = linear_backward(&x, &w, &dy, &mut dw, Some(&mut db));
        (linear(&x, &w, Some(&b)).unwrap(), dx, dw, db)
    });
}

#[test]
fn rows_do_not_depend_on_threads() {
    let mut random = Random::seed(2);
    let (x, dy): (Array2<f32>, Array2<f32>) =
        (random.uniform((700, 333), 3.0), random.uniform((700, 333), 1.0));
    let (gamma, beta): (Array1<f32>, Array1<f32>) = (random.uniform(333, 1.0), random.uniform(333, 1.0));
    same_bits(|| {
        let (y, moments) = layer_norm(&x, &gamma, &beta, 1e-5).unwrap();
        let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
        let dx = layer_norm_backward(&moments, &x, &gamma, &dy, &mut dgamma, &mut dbeta);
        (y, dx, dgamma, dbeta, softmax(&x).unwrap())
    });
}

#[test]
fn convolution_does_not_depend_on_threads() {
    let mut random = Random::seed(3);
    let settings = Conv { stride: [1, 2], padding: [1; 2], dilation: [1; 2], groups: 2 };
    // Several tiles, several samples, and a kernel whose gradient is summed in parts.
    let x: Array4<f32> = random.uniform((3, 8, 61, 67), 1.0);
    let (w, b): (Array4<f32>, Array1<f32>) = (random.uniform((20, 4, 3, 3), 1.0), random.uniform(20, 1.0));
    let dy: Array4<f32> = random.uniform((3, 20, 61, 34), 1.0);
    same_bits(|| {
        let (mut dw, mut db) = (w.zeros_like(), b.zeros_like());
        let dx = conv_backward(&x, &w, &dy, &settings, &mut dw, &mut db);
        (conv(&x, &w, &b, &settings).unwrap(), dx, dw, db)
    });
}
