//! Errata of sections 3, 4 and 6.1 of the note: how modalities meet.

use mmt_blocks::{DeadRows, Heads, Mask};
use mmt_fusion::topology::{Sizes, Taxonomy, Timing, block_flops, bottleneck, parse, shapes, taxonomy};
use mmt_fusion::{
    BidirectionalAttention, Bottleneck, BottleneckLayer, CrossAttention, EarlySum, HierOneToMulti, Layout,
    Projections, Stream, SumWeights, attention_with_sums, joint_queries, paired_attention,
};
use mmt_tensor::testing::qres;
use mmt_tensor::{Error, Ragged, Result};
use ndarray::{Array2, ArrayRef2, Axis, concatenate};

use super::{Erratum, Outcome, judge};
use crate::checks::fusion_kit::{inputs, layout, test_block, test_cross, test_stream};
use crate::checks::topology_kit::{named, one};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "E3-1",
        section: "3",
        claim: "hierarchical attention 1-to-2: every modality through a Transformer of its own, then one over both",
        correction: "that is multi-stream to one-stream, two to one; the note has the two names exchanged, and section 4 uses \
                     them the right way round",
        source: "Xu, Zhu & Clifton 2023, section 3.3",
        equation: "eq-3-hier-m2o",
        as_written: one_to_two,
        as_corrected: two_to_one,
    },
    Erratum {
        id: "E3-2",
        section: "3",
        claim: "early summation adds the information of the modalities token by token",
        correction: "with a weight for each modality, and only if they have equally many tokens that belong together",
        source: "Xu, Zhu & Clifton 2023, section 3.3",
        equation: "eq-3-early-sum",
        as_written: sum_of_any_lengths,
        as_corrected: sum_of_equal_lengths,
    },
    Erratum {
        id: "E3-3",
        section: "3",
        claim: "hierarchical attention 2-to-1 ends with the split",
        correction: "a Transformer for each modality follows the split; without them it is early concatenation taken apart",
        source: "Xu, Zhu & Clifton 2023, section 3.3; Lin et al. 2020, InterBERT",
        equation: "eq-3-hier-o2m",
        as_written: ends_with_the_split,
        as_corrected: streams_after_the_split,
    },
    Erratum {
        id: "E3-4",
        section: "3",
        claim: "cross-attention exchanges keys and values of two streams, or their queries: the stream of A gets the same",
        correction: "the same matrices under exchanged names: with queries exchanged, what is called A has the rows of B and \
                     cannot be added to A",
        source: "follows from the definitions",
        equation: "eq-3-cross-equiv",
        as_written: queries_exchanged,
        as_corrected: outputs_renamed,
    },
    Erratum {
        id: "E3-5",
        section: "3",
        claim: "TriBERT joins the queries of two modalities to one query over keys and values of the third, which lets them \
                meet",
        correction: "queries that are joined do not meet: these are two cross-attentions. The released code joins keys and \
                     values of two modalities, along the channels, under the query of the third",
        source: "Rahman, Yang & Sigal 2021; released vision_net.py",
        equation: "eq-3-tri-note",
        as_written: queries_meet,
        as_corrected: keys_meet,
    },
    Erratum {
        id: "E3-6",
        section: "3",
        claim: "IRENE is cross-attention to concatenation: a modality first sees the other one only",
        correction: "its first two blocks take the mean of self-attention and cross-attention; concatenation follows",
        source: "Zhou et al. 2023; released models/attention.py",
        equation: "eq-3-irene-bi",
        as_written: the_other_only,
        as_corrected: half_of_each,
    },
    Erratum {
        id: "E3-7",
        section: "3",
        claim: "one symbol C for every concatenation: that of the modalities is that of the heads",
        correction: "modalities are joined along the tokens, heads along the channels",
        source: "Vaswani et al. 2017, section 3.2.2; Xu, Zhu & Clifton 2023, section 3.3",
        equation: "eq-3-concat-split",
        as_written: heads_along_tokens,
        as_corrected: heads_along_channels,
    },
    Erratum {
        id: "E4-1",
        section: "4",
        claim: "late interaction, for example hierarchical 2-to-1, which section 3 defines as joining first and splitting \
                then",
        correction: "late interaction is multi-stream to one-stream; one-stream to multi-stream is early",
        source: "Xu, Zhu & Clifton 2023, section 3.4",
        equation: "eq-3-taxonomy",
        as_written: joining_first_is_late,
        as_corrected: joining_last_is_late,
    },
    Erratum {
        id: "E4-2",
        section: "4",
        claim: "early, late and throughout interaction say the same as early, late and middle fusion",
        correction: "two axes: who meets when, and after how many of the layers",
        source: "eq-3-taxonomy",
        equation: "eq-3-taxonomy",
        as_written: one_axis,
        as_corrected: two_axes,
    },
    Erratum {
        id: "E6-1",
        section: "6.1",
        claim: "a bottleneck makes fusion cheaper",
        correction: "only than full attention, and only beyond the length at which N_a N_b > B (N_a + N_b + B + 6 d); never \
                     than independent streams",
        source: "counted; Nagrani et al. 2021, section 3.2, for long sequences",
        equation: "eq-3-cost",
        as_written: always_cheaper,
        as_corrected: cheaper_beyond_a_length,
    },
    Erratum {
        id: "E6-2",
        section: "6.1",
        claim: "a bottleneck lifts performance",
        correction: "not by itself: with one fused layer it is late fusion, and a sum of scores can tell whether two bits differ \
                     in three of four cases at most; two fused layers can do more, and how much is a matter of the data",
        source: "eq-3-mbt-delay; counted over all signs of two scores",
        equation: "eq-3-mbt-delay",
        as_written: lifts_by_itself,
        as_corrected: lifts_from_two_layers_on,
    },
    Erratum {
        id: "E6-3",
        section: "6.1",
        claim: "modalities exchange information in every layer with a bottleneck",
        correction: "the bottleneck is averaged over the modalities after a layer and read in the next one, so the first fused \
                     layer exchanges nothing, and what the last one writes is dropped",
        source: "Nagrani et al. 2021, eqs. 8 and 9; released code",
        equation: "eq-3-mbt-delay",
        as_written: one_fused_layer,
        as_corrected: two_fused_layers,
    },
];

