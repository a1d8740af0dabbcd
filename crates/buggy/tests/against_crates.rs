//! The naive backend against the crates: two implementations that share no arithmetic give the same numbers.

use mmt_blocks::{
    Activation, AttentionKind, BlockConfig, DeadRows, DecoderBlock, Encoder, Mask, MultiHead, NormOrder,
    attention, attention_backward,
};
use mmt_buggy::{Data, Tensor, Tensors, run};
use mmt_fusion::{Cross, CrossAttention, Layout};
use mmt_tensor::ops::{
    CrossEntropyTape, OnEmpty, cross_entropy, cross_entropy_backward, layer_norm, layer_norm_backward,
    linear, linear_backward, symmetric_kl, symmetric_kl_backward,
};
use mmt_tensor::{Ragged, Random, Tree};
use ndarray::{Array1, Array2, Array4, ArrayRef, Axis, Dimension, s};
use serde_json::json;

/// One case: what goes in, and what the crates make of it.
#[derive(Default)]
struct Pair {
    inputs: Tensors,
    want: Tensors,
}

fn tensor<D: Dimension>(a: &ArrayRef<f64, D>) -> Tensor {
    Tensor::f64(a.shape(), a.iter().copied().collect())
}

impl Pair {
    fn input<D: Dimension>(mut self, key: &str, a: &ArrayRef<f64, D>) -> Self {
        self.inputs.insert(key.to_string(), tensor(a));
        self
    }

    fn params(mut self, prefix: &str, tree: &impl Tree<f64>) -> Self {
        self.inputs
            .extend(tree.arrays().iter().map(|(name, a)| (format!("param/{prefix}{name}"), tensor(a))));
        self
    }

    fn want<D: Dimension>(mut self, key: &str, a: &ArrayRef<f64, D>) -> Self {
        self.want.insert(key.to_string(), tensor(a));
        self
    }

    fn grads(mut self, prefix: &str, tree: &impl Tree<f64>) -> Self {
        let arrays = tree.arrays();
        self.want.extend(arrays.iter().map(|(name, a)| (format!("grad_param/{prefix}{name}"), tensor(a))));
        self
    }

    /// Every wanted array, to a few units in the last place of its largest number. What is smaller than a tenth is a sum
    /// that cancels, such as the gradient of the bias of keys.
    #[track_caller]
    fn check(self, op: &str, config: &serde_json::Value) {
        let got = run(op, config, &self.inputs, None).unwrap();
        for (key, want) in &self.want {
            let got = got.get(key).unwrap_or_else(|| panic!("{op}: no `{key}`"));
            let (Data::F64(x), Data::F64(y)) = (&got.data, &want.data) else {
                panic!("{op}: {key}: numbers")
            };
            assert_eq!(x.len(), y.len(), "{op}: {key}");
            let size = y.iter().fold(0.1_f64, |m, y| m.max(y.abs()));
            let off = x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert!(off <= 4e-13 * size, "{op}: {key}: off by {off:e} of {size:e}");
        }
    }
}

fn batch(x: &Array2<f64>, samples: usize) -> ndarray::Array3<f64> {
    x.clone().into_shape_with_order((samples, x.nrows() / samples, x.ncols())).unwrap()
}

#[test]
fn linear_maps_and_norms() {
    let r = &mut Random::seed(1);
    let (x, w, b): (Array2<f64>, Array2<f64>, Array1<f64>) =
        (r.uniform((5, 4), 1.0), r.uniform((4, 4), 1.0), r.uniform(4, 1.0));
    let dy: Array2<f64> = r.uniform((5, 4), 1.0);
    let (mut dw, mut db) = (Array2::zeros((4, 4)), Array1::zeros(4));
    let dx = linear_backward(&x, &w, &dy, &mut dw, Some(&mut db));
    let pair = Pair::default().input("in/x", &x).input("param/weight", &w).input("param/bias", &b);
    pair.input("cot/y", &dy)
        .want("out/y", &linear(&x, &w, Some(&b)).unwrap())
        .want("grad_in/x", &dx)
        .want("grad_param/weight", &dw)
        .want("grad_param/bias", &db)
        .check("linear", &json!({"bias": true}));

    let (y, moments) = layer_norm(&x, &b, &b, 1e-5).unwrap();
    let (mut dgamma, mut dbeta) = (Array1::zeros(4), Array1::zeros(4));
    let dx = layer_norm_backward(&moments, &x, &b, &dy, &mut dgamma, &mut dbeta);
    let pair = Pair::default().input("in/x", &x).input("param/gamma", &b).input("param/beta", &b);
    pair.input("cot/y", &dy)
        .want("out/y", &y)
        .want("act/mean", &moments.mean)
        .want("act/rstd", &moments.rstd)
        .want("grad_in/x", &dx)
        .want("grad_param/gamma", &dgamma)
        .want("grad_param/beta", &dbeta)
        .check("layer_norm", &json!({"eps": 1e-5, "affine": true}));
}

