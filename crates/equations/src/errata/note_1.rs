//! Errata of section 1 of the note: Transformer basics.

use mmt_blocks::{
    Activation, AttentionKind, BlockConfig, DeadRows, Encoder, Ffn, Heads, Mask, MultiHead, NormOrder,
    VisionTransformer, VisionTransformerConfig, attention,
};
use mmt_tensor::ops::{matmul, softmax};
use mmt_tensor::testing::ramp;
use mmt_tensor::{Error, Ragged, Random, Result};
use mmt_tokenizers::image::{Order, PatchEmbedding};
use ndarray::{Array2, array, concatenate, s};

use super::{Erratum, Outcome, judge};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C01",
        section: "1.1",
        claim: "Softmax((Q K^T / √d) ⊙ M) V with M in {1, -∞} masks the future",
        correction: "add the mask, Softmax(Q K^T / √d + B) V with B in {0, -∞}: a product with -∞ gives +∞ for a negative \
                     score and NaN for zero",
        source: "Vaswani et al. 2017, section 3.2.3",
        equation: "eq-1.5-masked-attention",
        as_written: product_mask,
        as_corrected: additive_mask,
    },
    Erratum {
        id: "ERR-C02",
        section: "1.1",
        claim: "every head is Attention(q_i, k_i, v_i), whose scale is √d",
        correction: "inside a head the scale is the root of the width that the head sees, √(d/c)",
        source: "Vaswani et al. 2017, section 3.2.2",
        equation: "eq-1.2-mha-note",
        as_written: heads_of_full_scale,
        as_corrected: heads_of_own_scale,
    },
    Erratum {
        id: "ERR-C03",
        section: "1.1",
        claim: "multi-head attention ends with the concatenation of its heads, [n, d_v]",
        correction: "an output projection W_O follows: it mixes the heads and returns to the width of the stream, so that \
                     the result can be added to it",
        source: "Vaswani et al. 2017, section 3.2.2",
        equation: "eq-1.3-mha-full",
        as_written: heads_alone,
        as_corrected: heads_with_projection,
    },
    Erratum {
        id: "ERR-C04",
        section: "1.1",
        claim: "a position sees only the positions before it",
        correction: "the mask includes the diagonal, as the matrix of the note does: a position sees itself",
        source: "Vaswani et al. 2017, section 3.1",
        equation: "eq-1.5-masked-attention",
        as_written: strict_mask,
        as_corrected: inclusive_mask,
    },
    Erratum {
        id: "ERR-C06",
        section: "1.1",
        claim: "(Q K^T)_ij is the share of value j in the answer to query i",
        correction: "the share is P_ij, after the softmax; a score can be negative and a row of scores has any sum",
        source: "Vaswani et al. 2017, eq. 1",
        equation: "eq-1.1-attention",
        as_written: scores_as_shares,
        as_corrected: weights_as_shares,
    },
    Erratum {
        id: "ERR-C05",
        section: "1.1",
        claim: "the input of the feed-forward network is [n, d_v], the width of a value",
        correction: "it is [n, D], the width of the stream, which is d_v only if the heads say so",
        source: "Vaswani et al. 2017, section 3.3",
        equation: "eq-1.7-ffn",
        as_written: feed_forward_of_values,
        as_corrected: feed_forward_of_the_stream,
    },
    Erratum {
        id: "ERR-C07",
        section: "1.1",
        claim: "the first attention of a decoder is the only one with a mask",
        correction: "padding has to be hidden in all three attentions; without that its content changes the result",
        source: "Vaswani et al. 2017, released code (tensor2tensor); Devlin et al. 2019, released code",
        equation: "eq-1.5-masked-attention",
        as_written: padding_unmasked,
        as_corrected: padding_masked,
    },
    Erratum {
        id: "ERR-C08",
        section: "1.2",
        claim: "Pre-LN is the block with the norms moved to the front",
        correction: "a Pre-LN stack ends with one more layer norm; without it the output grows with the depth",
        source: "Xiong et al. 2020, table 1 and lemma 2; Dosovitskiy et al. 2021, eq. 4",
        equation: "eq-1.15-pre-ln-final-norm",
        as_written: without_final_norm,
        as_corrected: with_final_norm,
    },
    Erratum {
        id: "ERR-C11",
        section: "1.3",
        claim: "to ViT an image is a sentence of HW/P² words",
        correction: "of HW/P² + 1: the class token is a word too, and every word has a position; the order of the patches is \
                     in the positions alone, and P has to divide both sides",
        source: "Dosovitskiy et al. 2021, eq. 1",
        equation: "eq-1.26-vit",
        as_written: sentence_of_patches,
        as_corrected: sentence_with_class_token,
    },
    Erratum {
        id: "ERR-C26",
        section: "1.1",
        claim: "the number of heads is usually 8",
        correction: "it is a divisor of the width that differs from model to model",
        source: "the configurations published with the models",
        equation: "eq-1.3-mha-full",
        as_written: eight_heads,
        as_corrected: heads_that_divide,
    },
];