fn text(error: Error) -> String {
    error.to_string()
}

const SIZES: Sizes = Sizes { width: 4, heads: 2, hidden: 16 };

fn labels(expression: &str) -> Taxonomy {
    let topology = parse(expression).expect("a named expression").topology;
    let shapes = shapes(&topology, &one(&[("a", 3), ("t", 3)], 4), &SIZES).expect("a well-typed expression");
    taxonomy(&topology, &shapes).expect("layers")
}

/// Layers that read inputs alone, and outputs.
fn streams(expression: &str) -> (usize, usize) {
    let topology = parse(expression).expect("a named expression").topology;
    let layer = |i: &usize| topology.nodes()[*i].id().is_some();
    let first = (0..topology.nodes().len()).filter(layer).filter(|i| {
        let below: Vec<usize> = topology.nodes()[*i].reads();
        below.iter().all(|&x| !layer(&x) && !topology.nodes()[x].reads().iter().any(layer))
    });
    (first.count(), topology.outputs().len())
}

fn one_to_two() -> Outcome {
    let (first, last) = streams(&named("hier-m2o"));
    judge((first, last) == (1, 2), format!("{first} streams first, {last} last"))
}

fn two_to_one() -> Outcome {
    let (m2o, o2m) = (streams(&named("hier-m2o")), streams(&named("hier-o2m")));
    judge(m2o == (2, 1) && o2m == (1, 2), format!("streams first and last: {m2o:?}, the other one {o2m:?}"))
}

fn summed(a: &Array2<f64>, b: &Array2<f64>) -> Result<Array2<f64>> {
    let module = EarlySum { weights: SumWeights::Fixed(vec![0.6, 0.8]), joint: Stream::identity() };
    Ok(module.forward(&[a, b], &Ragged::one(a.nrows()), &Mask::None)?.0)
}

fn sum_of_any_lengths() -> Outcome {
    let (a, b) = inputs();
    let z = summed(&a, &b).map_err(text)?;
    judge(z.nrows() == a.nrows(), format!("{} tokens", z.nrows()))
}

fn sum_of_equal_lengths() -> Outcome {
    let (_, b) = inputs();
    let z = summed(&b, &b).map_err(text)?;
    let difference = largest(&(z - b * 1.4));
    judge(difference < 1e-15, format!("0.6 B + 0.8 B is 1.4 B, to {difference:.0e}"))
}

