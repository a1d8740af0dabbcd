//! What a convolution's backward pass takes beside its gradients does not grow with the images.

use mmt_tensor::Random;
use mmt_tensor::alloc::{Recycling, live, peak, reset_peak};
use mmt_tensor::ops::{Conv, conv_backward};
use ndarray::{Array1, Array4};

/// Counts the bytes of large blocks.
#[global_allocator]
static ALLOCATOR: Recycling = Recycling;

/// The most bytes of the call beside the gradient of the images, for a stem of 7x7 with stride 2.
fn beside_the_gradient(images: usize) -> usize {
    let random = &mut Random::seed(1);
    let stem = Conv { stride: [2; 2], padding: [3; 2], ..Conv::default() };
    let x: Array4<f32> = random.uniform([images, 3, 224, 224], 1.0);
    let w: Array4<f32> = random.uniform([64, 3, 7, 7], 0.1);
    let dy: Array4<f32> = random.uniform([images, 64, 112, 112], 1.0);
    let (mut dw, mut db) = (Array4::zeros(w.dim()), Array1::zeros(64));
    let before = live();
    reset_peak();
    let dx = conv_backward(&x, &w, &dy, &stem, &mut dw, &mut db);
    (peak() - before).saturating_sub(4 * dx.len())
}

/// Two threads with a tile of 256 KiB and packed panels each, and sixteen partial sums of a kernel of 37 KiB. All windows unfolded
/// would be 113 MiB for sixteen images.
#[test]
fn the_memory_of_a_convolution_is_bounded() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let [one, sixteen] = [1, 16].map(|images| pool.install(|| beside_the_gradient(images)));
    let limit = 6 << 20;
    assert!(one <= limit && sixteen <= limit, "{one} and {sixteen} bytes, over {limit}");
}
