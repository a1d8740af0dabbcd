//! Evidence for `eq-1.2-mha-note`.

use mmt_blocks::{AttentionKind, DeadRows, Heads, Mask, Tiles, attention};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_backward, qres, ramp};
use mmt_tensor::{Dual, Ragged, Random, Real, Result};
use ndarray::{Array2, Axis, array, s};

use crate::{Property, properties};

/// A batch of two samples.
fn samples() -> (Ragged, Ragged) {
    (Ragged::of_lengths([3, 2]), Ragged::of_lengths([4, 1]))
}

/// Numbers of the specification, section 2.
pub fn forward() {
    let (q, k, v): (Array2<f64>, _, _) = (ramp(1, (2, 4)), ramp(2, (3, 4)), ramp(3, (3, 2)));
    let (rows, of) = (Ragged::one(2), Ragged::one(3));
    let (o, _) = Heads::new(2).forward(&q, &k, &v, &rows, &of, &Mask::None).unwrap();
    assert_close(&o, &array![[-0.642937841335, 0.006492750484], [0.110676851263, -0.081301618652]], 1e-12);
    // The scale of the whole width instead of that of a head gives other numbers.
    let (misread, _) = Heads::new(2).forward(&(&q / 2f64.sqrt()), &k, &v, &rows, &of, &Mask::None).unwrap();
    let want = array![[-0.494739351799, -0.045107849482], [0.067999844951, -0.106649203954]];
    assert_close(&misread, &want, 1e-12);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let point: (Array2<Dual>, Array2<Dual>, Array2<Dual>) =
        (qres(1, (5, 4), 1.5), qres(2, (5, 4), 1.5), qres(3, (5, 6), 1.0));
    let (rows, of) = samples();
    let bias = Mask::Bias(vec![qres(5, (3, 4), 1.0), qres(6, (2, 1), 1.0)]);
    let keys = Mask::Keys(vec![true, false, true, true, true]);
    for kind in [AttentionKind::Plain, AttentionKind::Flash(Tiles { queries: 2, keys: 3 })] {
        for mask in [Mask::None, Mask::All(vec![Mask::Causal { offset: 1 }, keys.clone(), bias.clone()])] {
            let heads = Heads { kind, ..Heads::new(2) };
            check_backward(
                &point,
                |(q, k, v)| Ok(heads.forward(q, k, v, &rows, &of, &mask)?.0),
                |(q, k, v), d_o| {
                    let (_, tape) = heads.forward(q, k, v, &rows, &of, &mask).expect("a valid point");
                    heads.backward(&tape, d_o, &rows, &of, &mask)
                },
            );
        }
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    one_head_is_attention_bit_for_bit,
    a_permutation_of_heads_permutes_the_blocks_of_the_output,
    a_head_sees_its_own_columns_only,
    a_sample_does_not_feel_its_neighbors,
    tiles_are_the_same_function,
];

fn draw(random: &mut Random, heads: usize) -> [Array2<f64>; 3] {
    let (n, m) = (1 + random.below(6), 1 + random.below(6));
    let (d, d_v) = (heads * (1 + random.below(4)), heads * (1 + random.below(4)));
    [random.uniform((n, d), 2.0), random.uniform((m, d), 2.0), random.uniform((m, d_v), 2.0)]
}

fn run(heads: usize, [q, k, v]: &[Array2<f64>; 3]) -> Array2<f64> {
    let (rows, of) = (Ragged::one(q.nrows()), Ragged::one(k.nrows()));
    Heads::new(heads).forward(q, k, v, &rows, &of, &Mask::None).unwrap().0
}

fn one_head_is_attention_bit_for_bit(random: &mut Random) {
    let all = draw(random, 1);
    let [q, k, v] = &all;
    assert_eq!(run(1, &all), attention(q, k, v, None, DeadRows::Refuse).unwrap().0);
}

fn a_permutation_of_heads_permutes_the_blocks_of_the_output(random: &mut Random) {
    let heads = 1 + random.below(4);
    let all = draw(random, heads);
    let order = random.permutation(heads);
    let permuted = |x: &Array2<f64>| {
        let width = x.ncols() / heads;
        let columns: Vec<usize> = order.iter().flat_map(|h| h * width..(h + 1) * width).collect();
        x.select(Axis(1), &columns)
    };
    assert_eq!(run(heads, &all.each_ref().map(permuted)), permuted(&run(heads, &all)));
}

fn a_head_sees_its_own_columns_only(random: &mut Random) {
    let heads = 2 + random.below(3);
    let mut all = draw(random, heads);
    let before = run(heads, &all);
    let changed = random.below(heads);
    for x in &mut all {
        let width = x.ncols() / heads;
        let noise: Array2<f64> = random.uniform((x.nrows(), width), 1.0);
        let mut block = x.slice_mut(s![.., changed * width..(changed + 1) * width]);
        block += &noise;
    }
    let after = run(heads, &all);
    let width = before.ncols() / heads;
    for head in (0..heads).filter(|&head| head != changed) {
        let block = s![.., head * width..(head + 1) * width];
        assert_eq!(before.slice(block), after.slice(block), "head {head} feels head {changed}");
    }
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let lengths: Vec<(usize, usize)> = (0..3).map(|_| (random.below(5), 1 + random.below(5))).collect();
    let rows = Ragged::of_lengths(lengths.iter().map(|l| l.0).chain([1]));
    let of = Ragged::of_lengths(lengths.iter().map(|l| l.1).chain([2]));
    let [q, k, v]: [Array2<f64>; 3] =
        [(rows.tokens(), 4), (of.tokens(), 4), (of.tokens(), 6)].map(|shape| random.uniform(shape, 2.0));
    let keep: Vec<bool> =
        (0..of.tokens()).map(|j| of.ranges().any(|r| r.start == j) || random.below(2) == 0).collect();
    let kind = [AttentionKind::Plain, AttentionKind::Flash(Tiles { queries: 2, keys: 2 })][random.below(2)];
    let heads = Heads { kind, ..Heads::new(2) };
    let mask = |keep: Vec<bool>| Mask::All(vec![Mask::Causal { offset: 1 }, Mask::Keys(keep)]);
    let (o, tape) = heads.forward(&q, &k, &v, &rows, &of, &mask(keep.clone())).unwrap();
    let d_o: Array2<f64> = random.uniform(o.dim(), 1.0);
    let (dq, dk, dv) = heads.backward(&tape, &d_o, &rows, &of, &mask(keep.clone()));
    for b in (0..rows.samples()).filter(|&b| rows.length(b) > 0) {
        let (one, of_one) = (Ragged::one(rows.length(b)), Ragged::one(of.length(b)));
        let mask = mask(keep[of.range(b)].to_vec());
        let (alone, tape) =
            heads.forward(&rows.of(&q, b), &of.of(&k, b), &of.of(&v, b), &one, &of_one, &mask).unwrap();
        assert_eq!(alone, rows.of(&o, b), "output of sample {b}");
        let alone = heads.backward(&tape, &rows.of(&d_o, b), &one, &of_one, &mask);
        assert_eq!(alone.0, rows.of(&dq, b), "gradient of the queries of sample {b}");
        assert_eq!(alone.1, of.of(&dk, b), "gradient of the keys of sample {b}");
        assert_eq!(alone.2, of.of(&dv, b), "gradient of the values of sample {b}");
    }
}

fn tiles_are_the_same_function(random: &mut Random) {
    let heads = 1 + random.below(3);
    let [q, k, v] = draw(random, heads);
    let (rows, of) = (Ragged::one(q.nrows()), Ragged::one(k.nrows()));
    let mask = Mask::Causal { offset: random.below(4) as isize };
    let plain = Heads::new(heads);
    let tiles = Tiles { queries: 1 + random.below(4), keys: 1 + random.below(4) };
    let flash = Heads { kind: AttentionKind::Flash(tiles), ..plain };
    let (o, plain_tape) = plain.forward(&q, &k, &v, &rows, &of, &mask).unwrap();
    let (same, flash_tape) = flash.forward(&q, &k, &v, &rows, &of, &mask).unwrap();
    assert_close(&same, &o, 1e-12);
    let d_o: Array2<f64> = random.uniform(o.dim(), 1.0);
    let want = plain.backward(&plain_tape, &d_o, &rows, &of, &mask);
    assert_close(&flash.backward(&flash_tape, &d_o, &rows, &of, &mask), &want, 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (q, k, v): (Array2<R>, _, _) = (qres(1, (5, 4), 1.5), qres(2, (5, 4), 1.5), qres(3, (5, 6), 1.0));
    let (rows, of) = samples();
    let heads = Heads::new(2);
    let (o, tape) = heads.forward(&q, &k, &v, &rows, &of, &Mask::None)?;
    let d_o = qres(4, (5, 6), 1.0);
    let (dq, dk, dv) = heads.backward(&tape, &d_o, &rows, &of, &Mask::None);
    (cases.case("sdpa.heads.ragged").input("q", &q).input("k", &k).input("v", &v))
        .act("p", &tape.p)
        .out("o", &o)
        .cot("o", &d_o)
        .grad_in("q", &dq)
        .grad_in("k", &dk)
        .grad_in("v", &dv);
    Ok(())
}