#[test]
fn losses() {
    let r = &mut Random::seed(2);
    let (z, w): (Array2<f64>, Array2<f64>) = (r.uniform((4, 5), 3.0), r.uniform((4, 5), 3.0));
    let labels = [Some(3), None, Some(0), Some(4)];
    let (loss, tape): (f64, CrossEntropyTape<f64>) = cross_entropy(&z, &labels, OnEmpty::Zero).unwrap();
    let mut pair = Pair::default().input("in/z", &z).input("cot/loss", &ndarray::arr0(0.5));
    pair.inputs.insert("in/labels".to_string(), Tensor::i64(&[4], vec![3, -1, 0, 4]));
    pair.want("loss/loss", &ndarray::arr0(loss))
        .want("grad_in/z", &cross_entropy_backward(&tape, &z, &labels, 0.5))
        .check("cross_entropy", &json!({}));

    let (loss, tape) = symmetric_kl(&z, &w).unwrap();
    let (dz, dw) = symmetric_kl_backward(&tape, 0.5);
    let pair = Pair::default().input("in/z", &z).input("in/w", &w).input("cot/loss", &ndarray::arr0(0.5));
    pair.want("loss/loss", &ndarray::arr0(loss))
        .want("grad_in/z", &dz)
        .want("grad_in/w", &dw)
        .check("symmetric_kl", &json!({}));
}

#[test]
fn attention_of_one_head() {
    let r = &mut Random::seed(3);
    let (q, k, v): (Array2<f64>, Array2<f64>, Array2<f64>) =
        (r.uniform((3, 4), 2.0), r.uniform((5, 4), 2.0), r.uniform((5, 6), 2.0));
    let d_o: Array2<f64> = r.uniform((3, 6), 1.0);
    let mut bias = Array2::<f64>::from_elem((3, 5), f64::NEG_INFINITY);
    bias.slice_mut(s![1.., ..4]).fill(0.25);
    let (o, tape) = attention(&q, &k, &v, Some(&bias), DeadRows::Zero).unwrap();
    let gradients = attention_backward(&tape, &d_o);
    let four = |a: &Array2<f64>| -> Array4<f64> { a.clone().insert_axis(Axis(0)).insert_axis(Axis(0)) };
    Pair::default()
        .input("in/q", &four(&q))
        .input("in/k", &four(&k))
        .input("in/v", &four(&v))
        .input("in/bias", &bias)
        .input("cot/o", &four(&d_o))
        .want("out/o", &four(&o))
        .want("act/p", &four(&tape.p))
        .want("grad_in/q", &four(&gradients.0))
        .want("grad_in/k", &four(&gradients.1))
        .want("grad_in/v", &four(&gradients.2))
        .check("sdpa", &json!({"mask": "bias"}));
}

#[test]
fn attention_of_several_heads() {
    let r = &mut Random::seed(4);
    let layer = MultiHead::<f64>::cross(6, 4, 3, r).unwrap();
    let (x, z): (Array2<f64>, Array2<f64>) = (r.uniform((6, 6), 1.0), r.uniform((8, 4), 1.0));
    let dy: Array2<f64> = r.uniform((6, 6), 1.0);
    let keep = [true, false, true, true, true, true, false, true];
    let (rows, of) = (Ragged::even(2, 3), Ragged::even(2, 4));
    let (y, tape) = layer.forward(&x, &z, &rows, &of, &Mask::Keys(keep.to_vec())).unwrap();
    let mut grad = layer.zeros_like();
    let (dx, dz) = layer.backward(&tape, &dy, &mut grad);
    let mut pair = Pair::default().input("in/x", &batch(&x, 2)).input("in/context", &batch(&z, 2));
    pair.inputs.insert("in/key_mask".to_string(), Tensor::bool(&[2, 4], keep.to_vec()));
    pair.params("", &layer)
        .input("cot/y", &batch(&dy, 2))
        .want("out/y", &y)
        .want("grad_in/x", &dx)
        .want("grad_in/context", &dz)
        .grads("", &grad)
        .check("mha", &json!({"heads": 3, "self": false, "mask": "keys"}));
}

