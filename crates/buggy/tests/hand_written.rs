//! Mistakes of kernels that people write by hand, written down here once more as such a kernel has them.

use mmt_buggy::elementary::{exp, ln};
use mmt_buggy::{Arithmetic, Data, Tensor, Tensors, run, run_tiled};
use serde_json::{Value, json};

/// Queries, keys, widths.
const SIZES: [usize; 3] = [3, 7, 2];

fn numbers(seed: usize, shape: &[usize]) -> Tensor {
    let n = shape.iter().product();
    Tensor::f64(shape, (0..n).map(|i| ((i * 37 + seed * 61) % 41) as f64 / 13.0 - 1.5).collect())
}

fn given(list: &[(&str, &[usize])]) -> Tensors {
    list.iter().enumerate().map(|(i, (key, shape))| (key.to_string(), numbers(i, shape))).collect()
}

fn attention() -> (Tensors, Value) {
    let [n, m, d] = SIZES;
    let (q, k) = ([1, 1, n, d], [1, 1, m, d]);
    let config = json!({"heads": 1, "head_dim": d, "mask": "causal", "causal_offset": 3});
    (given(&[("in/q", &q), ("in/k", &k), ("in/v", &k), ("cot/o", &q)]), config)
}

fn list(tensors: &Tensors, key: &str) -> Vec<f64> {
    match &tensors[key].data {
        Data::F64(list) => list.clone(),
        other => panic!("{key}: {other:?}"),
    }
}

#[track_caller]
fn same(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-12), "{got:?}\n{want:?}");
}

/// Scores of a query, all of them and those that it sees.
fn scores(given: &Tensors, i: usize) -> (Vec<f64>, Vec<f64>) {
    let [_, m, d] = SIZES;
    let (q, k) = (list(given, "in/q"), list(given, "in/k"));
    let dot = |j: usize| (0..d).map(|c| q[i * d + c] * k[j * d + c]).sum::<f64>() / (d as f64).sqrt();
    let all: Vec<f64> = (0..m).map(dot).collect();
    let seen = all.iter().enumerate().map(|(j, s)| if j <= i + 3 { *s } else { f64::NEG_INFINITY });
    (all.clone(), seen.collect())
}

fn softmax(z: &[f64]) -> Vec<f64> {
    let top = z.iter().fold(f64::NEG_INFINITY, |m, z| m.max(*z));
    let sum: f64 = z.iter().map(|z| exp(z - top)).sum();
    z.iter().map(|z| exp(z - top) / sum).collect()
}

/// Online softmax with an accumulator, tile by tile; the two flags say what is rescaled when the maximum grows.
fn online(given: &Tensors, i: usize, tile: usize, [accumulator, total]: [bool; 2]) -> Vec<f64> {
    let d = SIZES[2];
    let (v, (_, z)) = (list(given, "in/v"), scores(given, i));
    let (mut top, mut sum, mut acc) = (f64::NEG_INFINITY, 0.0, vec![0.0; d]);
    for (t, tile_z) in z.chunks(tile).enumerate() {
        let new = tile_z.iter().fold(top, |m, z| m.max(*z));
        let shrink = if top == f64::NEG_INFINITY { 0.0 } else { exp(top - new) };
        sum *= if total { shrink } else { 1.0 };
        acc.iter_mut().for_each(|x| *x *= if accumulator { shrink } else { 1.0 });
        for (j, z) in tile_z.iter().enumerate() {
            let (w, row) = (exp(z - new), t * tile + j);
            sum += w;
            acc.iter_mut().enumerate().for_each(|(c, x)| *x += w * v[row * d + c]);
        }
        top = new;
    }
    acc.iter().map(|x| x / sum).collect()
}

#[test]
fn online_softmax_that_is_not_rescaled() {
    let (given, config) = attention();
    let exact = Arithmetic::of_profile("f64").unwrap();
    let right = list(&run("sdpa", &config, &given, None).unwrap(), "out/o");
    for tile in [1, 2, 3, 7] {
        for (bug, rescaled) in [
            ("online_accumulator", [false, true]),
            ("online_sum", [true, false]),
            ("online_nothing", [false; 2]),
        ] {
            let got = run_tiled("sdpa", &config, &given, Some(bug), exact, tile).unwrap();
            let want: Vec<f64> = (0..3).flat_map(|i| online(&given, i, tile, rescaled)).collect();
            same(&list(&got, "out/o"), &want);
            let off = want.iter().zip(&right).any(|(x, y)| (x - y).abs() > 1e-3);
            assert_eq!(off, tile < 7, "{bug} in tiles of {tile}");
        }
    }
    assert_eq!(run_tiled("sdpa", &config, &given, None, exact, 0).unwrap_err(), "tiles of no keys");
}

/// `dV = P'ᵀ dO` with the probabilities that a backward computes again.
#[test]
fn a_backward_that_forgets_the_mask() {
    let (given, config) = attention();
    let [n, m, d] = SIZES;
    let right = run("sdpa", &config, &given, None).unwrap();
    let dy = list(&given, "cot/o");
    let again = |i: usize| softmax(&scores(&given, i).0);
    let stored = |i: usize| {
        let (all, seen) = scores(&given, i);
        let sum = ln(seen.iter().map(|z| exp(*z)).sum::<f64>());
        all.iter().map(|z| exp(z - sum)).collect()
    };
    let cases: [(&str, &dyn Fn(usize) -> Vec<f64>); 2] =
        [("bwd_mask_forgotten", &again), ("bwd_mask_forgotten_lse", &stored)];
    for (bug, p) in cases {
        let got = run("sdpa", &config, &given, Some(bug)).unwrap();
        let at = |j: usize, c: usize| (0..n).map(|i| p(i)[j] * dy[i * d + c]).sum::<f64>();
        let dv: Vec<f64> = (0..m * d).map(|k| at(k / d, k % d)).collect();
        same(&list(&got, "grad_in/v"), &dv);
        for key in ["out/o", "act/p", "act/scores"] {
            assert_eq!(got[key], right[key], "{bug} {key}");
        }
        for key in ["grad_in/q", "grad_in/k", "grad_in/v"] {
            assert_ne!(got[key], right[key], "{bug} {key}");
        }
    }
}

/// `dγ = Σ dy (x - μ)`, without `1/σ`.
#[test]
fn the_gradient_of_gamma_from_centered_numbers() {
    let (rows, d) = (3, 4);
    let given =
        given(&[("in/x", &[rows, d]), ("param/gamma", &[d]), ("param/beta", &[d]), ("cot/y", &[rows, d])]);
    let config = json!({"eps": 1e-5, "affine": true});
    let [right, got] =
        [None, Some("bwd_ln_dgamma_no_rstd")].map(|bug| run("layer_norm", &config, &given, bug).unwrap());
    let (x, dy) = (list(&given, "in/x"), list(&given, "cot/y"));
    let mean = |i: usize| x[i * d..(i + 1) * d].iter().sum::<f64>() / d as f64;
    let dgamma: Vec<f64> =
        (0..d).map(|j| (0..rows).map(|i| dy[i * d + j] * (x[i * d + j] - mean(i))).sum()).collect();
    same(&list(&got, "grad_param/gamma"), &dgamma);
    for key in ["out/y", "grad_in/x", "grad_param/beta"] {
        assert_eq!(got[key], right[key], "{key}");
    }
}