const NEVER: f64 = f64::NEG_INFINITY;

/// `[[1, -2], [0, 3]]`: the score that has to be hidden is negative.
fn scores() -> Array2<f64> {
    array![[1.0, -2.0], [0.0, 3.0]]
}

fn product_mask() -> Outcome {
    let masked = scores() * array![[1.0, NEVER], [1.0, 1.0]];
    match softmax(&masked) {
        Ok(p) => Ok(format!("P = {p}")),
        Err(error) => Err(format!("-2 · -∞ = {}, and then {error}", masked[(0, 1)])),
    }
}

fn additive_mask() -> Outcome {
    let p = softmax(&(scores() + array![[0.0, NEVER], [0.0, 0.0]])).map_err(|e| e.to_string())?;
    judge(p[(0, 1)] == 0.0 && p[(0, 0)] == 1.0, format!("row 0 of P is {}", p.row(0)))
}

/// A causal mask over `n` positions that hides `j > i`, and `j = i` too if `strict`.
fn causal(n: usize, strict: bool) -> Array2<f64> {
    Array2::from_shape_fn((n, n), |(i, j)| if j < i + usize::from(!strict) { 0.0 } else { NEVER })
}

fn strict_mask() -> Outcome {
    match softmax(&(scores() + causal(2, true))) {
        Err(Error::FullyMaskedRow { row }) => Err(format!("position {row} sees nothing: its softmax is 0/0")),
        other => Ok(format!("{other:?}")),
    }
}

fn inclusive_mask() -> Outcome {
    let p = softmax(&(scores() + causal(2, false))).map_err(|e| e.to_string())?;
    judge(p[(0, 0)] == 1.0, format!("position 0 sees itself: row 0 of P is {}", p.row(0)))
}

/// Scores `Q K^T` of random queries and keys.
fn random_scores() -> Array2<f64> {
    let mut random = Random::seed(1);
    let (q, k): (Array2<f64>, Array2<f64>) = (random.normal((3, 4), 1.0), random.normal((5, 4), 1.0));
    matmul(&q, &k.t())
}

/// Shares are not negative and add up to one.
fn are_shares(p: &Array2<f64>) -> bool {
    p.iter().all(|&p| p >= 0.0)
        && p.rows().into_iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12)
}

fn scores_as_shares() -> Outcome {
    let s = random_scores();
    let least = s.iter().copied().fold(f64::INFINITY, f64::min);
    judge(
        are_shares(&s),
        format!("a share of {least:.3}, and row 0 adds up to {:.3}", s.row(0).iter().sum::<f64>()),
    )
}

fn weights_as_shares() -> Outcome {
    let p = softmax(&random_scores()).map_err(|e| e.to_string())?;
    judge(are_shares(&p), format!("row 0 of P adds up to {:.3}", p.row(0).iter().sum::<f64>()))
}

/// The example of eq-1.2-mha-note: two heads of width 2.
fn heads_example() -> (Array2<f64>, Array2<f64>, Array2<f64>) {
    (ramp(1, (2, 4)), ramp(2, (3, 4)), ramp(3, (3, 2)))
}

/// Entry `(0, 0)` with `√(d/c)`, computed independently for the specification.
const OWN_SCALE: f64 = -0.642937841335;