fn largest(x: &Array2<f64>) -> f64 {
    x.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The output of A with and without streams after the split.
fn split_outputs(streams: bool) -> Result<[Array2<f64>; 2]> {
    let (a, b) = inputs();
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
    let after = |i| if streams { test_stream(i) } else { Stream::identity() };
    let module = HierOneToMulti { joint: test_stream(1), a: after(2), b: after(3) };
    let ((z, _), tape) = module.forward((&a, &la), (&b, &lb), &Mask::None)?;
    let u = concatenate![Axis(0), a, b];
    let (joint, _) = module.joint.forward(&u, &Ragged::one(7), &Mask::None)?;
    Ok([z, joint.slice(ndarray::s![..tape.layout_a.rows().tokens(), ..]).to_owned()])
}

fn ends_with_the_split() -> Outcome {
    let [z, split] = split_outputs(true).map_err(text)?;
    let difference = largest(&(z - split));
    judge(difference == 0.0, format!("the output of A differs from the split by up to {difference:.3}"))
}

fn streams_after_the_split() -> Outcome {
    let [z, split] = split_outputs(false).map_err(text)?;
    judge(z == split, "with the identity after the split the two agree to the last bit".to_string())
}

fn crossed() -> Result<[Array2<f64>; 4]> {
    let (a, b) = inputs();
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
    let module = CrossAttention { a: test_cross(1), b: test_cross(2) };
    let (a, b, none) = ((&*a, &la), (&*b, &lb), (&Mask::None, &Mask::None));
    let ((z_a, z_b), _) = module.forward(a, b, none)?;
    let ((by_keys_a, by_keys_b), _) = module.forward_by_keys(a, b, none)?;
    Ok([z_a, z_b, by_keys_a, by_keys_b])
}

fn queries_exchanged() -> Outcome {
    let [z_a, _, by_keys_a, _] = crossed().map_err(text)?;
    let (rows, other) = (z_a.nrows(), by_keys_a.nrows());
    judge(z_a == by_keys_a, format!("the output of A has {rows} rows in one form and {other} in the other"))
}

fn outputs_renamed() -> Outcome {
    let [z_a, z_b, by_keys_a, by_keys_b] = crossed().map_err(text)?;
    judge(z_a == by_keys_b && z_b == by_keys_a, "the same two matrices, to the last bit".to_string())
}

fn queries_meet() -> Outcome {
    let (a, b) = inputs::<f64>();
    let k: Array2<f64> = qres(5, (2, 4), 1.0);
    let ((o, _), _) = joint_queries((&a, &b), (&k, &k), 2).map_err(text)?;
    let (alone, ..) = attention_with_sums((&a, &k, &k), 2, None, DeadRows::Refuse).map_err(text)?;
    judge(
        o != alone,
        "the output of the first query is the same without the second, to the last bit".to_string(),
    )
}

fn keys_meet() -> Outcome {
    let half = |s| qres::<f64, _>(s, (3, 4), 1.0);
    let run = |k_p: &Array2<f64>, k_a: &Array2<f64>| {
        let (q, rows) = (qres(1, (3, 8), 1.0), Ragged::one(3));
        let values = (&*half(4), &*half(5));
        Ok(paired_attention(&q, (k_p, k_a), values, &Heads::new(2), &rows, &Mask::None)?.0)
    };
    let (o, other_p, other_a) = run(&half(2), &half(3))
        .and_then(|o| Ok((o, run(&half(7), &half(3))?, run(&half(2), &half(8))?)))
        .map_err(text)?;
    judge(o != other_p && o != other_a, "other keys of either modality change the answer".to_string())
}

/// What IRENE's attention gives image tokens, and its two halves.
fn halves() -> Result<[Array2<f64>; 3]> {
    let (a, b) = inputs();
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
    let of = |i| {
        let block = test_block::<f64>(i).attn;
        Projections { w_q: block.w_q, w_k: block.w_k, w_v: block.w_v }
    };
    let module =
        BidirectionalAttention { a: of(1), b: of(2), w_o: test_block(1).attn.w_o, heads: Heads::new(2) };
    let ((y, _), tape) = module.forward((&a, &la), (&b, &lb), (&Mask::None, &Mask::None))?;
    Ok([y, module.w_o.forward(&tape.a.own.o)?.0, module.w_o.forward(&tape.a.other.o)?.0])
}

fn the_other_only() -> Outcome {
    let [y, _, other] = halves().map_err(text)?;
    let difference = largest(&(&y - &other));
    judge(
        difference < 1e-12,
        format!("the answer differs from cross-attention alone by up to {difference:.3}"),
    )
}

fn half_of_each() -> Outcome {
    let [y, own, other] = halves().map_err(text)?;
    let difference = largest(&(y - (own + other) * 0.5));
    judge(difference < 1e-12, format!("the mean of self-attention and cross-attention, to {difference:.0e}"))
}

/// Two heads of three tokens.
fn heads() -> (Array2<f64>, [Array2<f64>; 2]) {
    let (a, _) = inputs::<f64>();
    let (o, _) = Heads::new(2)
        .forward(&a, &a, &a, &Ragged::one(3), &Ragged::one(3), &Mask::None)
        .expect("two heads of width two");
    let half = |i: usize| o.slice(ndarray::s![.., 2 * i..2 * i + 2]).to_owned();
    let parts = [half(0), half(1)];
    (o, parts)
}

fn heads_along_tokens() -> Outcome {
    let (o, [first, second]) = heads();
    let joined = concatenate![Axis(0), first, second];
    judge(joined == o, format!("{:?} instead of {:?}", joined.shape(), o.shape()))
}

fn heads_along_channels() -> Outcome {
    let (o, [first, second]) = heads();
    judge(concatenate![Axis(1), first, second] == o, format!("{:?}, to the last bit", o.shape()))
}

fn timing(name: &str, wanted: Timing) -> Outcome {
    let labels = labels(&named(name));
    judge(labels.timing == wanted, format!("{name}: {:?} interaction", labels.timing))
}

fn joining_first_is_late() -> Outcome {
    timing("hier-o2m", Timing::Late)
}

fn joining_last_is_late() -> Outcome {
    timing("hier-m2o", Timing::Late)
}

fn one_axis() -> Outcome {
    let (cross, late) = (labels(&named("cross")), labels(&bottleneck(8, 4, 4)));
    let same = cross.timing != late.timing || cross.position() == late.position();
    let positions = format!("{} and {}", cross.position(), late.position());
    judge(same, format!("co-attention and a bottleneck interact throughout, at the positions {positions}"))
}

fn two_axes() -> Outcome {
    let (o2m, cross) = (labels(&named("hier-o2m")), labels(&named("cross")));
    let differ = o2m.timing != cross.timing && o2m.position() == cross.position();
    judge(differ, format!("at one position, {}: {:?} and {:?}", cross.position(), o2m.timing, cross.timing))
}

/// Operations of a layer in units of 1e9, with a bottleneck of four tokens and with full attention: `d = 768`.
fn layer(n_a: usize, n_b: usize) -> (f64, f64) {
    let sizes = Sizes { width: 768, heads: 12, hidden: 3072 };
    let block = |n| block_flops(&sizes, (768, 768), &Ragged::one(n), &Ragged::one(n)) as f64 / 1e9;
    (block(n_a + 4) + block(n_b + 4), block(n_a + n_b))
}

fn always_cheaper() -> Outcome {
    let (narrow, full) = layer(196, 40);
    judge(narrow < full, format!("196 and 40 tokens: {narrow:.3} against {full:.3} of full attention"))
}

fn cheaper_beyond_a_length() -> Outcome {
    let (narrow, full) = layer(1568, 400);
    let ((below, full_below), (above, full_above)) = (layer(139, 139), layer(140, 140));
    let holds = narrow < full && below > full_below && above < full_above;
    judge(
        holds,
        format!(
            "1568 and 400 tokens: {narrow:.3} against {full:.3}; equal lengths: dearer at 139, cheaper at 140"
        ),
    )
}

/// Whether other tokens of B change what A gets.
fn crosses(fused: usize) -> Result<bool> {
    let (a, b) = inputs::<f64>();
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
    let layer = BottleneckLayer { streams: vec![test_stream(3), test_stream(4)] };
    let model = Bottleneck {
        alone: vec![test_stream(1), test_stream(2)],
        fused: vec![layer; fused],
        tokens: qres(5, (2, 4), 0.1),
    };
    let run = |b: &Array2<f64>| -> Result<Array2<f64>> {
        let inputs: [(&ArrayRef2<f64>, &Layout); 2] = [(&a, &la), (b, &lb)];
        Ok(model.forward(&inputs)?.0.remove(0))
    };
    Ok(run(&b)? != run(&(&b * -1.0))?)
}

/// The most of the four pairs of bits for which a sum of two scores tells whether the bits differ.
fn most_by_sums() -> usize {
    let scores = [-2, -1, 1, 2];
    let pairs = scores.iter().flat_map(|&zero| scores.map(|one| [zero, one]));
    let right = |a: [i32; 2], b: [i32; 2]| {
        let told = |(i, j): &(usize, usize)| (a[*i] + b[*j] > 0) == (i != j);
        [(0, 0), (0, 1), (1, 0), (1, 1)].iter().filter(|pair| told(pair)).count()
    };
    pairs.clone().flat_map(|a| pairs.clone().map(move |b| right(a, b))).max().unwrap_or(0)
}

fn lifts_by_itself() -> Outcome {
    let (crosses, most) = (crosses(1).map_err(text)?, most_by_sums());
    judge(
        crosses || most == 4,
        format!("one fused layer sums scores: {most} of 4 pairs of bits are told right"),
    )
}

fn lifts_from_two_layers_on() -> Outcome {
    let (crosses, most) = (crosses(2).map_err(text)?, most_by_sums());
    judge(
        crosses && most == 3,
        format!("B reaches A in the second fused layer; sums tell {most} of 4 pairs right"),
    )
}

fn one_fused_layer() -> Outcome {
    let crosses = crosses(1).map_err(text)?;
    judge(crosses, "after one fused layer A is the same for any B, to the last bit".to_string())
}

fn two_fused_layers() -> Outcome {
    let (one, two) = (crosses(1).map_err(text)?, crosses(2).map_err(text)?);
    judge(!one && two, "B reaches A in the second fused layer, and not in the first".to_string())
}
