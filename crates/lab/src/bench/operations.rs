//! Cases of single operations.

use mmt_tensor::ops::{
    Conv, OnEmpty, conv, conv_backward, cross_entropy, cross_entropy_backward, gelu, gelu_backward,
    layer_norm, layer_norm_backward, matmul, softmax, softmax_backward,
};
use mmt_tensor::optim::{AdamConfig, AdamW};
use mmt_tensor::{Random, Tree, parallel};
use ndarray::{Array, Array1, Array2, Dim, Dimension, ShapeBuilder};

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
    many(list, "nt", 48, [197, 64, 197]);
    many(list, "nn", 48, [197, 197, 64]);
}

/// Many small products at once: the scores and the mixing of values of attention heads.
fn many(list: &mut Vec<Case>, kind: &'static str, count: usize, [n, k, m]: [usize; 3]) {
    let flops = 2.0 * (count * n * k * m) as f64;
    list.push(case(format!("{kind}_b{count}_{n}x{k}x{m}"), "fwd", flops, move || {
        let draw = |i: usize| {
            let b: Array2<f32> = if kind == "nt" { draw(2, (m, k)).reversed_axes() } else { draw(2, (k, m)) };
            (draw(1 + i as u64, (n, k)), b)
        };
        let pairs: Vec<_> = (0..count).map(draw).collect();
        job(move || parallel::map(count, 2 * n * k * m, |i| matmul(&pairs[i].0, &pairs[i].1)))
    }));
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
        let (x, gamma, beta) = (draw(1, SHAPE), draw(3, SHAPE.1), draw(4, SHAPE.1));
        job(move || layer_norm(&x, &gamma, &beta, 1e-5))
    }));
    list.push(case("layernorm", "fwdbwd", 0.0, move || {
        let (x, gamma, beta, dy) = norm();
        job(move || {
            let (y, moments) = layer_norm(&x, &gamma, &beta, 1e-5).expect("finite rows");
            let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
            (y, layer_norm_backward(&moments, &x, &gamma, &dy, &mut dgamma, &mut dbeta), dgamma, dbeta)
        })
    }));
    list.push(case("softmax", "fwd", 0.0, move || {
        let x = draw(1, SHAPE);
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
        let x = draw(1, SHAPE);
        job(move || gelu(&x))
    }));
    list.push(case("gelu", "fwdbwd", 0.0, move || {
        let (x, dy) = inputs();
        job(move || (gelu(&x), gelu_backward(&x, &dy)))
    }));
}

/// The loss of a language model: 1024 tokens, 30522 words.
pub fn losses(list: &mut Vec<Case>) {
    let inputs = || {
        let mut random = Random::seed(2);
        let labels: Vec<_> = (0..1024).map(|_| Some(random.below(30522))).collect();
        (draw(1, (1024, 30522)), labels)
    };
    list.push(case("xent", "fwd", 0.0, move || {
        let (z, labels) = inputs();
        job(move || cross_entropy(&z, &labels, OnEmpty::Refuse))
    }));
    list.push(case("xent", "fwdbwd", 0.0, move || {
        let (z, labels) = inputs();
        job(move || {
            let (loss, tape) = cross_entropy(&z, &labels, OnEmpty::Refuse).expect("finite logits");
            (loss, cross_entropy_backward(&tape, &z, &labels, 1.0))
        })
    }));
}

/// The update of ten million parameters, in one array and in a hundred.
pub fn optimizers(list: &mut Vec<Case>) {
    for (name, count) in [("adamw10m", 1), ("adamw10m_100", 100)] {
        list.push(case(name, "step", 0.0, move || {
            let arrays = |seed| -> Vec<Array1<f32>> {
                (0..count).map(|i| draw(seed + i as u64, 10_000_000 / count)).collect()
            };
            let (mut model, grad) = (arrays(1), arrays(1001));
            let mut adamw = AdamW::new(&model, AdamConfig::ADAMW).expect("valid settings");
            job(move || adamw.step(&mut model, &grad, 1e-4).expect("finite gradients"))
        }));
    }
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