fn heads_of_full_scale() -> Outcome {
    let (q, k, v) = heads_example();
    // A query divided by √2 turns the scale √2 of a head of width 2 into √4.
    let q = q / 2f64.sqrt();
    let head = |i: usize| {
        let block = s![.., 2 * i..2 * i + 2];
        attention(&q.slice(block), &k.slice(block), &v.slice(s![.., i..i + 1]), None, DeadRows::Refuse)
    };
    let (first, second) = (head(0).map_err(text)?.0, head(1).map_err(text)?.0);
    let o = concatenate![ndarray::Axis(1), first, second];
    judge((o[(0, 0)] - OWN_SCALE).abs() < 1e-9, format!("o[0, 0] is {:.6}, not {OWN_SCALE:.6}", o[(0, 0)]))
}

fn heads_of_own_scale() -> Outcome {
    let (q, k, v) = heads_example();
    let (o, _) =
        Heads::new(2).forward(&q, &k, &v, &Ragged::one(2), &Ragged::one(3), &Mask::None).map_err(text)?;
    judge((o[(0, 0)] - OWN_SCALE).abs() < 1e-9, format!("o[0, 0] is {:.6}", o[(0, 0)]))
}

/// Adds `branch` to a stream.
fn residual(stream: &Array2<f64>, branch: &Array2<f64>) -> Outcome {
    let (stream, branch) = (stream.shape(), branch.shape());
    judge(stream == branch, format!("a stream of {stream:?} and a branch of {branch:?}"))
}

fn heads_alone() -> Outcome {
    let (q, k, v) = heads_example();
    let (o, _) =
        Heads::new(2).forward(&q, &k, &v, &Ragged::one(2), &Ragged::one(3), &Mask::None).map_err(text)?;
    residual(&q, &o)
}

fn heads_with_projection() -> Outcome {
    let (x, context, _) = heads_example();
    let layer = MultiHead::new(4, 2, &mut Random::seed(1)).map_err(text)?;
    let (rows, context_rows) = (Ragged::one(2), Ragged::one(3));
    let (y, _) = layer.forward(&x, &context, &rows, &context_rows, &Mask::None).map_err(text)?;
    residual(&x, &y)
}

fn feed_forward(width: usize) -> Outcome {
    let stream = 4;
    let ffn = Ffn::new(stream, 8, Activation::Relu, &mut Random::seed(1)).map_err(text)?;
    let (y, _) = ffn.forward(&Array2::<f64>::ones((3, width))).map_err(text)?;
    Ok(format!("[3, {width}] -> {:?}", y.shape()))
}

fn feed_forward_of_values() -> Outcome {
    feed_forward(2)
}

fn feed_forward_of_the_stream() -> Outcome {
    feed_forward(4)
}

/// How much a change of two padding rows changes the three rows before them.
fn padding_leak(mask: &Mask) -> Result<f64> {
    let layer = MultiHead::new(4, 2, &mut Random::seed(1))?;
    let run = |padding: f64| -> Result<Array2<f64>> {
        let mut x: Array2<f64> = ramp(1, (5, 4));
        x.slice_mut(s![3.., ..]).fill(padding);
        let rows = Ragged::one(5);
        Ok(layer.forward(&x, &x, &rows, &rows, mask)?.0.slice(s![..3, ..]).to_owned())
    };
    let difference = run(0.0)? - run(2.0)?;
    Ok(difference.iter().fold(0.0, |most, x| x.abs().max(most)))
}

fn padding_unmasked() -> Outcome {
    let leak = padding_leak(&Mask::None).map_err(text)?;
    judge(leak == 0.0, format!("other padding changes the tokens before it by up to {leak:.3}"))
}

fn padding_masked() -> Outcome {
    let keep = Mask::Keys(vec![true, true, true, false, false]);
    let leak = padding_leak(&keep).map_err(text)?;
    judge(leak == 0.0, format!("other padding changes the tokens before it by {leak}"))
}

