//! Evidence for `eq-5-flash`.

use mmt_blocks::{DeadRows, FlashTape, Mask, Tiles, attention, flash_attention, flash_attention_backward};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, s};

use crate::{Property, properties};

fn run<R: Real>(all: &[Array2<R>; 3], mask: &Mask, tiles: Tiles) -> (Array2<R>, FlashTape<R>) {
    let [q, k, v] = all;
    flash_attention(q, k, v, mask, DeadRows::Zero, tiles).expect("a valid point")
}

/// Numbers of the specification, part 5, section 5.10, for tiles of several sizes.
pub fn forward() {
    let all: [Array2<f64>; 3] = [qres(1, (5, 4), 2.0), qres(2, (7, 4), 2.0), qres(3, (7, 4), 1.0)];
    for (queries, keys) in [(1, 1), (2, 3), (5, 2), (3, 7), (128, 256)] {
        let tiles = Tiles { queries, keys };
        let (o, tape) = run(&all, &Mask::None, tiles);
        assert_printed(checksum(&o), "-0.208208576717");
        assert_printed(checksum(&tape.log_sums), "-0.351779835363");
        let (dq, dk, dv) = flash_attention_backward(&tape, &qres(4, (5, 4), 1.0), &Mask::None, tiles);
        assert_printed(checksum(&dq), "0.194247136911");
        assert_printed(checksum(&dk), "0.009943868431");
        assert_printed(checksum(&dv), "0.306182780256");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let all: [Array2<Dual>; 3] = [qres(1, (5, 4), 1.5), qres(2, (7, 4), 1.5), qres(3, (7, 2), 1.0)];
    let [q, k, v] = all;
    let keys = Mask::Keys(vec![false, true, false, true, true, false, true]);
    let bias = Mask::Bias(vec![qres(5, (5, 7), 1.0)]);
    for mask in
        [Mask::None, Mask::Causal { offset: -1 }, Mask::All(vec![Mask::Causal { offset: 2 }, keys, bias])]
    {
        for (queries, keys) in [(2, 3), (3, 2), (8, 8)] {
            let tiles = Tiles { queries, keys };
            check_backward(
                &(q.clone(), k.clone(), v.clone()),
                |(q, k, v)| Ok(flash_attention(q, k, v, &mask, DeadRows::Zero, tiles)?.0),
                |(q, k, v), d_o| {
                    let (_, tape) = run(&[q.clone(), k.clone(), v.clone()], &mask, tiles);
                    flash_attention_backward(&tape, d_o, &mask, tiles)
                },
            );
        }
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    is_attention_for_any_tiles,
    two_halves_of_the_keys_can_be_merged,
    merging_is_associative_and_commutative,
    a_vector_added_to_every_key_shifts_the_log_sums_only,
    one_tile_is_attention,
];

fn draw(random: &mut Random) -> [Array2<f64>; 3] {
    let (n, m) = (1 + random.below(9), 1 + random.below(9));
    let (d, d_v) = (1 + random.below(5), 1 + random.below(5));
    [random.uniform((n, d), 2.0), random.uniform((m, d), 2.0), random.uniform((m, d_v), 2.0)]
}

fn draw_mask(random: &mut Random, n: usize, m: usize) -> Mask {
    let causal = Mask::Causal { offset: random.below(n + m + 1) as isize - n as isize };
    let keys = Mask::Keys((0..m).map(|_| random.below(4) > 0).collect());
    let bias: Array2<f64> = random.uniform((n, m), 3.0);
    let bias = bias.mapv(|b| if b < -2.0 { f64::NEG_INFINITY } else { b });
    [Mask::None, causal.clone(), keys.clone(), Mask::Bias(vec![bias.clone()]), Mask::All(vec![causal, keys])]
        .into_iter()
        .nth(random.below(5))
        .expect("five masks")
}

/// The mask as numbers, for the form that keeps the weights.
fn as_bias(mask: &Mask, n: usize, m: usize) -> Array2<f64> {
    use mmt_tensor::Ragged;
    let visible = mask.of_samples::<f64>(&Ragged::one(n), &Ragged::one(m)).unwrap().remove(0);
    Array2::from_shape_fn((n, m), |(i, j)| visible.bias_at(i, j))
}

fn is_attention_for_any_tiles(random: &mut Random) {
    let all = draw(random);
    let [q, k, v] = &all;
    let (n, m) = (q.nrows(), k.nrows());
    let mask = draw_mask(random, n, m);
    let tiles = Tiles { queries: 1 + random.below(5), keys: 1 + random.below(5) };
    let (o, tape) = run(&all, &mask, tiles);
    let (want, plain) = attention(q, k, v, Some(&as_bias(&mask, n, m)), DeadRows::Zero).unwrap();
    assert_close(&o, &want, 1e-12);
    let d_o: Array2<f64> = random.uniform(o.dim(), 1.0);
    let (dq, dk, dv, _) = mmt_blocks::attention_backward(&plain, &d_o);
    assert_close(&flash_attention_backward(&tape, &d_o, &mask, tiles), &(dq, dk, dv), 1e-12);
}

/// `O` and `Λ` of some of the keys.
type Partial = (Array2<f64>, Array1<f64>);

/// `g = σ(Λ_1 - Λ_2)`, `O = g O_1 + (1 - g) O_2`, `Λ = log(e^{Λ_1} + e^{Λ_2})`.
fn merge((o_1, l_1): &Partial, (o_2, l_2): &Partial) -> Partial {
    let g = (l_1 - l_2).mapv(Real::sigmoid);
    let column = g.clone().insert_axis(ndarray::Axis(1));
    let o = o_1 * &column + o_2 * (1.0 - &column);
    let l = ndarray::Zip::from(l_1)
        .and(l_2)
        .map_collect(|&a, &b| a.max(b) + Real::ln_1p(Real::exp(-(a - b).abs())));
    (o, l)
}

/// `Λ` and `O` of the keys of a range.
fn partial([q, k, v]: &[Array2<f64>; 3], keys: std::ops::Range<usize>) -> Partial {
    let part = [q.clone(), k.slice(s![keys.clone(), ..]).to_owned(), v.slice(s![keys, ..]).to_owned()];
    let (o, tape) = run(&part, &Mask::None, Tiles::default());
    (o, tape.log_sums)
}

/// Queries, and as many keys that they can be cut into three parts.
fn draw_three(random: &mut Random) -> ([Array2<f64>; 3], [usize; 2]) {
    let m = 3 + random.below(5);
    let all = [random.uniform((3, 4), 2.0), random.uniform((m, 4), 2.0), random.uniform((m, 2), 2.0)];
    (all, [1, 2 + random.below(m - 2)])
}

fn two_halves_of_the_keys_can_be_merged(random: &mut Random) {
    let (all, [_, cut]) = draw_three(random);
    let m = all[1].nrows();
    let merged = merge(&partial(&all, 0..cut), &partial(&all, cut..m));
    assert_close(&merged, &partial(&all, 0..m), 1e-12);
}

fn merging_is_associative_and_commutative(random: &mut Random) {
    let (all, [first, second]) = draw_three(random);
    let m = all[1].nrows();
    let (a, b, c) = (partial(&all, 0..first), partial(&all, first..second), partial(&all, second..m));
    assert_close(&merge(&a, &b), &merge(&b, &a), 1e-14);
    assert_close(&merge(&merge(&a, &b), &c), &merge(&a, &merge(&b, &c)), 1e-13);
}

fn a_vector_added_to_every_key_shifts_the_log_sums_only(random: &mut Random) {
    let all = draw(random);
    let [q, k, v] = &all;
    let u: Array2<f64> = random.uniform((1, k.ncols()), 2.0);
    let (o, tape) = run(&all, &Mask::None, Tiles { queries: 2, keys: 2 });
    let moved = [q.clone(), k + &u, v.clone()];
    let (same, moved) = run(&moved, &Mask::None, Tiles { queries: 2, keys: 2 });
    assert_close(&same, &o, 1e-12);
    let shift = mmt_tensor::ops::matmul(q, &u.t()).column(0).to_owned() / (q.ncols() as f64).sqrt();
    assert_close(&moved.log_sums, &(tape.log_sums + shift), 1e-12);
}

fn one_tile_is_attention(random: &mut Random) {
    let all = draw(random);
    let [q, k, v] = &all;
    let tiles = Tiles { queries: q.nrows(), keys: k.nrows() };
    let (o, _) = run(&all, &Mask::None, tiles);
    assert_close(&o, &attention(q, k, v, None, DeadRows::Refuse).unwrap().0, 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let all: [Array2<R>; 3] = [qres(1, (5, 4), 2.0), qres(2, (7, 4), 2.0), qres(3, (7, 4), 1.0)];
    for (name, mask) in
        [("normal", Mask::None), ("causal_nm", Mask::causal()), ("deadrow", Mask::Causal { offset: -2 })]
    {
        let tiles = Tiles { queries: 2, keys: 3 };
        let (o, tape) = run(&all, &mask, tiles);
        let d_o = qres(4, (5, 4), 1.0);
        let (dq, dk, dv) = flash_attention_backward(&tape, &d_o, &mask, tiles);
        let [q, k, v] = &all;
        let case = cases.case(&format!("sdpa.flash.{name}")).input("q", q).input("k", k).input("v", v);
        if name != "deadrow" {
            case.act("log_sums", &tape.log_sums);
        }
        case.out("o", &o).cot("o", &d_o).grad_in("q", &dq).grad_in("k", &dk).grad_in("v", &dv);
    }
    Ok(())
}