fn config() -> BlockConfig {
    let (activation, attention) = (Activation::Gelu, AttentionKind::Plain);
    BlockConfig { width: 6, heads: 2, hidden: 8, activation, eps: 1e-5, attention }
}

/// The parameters of new layers are ones and zeros in part; these are not.
fn shaken<T: Tree<f64>>(mut tree: T, r: &mut Random) -> T {
    for (_, mut a) in tree.arrays_mut() {
        let by = r.uniform::<f64, _>(a.raw_dim(), 0.5);
        a += &by;
    }
    tree
}

#[test]
fn blocks_and_stacks() {
    for (order, word) in [(NormOrder::Pre, "pre"), (NormOrder::Post, "post")] {
        let r = &mut Random::seed(5);
        let mut layer = shaken(Encoder::<f64>::new(order, 2, &config(), r).unwrap(), r);
        layer.repeats = 2;
        let (x, dy): (Array2<f64>, Array2<f64>) = (r.uniform((6, 6), 1.0), r.uniform((6, 6), 1.0));
        let (y, tape) = layer.forward(&x, &Ragged::even(2, 3), &Mask::causal()).unwrap();
        let mut grad = layer.zeros_like();
        let dx = layer.backward(&tape, &dy, &mut grad);
        let settings = json!({"heads": 2, "activation": "gelu", "eps": 1e-5, "order": word, "layers": 2,
            "repeats": 2, "mask": "causal", "causal_offset": 0});
        Pair::default()
            .input("in/x", &batch(&x, 2))
            .input("cot/y", &batch(&dy, 2))
            .params("", &layer)
            .want("out/y", &y)
            .want("grad_in/x", &dx)
            .grads("", &grad)
            .check("stack", &settings);

        let layer = shaken(DecoderBlock::<f64>::new(order, &config(), 6, r).unwrap(), r);
        let (rows, of) = (Ragged::even(2, 3), Ragged::even(2, 2));
        let z: Array2<f64> = r.uniform((4, 6), 1.0);
        let (y, tape) = layer.forward(&x, &z, &rows, &of, &Mask::causal(), &Mask::None).unwrap();
        let mut grad = layer.zeros_like();
        let (dx, dz) = layer.backward(&tape, &dy, &mut grad);
        Pair::default()
            .input("in/x", &batch(&x, 2))
            .input("in/memory", &batch(&z, 2))
            .input("cot/y", &batch(&dy, 2))
            .params("", &layer)
            .want("out/y", &y)
            .want("grad_in/x", &dx)
            .want("grad_in/memory", &dz)
            .grads("", &grad)
            .check("decoder_block", &settings);
    }
}

#[test]
fn two_streams_that_look_at_each_other() {
    let r = &mut Random::seed(6);
    let block = |r: &mut Random| {
        let block = mmt_blocks::CrossBlock::<f64>::new(NormOrder::Post, &config(), 6, r).unwrap();
        Cross::Block(shaken(block, r))
    };
    let layer = CrossAttention { a: block(r), b: block(r) };
    let (a, b): (Array2<f64>, Array2<f64>) = (r.uniform((6, 6), 1.0), r.uniform((4, 6), 1.0));
    let layouts = [3, 2].map(|n| Layout::of(if n == 3 { "a" } else { "b" }, Ragged::even(2, n)).unwrap());
    let masks = (&Mask::None, &Mask::None);
    let ((z_a, z_b), tape) = layer.forward((&a, &layouts[0]), (&b, &layouts[1]), masks).unwrap();
    let (dz_a, dz_b): (Array2<f64>, Array2<f64>) = (r.uniform((6, 6), 1.0), r.uniform((4, 6), 1.0));
    let mut grad = layer.zeros_like();
    let (da, db) = layer.backward(&tape, (&dz_a, &dz_b), &mut grad);
    Pair::default()
        .input("in/a", &batch(&a, 2))
        .input("in/b", &batch(&b, 2))
        .input("cot/a", &batch(&dz_a, 2))
        .input("cot/b", &batch(&dz_b, 2))
        .params("", &layer)
        .want("out/a", &z_a)
        .want("out/b", &z_b)
        .want("grad_in/a", &da)
        .want("grad_in/b", &db)
        .grads("", &grad)
        .check("cross_attention", &json!({"heads": 2, "activation": "gelu", "eps": 1e-5, "order": "post"}));
}