/// The mean square of the output of Pre-LN stacks of depth 2 and 16.
fn mean_squares(final_norm: bool) -> Result<[f64; 2]> {
    let config = BlockConfig {
        width: 32,
        heads: 4,
        hidden: 64,
        activation: Activation::Relu,
        eps: 1e-12,
        attention: AttentionKind::Plain,
    };
    let run = |depth: usize| -> Result<f64> {
        let mut random = Random::seed(1);
        let mut stack = Encoder::<f64>::new(NormOrder::Pre, depth, &config, &mut random)?;
        if !final_norm {
            stack.norm = None;
        }
        let (y, _) = stack.forward(&random.normal((16, 32), 1.0), &Ragged::one(16), &Mask::None)?;
        Ok(y.iter().map(|y| y * y).sum::<f64>() / y.len() as f64)
    };
    Ok([run(2)?, run(16)?])
}

fn without_final_norm() -> Outcome {
    let [few, many] = mean_squares(false).map_err(text)?;
    judge(
        (many / few - 1.0).abs() < 0.05,
        format!("the mean square is {few:.2} after 2 layers and {many:.2} after 16"),
    )
}

fn with_final_norm() -> Outcome {
    let [few, many] = mean_squares(true).map_err(text)?;
    judge(
        (many / few - 1.0).abs() < 0.05,
        format!("the mean square is {few:.2} after 2 layers and {many:.2} after 16"),
    )
}

/// An image of 16x16 pixels in patches of 4x4 for the tiny ViT of the specification, and how many tokens its blocks see.
fn tokens_of_an_image(model: &VisionTransformer<f64>) -> Result<usize> {
    let mut random = Random::seed(1);
    let embedding = PatchEmbedding::new(4, 1, 16, Order::Hwc, &mut random);
    let (x, _) = embedding.forward(&random.uniform((1, 16, 16, 1), 1.0))?;
    let (_, tape) = model.forward(&x, &Ragged::one(x.nrows()))?;
    Ok(tape.encoder.norm.map_or(0, |norm| norm.x.nrows()))
}

/// The tiny ViT of the specification for a sentence of `words` words.
fn vit(words: usize) -> Result<VisionTransformer<f64>> {
    let block = BlockConfig {
        width: 16,
        heads: 2,
        hidden: 32,
        activation: Activation::Gelu,
        eps: 1e-6,
        attention: AttentionKind::Plain,
    };
    let config = VisionTransformerConfig { block, depth: 2, patches: words - 1, hidden: None, classes: 10 };
    VisionTransformer::new(&config, &mut Random::seed(1))
}

fn sentence_of_patches() -> Outcome {
    let words = 16 * 16 / (4 * 4);
    let tokens = vit(words).and_then(|model| tokens_of_an_image(&model)).map_err(text)?;
    judge(tokens == words, format!("{tokens} tokens"))
}

fn sentence_with_class_token() -> Outcome {
    let words = 16 * 16 / (4 * 4) + 1;
    let tokens = vit(words).and_then(|model| tokens_of_an_image(&model)).map_err(text)?;
    judge(tokens == words, format!("{tokens} tokens with a position each, 16 patches and the class token"))
}

/// Published configurations: name, width, heads.
const HEADS: [(&str, usize, usize); 6] = [
    ("Transformer base", 512, 8),
    ("BERT base", 768, 12),
    ("ViT-B/16", 768, 12),
    ("VideoBERT", 1024, 16),
    ("G-BERT", 300, 4),
    ("Med-BERT", 192, 6),
];

fn eight_heads() -> Outcome {
    let others: Vec<String> =
        HEADS.iter().filter(|(_, _, c)| *c != 8).map(|(name, _, c)| format!("{name} {c}")).collect();
    judge(
        2 * others.len() < HEADS.len(),
        format!("of {} models {} differ: {}", HEADS.len(), others.len(), others.join(", ")),
    )
}

fn heads_that_divide() -> Outcome {
    let widths: Vec<String> =
        HEADS.iter().map(|(name, d, c)| format!("{name} {d}/{c} = {}", d / c)).collect();
    judge(HEADS.iter().all(|(_, d, c)| d % c == 0), widths.join(", "))
}

fn text(error: Error) -> String {
    error.to_string()
}
