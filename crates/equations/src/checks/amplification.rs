//! Evidence for `eq-1.18-amplification`.

use mmt_blocks::depth::{AmplificationConfig, Residual, Spread, amplification, log_slope, output_change};
use mmt_blocks::{AdminKind, Block, Encoder, Mask, NormOrder, OutputChange};
use mmt_golden::Cases;
use mmt_lab::studies;
use mmt_tensor::testing::{assert_close, qres};
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::{Array0, Array2};

use super::post_ln::config;
use crate::{Property, properties};

/// Blocks of the study: `N` = 4 to 64 sub-layers.
const DEPTHS: [usize; 5] = [2, 4, 8, 16, 32];
const SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// The bands of the specification, section 4, at half the width of its table, which takes an eighth of the time.
pub fn forward() {
    let post = study(Residual::Post);
    assert!(slope(&post) >= 0.9, "Post-LN: N^{}", slope(&post));
    let pre = study(Residual::Pre);
    assert!(slope(&pre) <= 0.7, "Pre-LN: N^{}", slope(&pre));
    let code = study(Residual::Admin(AdminKind::Code));
    for (code, pre) in code.iter().zip(&pre) {
        assert!((code / pre - 1.0).abs() <= 0.15, "Admin changes by {code}, Pre-LN by {pre}");
    }
    let root = study(Residual::Admin(AdminKind::Closed { scale: OutputChange::Constant }));
    let spread = Spread::of(&root).unwrap();
    assert!(spread.most / spread.least - 1.0 <= 0.25, "the root of N: {root:?}");
}

/// The mean change over seeds, at every depth.
fn study(residual: Residual) -> Vec<f64> {
    let sizes = AmplificationConfig { width: 32, hidden: 64, ..AmplificationConfig::SMALL };
    let changes = |depth| studies::amplification(residual, depth, &sizes, &SEEDS).unwrap();
    DEPTHS.map(|depth| Spread::of(&changes(depth)).unwrap().mean).to_vec()
}

fn slope(changes: &[f64]) -> f64 {
    log_slope(&DEPTHS.map(|depth| 2.0 * depth as f64), changes).unwrap()
}

/// A measure of two outputs: nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![is_a_mean_of_squares, a_plain_stack_is_admin_with_weights_of_one, a_small_change_is_squared];

fn is_a_mean_of_squares(random: &mut Random) {
    let (n, d) = (1 + random.below(5), 1 + random.below(5));
    let (y, other): (Array2<f64>, Array2<f64>) = (random.normal((n, d), 1.0), random.normal((n, d), 1.0));
    let change = output_change(&y, &other).unwrap();
    let squares: f64 = y.iter().zip(&other).map(|(a, b)| (a - b) * (a - b)).sum();
    assert_close(&change, &(squares / (n * d) as f64), 1e-12);
    assert_eq!(output_change(&y, &y).unwrap(), 0.0);
    assert_eq!(output_change(&other, &y).unwrap(), change);
}

const TINY: AmplificationConfig =
    AmplificationConfig { width: 8, heads: 2, hidden: 12, tokens: 4, change: 0.05 };

/// `O(n)` of admin-torch is Post-LN, to the last bit.
fn a_plain_stack_is_admin_with_weights_of_one(random: &mut Random) {
    let (depth, seed) = (1 + random.below(3), random.below(1 << 20) as u64);
    let one = Residual::Admin(AdminKind::Closed { scale: OutputChange::Linear });
    let run = |residual| amplification::<f64>(residual, depth, &TINY, seed).unwrap();
    assert_eq!(run(one), run(Residual::Post));
}

/// Half of a small `δ` is a quarter of the change.
fn a_small_change_is_squared(random: &mut Random) {
    let seed = random.below(1 << 20) as u64;
    let run = |change| {
        let sizes = AmplificationConfig { change, ..TINY };
        amplification::<f64>(Residual::Pre, 1, &sizes, seed).unwrap()
    };
    assert_close(&(run(2e-7) / run(1e-7)), &4.0, 1e-3);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, order) in [("post", NormOrder::Post), ("pre", NormOrder::Pre)] {
        let encoder: Encoder<R> = Encoder::new(order, 2, &config(), &mut Random::seed(0))?;
        let mut changed = encoder.clone();
        for block in &mut changed.blocks {
            let (Block::Pre(mmt_blocks::PreLn { ffn, .. }) | Block::Post(mmt_blocks::PostLn { ffn, .. })) =
                block;
            ffn.w_2.weight.add_scaled(R::of(0.125), &qres(3, (6, 4), 1.0));
        }
        let (x, rows): (Array2<R>, _) = (qres(1, (3, 4), 1.0), Ragged::one(3));
        let (y, _) = encoder.forward(&x, &rows, &Mask::None)?;
        let (y_changed, _) = changed.forward(&x, &rows, &Mask::None)?;
        let change = output_change(&y, &y_changed)?;
        (cases.case(&format!("depth.amplification.{name}")).input("x", &x))
            .param("before", &encoder)
            .param("after", &changed)
            .out("y", &y)
            .out("y_changed", &y_changed)
            .out("change", &Array0::from_elem((), change));
    }
    Ok(())
}
