//! The memory of a convolution's backward pass over 16 images of 3x224x224: `cargo run --release -p mmt-lab --example conv_memory`.
//!
//! The allocator counts: bytes in blocks of 64 KiB and more, rounded up to its classes, the most at one time. What stood there before the call
//! (images, kernels, gradients that come in) is taken off.

use mmt_tensor::Random;
use mmt_tensor::alloc::{Recycling, live, peak, reset_peak};
use mmt_tensor::ops::{Conv, conv_backward};
use ndarray::{Array1, Array4};

#[global_allocator]
static ALLOCATOR: Recycling = Recycling;

fn main() {
    let threads = rayon::current_num_threads();
    println!("f32, {threads} threads; MiB");
    println!(
        "| kernel, stride | images | gradient that comes in | gradient of the images | peak of the call | beside it | all windows unfolded |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (kernel, stride, padding) in [([64, 3, 7, 7], 2, 3), ([64, 3, 3, 3], 1, 1), ([768, 3, 16, 16], 16, 0)]
    {
        row(kernel, Conv { stride: [stride; 2], padding: [padding; 2], ..Conv::default() });
    }
}

fn row(kernel: [usize; 4], conv: Conv<2>) {
    let random = &mut Random::seed(1);
    let x: Array4<f32> = random.uniform([16, 3, 224, 224], 1.0);
    let w: Array4<f32> = random.uniform(kernel, 0.1);
    let size = (224 + 2 * conv.padding[0] - kernel[2]) / conv.stride[0] + 1;
    let dy: Array4<f32> = random.uniform([16, kernel[0], size, size], 1.0);
    let (mut dw, mut db) = (Array4::zeros(kernel), Array1::zeros(kernel[0]));
    let before = live();
    reset_peak();
    let dx = conv_backward(&x, &w, &dy, &conv, &mut dw, &mut db);
    let most = peak() - before;
    let mebi = |bytes: usize| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let own = |a: &Array4<f32>| 4 * a.len();
    let unfolded = 4 * 16 * size * size * kernel[1] * kernel[2] * kernel[3];
    let numbers =
        [own(&x), own(&dy), own(&dx), most, most.saturating_sub(own(&dx)), unfolded].map(mebi).join(" | ");
    println!("| {}x{}x{}x{}, {} | {numbers} |", kernel[0], kernel[1], kernel[2], kernel[3], conv.stride[0]);
}
