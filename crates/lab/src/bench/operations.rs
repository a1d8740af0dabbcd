//! Cases of single operations.

use mmt_tensor::ops::{
    Conv, conv, conv_backward, gelu, gelu_backward, layer_norm, layer_norm_backward, matmul, softmax,
    softmax_backward,
};
use mmt_tensor::{Random, Tree};
use ndarray::{Array, Array1, Dim, Dimension, ShapeBuilder};

use super::{Case, case, job};

fn draw<Sh: ShapeBuilder>(seed: u64, shape: Sh) -> Array<f32, Sh::Dim> {
    Random::seed(seed).uniform(shape, 1.7)
}

/// Matrix products `[n, k] [k, m]`: `nn` both as they are, `tn` with the first and `nt` with the second transposed.
pub fn products(list: &mut Vec<Case>) {
    let shapes = [
        ("nn", [32, 64, 64]),
        ("nn", [128, 256, 256]),
        ("nn", [1024, 768, 768]),
        ("nn", [1024, 768, 3072]),
        ("nn", [1024, 3072, 768]),
        ("tn", [768, 1024, 768]),
        ("tn", [768, 1024, 3072]),
        ("nt", [1024, 768, 768]),
        ("nt", [1024, 3072, 768]),
    ];
    for (kind, [n, k, m]) in shapes {
        let flops = 2.0 * (n * k * m) as f64;
        list.push(case(format!("{kind}_{n}x{k}x{m}"), "fwd", flops, move || {
            let a = if kind == "tn" { draw(1, (k, n)).reversed_axes() } else { draw(1, (n, k)) };
            let b = if kind == "nt" { draw(2, (m, k)).reversed_axes() } else { draw(2, (k, m)) };
            job(move || matmul(&a, &b))
        }));
    }
}

/// Operations on the rows of a matrix `[1024, 3072]`.
pub fn rows(list: &mut Vec<Case>) {
    const SHAPE: (usize, usize) = (1024, 3072);
    let inputs = || (draw(1, SHAPE), draw(2, SHAPE));
    let norm = || {
        let (gamma, beta): (Array1<f32>, _) = (draw(3, SHAPE.1), draw(4, SHAPE.1));
        (draw(1, SHAPE), gamma, beta, draw(2, SHAPE))
    };
    list.push(case("layernorm", "fwd", 0.0, move || {
        let (x, gamma, beta, _) = norm();
        job(move || layer_norm(&x, &gamma, &beta, 1e-5))
    }));
    list.push(case("layernorm", "fwdbwd", 0.0, move || {
        let (x, gamma, beta, dy) = norm();
        job(move || {
            let (y, tape) = layer_norm(&x, &gamma, &beta, 1e-5).expect("finite rows");
            let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
            (y, layer_norm_backward(&tape, &gamma, &dy, &mut dgamma, &mut dbeta), dgamma, dbeta)
        })
    }));
    list.push(case("softmax", "fwd", 0.0, move || {
        let (x, _) = inputs();
        job(move || softmax(&x))
    }));
    list.push(case("softmax", "fwdbwd", 0.0, move || {
        let (x, dp) = inputs();
        job(move || {
            let p = softmax(&x).expect("finite rows");
            let dx = softmax_backward(&p, &dp);
            (p, dx)
        })
    }));
    list.push(case("gelu", "fwd", 0.0, move || {
        let (x, _) = inputs();
        job(move || gelu(&x))
    }));
    list.push(case("gelu", "fwdbwd", 0.0, move || {
        let (x, dy) = inputs();
        job(move || (gelu(&x), gelu_backward(&x, &dy)))
    }));
}

/// The stem of an image network, and a first layer over clips.
pub fn convolutions(list: &mut Vec<Case>) {
    let stem = Conv { stride: [2; 2], padding: [3; 2], ..Conv::default() };
    convolution(list, "conv2d", stem, [Dim([4, 3, 224, 224]), Dim([64, 3, 7, 7]), Dim([4, 64, 112, 112])]);
    let clip = Conv { padding: [1; 3], ..Conv::default() };
    convolution(
        list,
        "conv3d",
        clip,
        [Dim([2, 3, 16, 64, 64]), Dim([32, 3, 3, 3, 3]), Dim([2, 32, 16, 64, 64])],
    );
}

fn convolution<D: Dimension + 'static, const N: usize>(
    list: &mut Vec<Case>,
    name: &str,
    settings: Conv<N>,
    shapes: [D; 3],
) {
    let flops = 2.0 * (shapes[1].size() * shapes[2].size() / shapes[2][1]) as f64;
    let inputs = move || {
        let [x, w, y] = shapes.clone();
        let b: Array1<f32> = draw(3, w[0]);
        (draw(1, x), draw(2, w), b, draw(4, y))
    };
    let again = inputs.clone();
    list.push(case(name, "fwd", flops, move || {
        let (x, w, b, _) = inputs();
        job(move || conv(&x, &w, &b, &settings))
    }));
    list.push(case(name, "fwdbwd", 3.0 * flops, move || {
        let (x, w, b, dy) = again();
        job(move || {
            let y = conv(&x, &w, &b, &settings).expect("finite images");
            let (mut dw, mut db) = (w.zeros_like(), b.zeros_like());
            (y, conv_backward(&x, &w, &dy, &settings, &mut dw, &mut db), dw, db)
        })
    }));
}
