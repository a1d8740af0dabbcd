//! Evidence for `eq-3-mem`.

use mmt_fusion::topology::{Sizes, block_memory, bottleneck, cost, counted};
use mmt_golden::Cases;
use mmt_tensor::{Ragged, Random, Real, Result};
use ndarray::{Array1, array};

use super::topology_kit::{Drawn, SMALL, checked, draw, one};
use crate::{Property, properties};

const SIZES: Sizes = Sizes { width: 4, heads: 2, hidden: 6 };

fn total(text: &str, n_a: usize, n_t: usize) -> u128 {
    let (topology, shapes) = checked(text, &one(&[("a", n_a), ("t", n_t)], 4), &SIZES);
    cost(&topology, &shapes, &SIZES).unwrap().1.activations
}

/// `M(n) = 8 n d + 2 n f + h n²` with `d = 4`, `f = 6`, `h = 2`
fn own(n: u128) -> u128 {
    44 * n + 2 * n * n
}

/// `M_x(n, m) = 6 n d + 3 m d + h n m + 2 n f`
fn cross(n: u128, m: u128) -> u128 {
    36 * n + 12 * m + 2 * n * m
}

/// The table of the specification, section 3.11, for small sizes. Of the bidirectional block it leaves out what its four attentions
/// give, which the gradient of their weights reads: `2 N d` more.
pub fn forward() {
    assert_eq!(block_memory(&SIZES, (4, 4), &Ragged::one(3), &Ragged::one(3)), own(3));
    for (text, want) in [
        ("Tf(1, 2, Sum[(1, In a), (1, In a)])", 2 * own(3)),
        ("Tf(1, 2, Cat[In a, In t])", 2 * own(7)),
        ("Tuple[Tf(1, 2, In a), Tf(2, 2, In t)]", 2 * (own(3) + own(4))),
        ("Tf(3, 3, Cat[Tf(1, 2, In a), Tf(2, 2, In t)])", 2 * (own(3) + own(4)) + 3 * own(7)),
        (
            "Let u = Tf(1, 2, Cat[In a, In t]) in Tuple[Tf(2, 3, Seg(u, [a])), Tf(3, 3, Seg(u, [t]))]",
            2 * own(7) + 3 * (own(3) + own(4)),
        ),
        ("Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]", cross(3, 4) + cross(4, 3)),
        ("Tf(3, 2, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])", cross(3, 4) + cross(4, 3) + 2 * own(7)),
        (&bottleneck(2, 3, 5), 2 * (own(3) + own(4)) + 3 * (own(8) + own(9))),
        ("Out(Bi(1, In a, In t), 0)", own(7) + 2 * 7 * 4),
    ] {
        assert_eq!(total(text, 3, 4), want, "{text}");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    what_random_topologies_keep_is_counted_exactly,
    a_bottleneck_keeps_half_of_the_weights_of_full_attention,
];

/// Against the arrays on the tapes. Four random topologies for each seed: with 64 seeds, 256.
fn what_random_topologies_keep_is_counted_exactly(random: &mut Random) {
    for _ in 0..4 {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let (_, tape) = program.forward(&x, &inputs).unwrap();
        let (_, all) = cost(&program.topology, &tape.shapes, &SMALL).unwrap();
        assert_eq!(counted(&program, &tape).activations, all.activations, "{}", program.topology);
    }
}

/// For two modalities of equal length, as it grows.
fn a_bottleneck_keeps_half_of_the_weights_of_full_attention(random: &mut Random) {
    let (n, b) = (1000 + random.below(100_000), 1 + random.below(16));
    let linear = Sizes { heads: 1, ..SIZES };
    let weights = |n: usize| {
        let rows = Ragged::one(n);
        let more = Sizes { heads: 2, ..linear };
        block_memory(&more, (4, 4), &rows, &rows) - block_memory(&linear, (4, 4), &rows, &rows)
    };
    let ratio = 2.0 * weights(n + b) as f64 / weights(2 * n) as f64;
    assert!((ratio - 0.5).abs() < 1.5 * b as f64 / n as f64, "{ratio}");
}

/// Golden cases: what some topologies keep.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let texts = ["Tf(1, 1, Cat[In a, In t])", "Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]"];
    let kept: Array1<R> = texts.iter().map(|text| R::of(total(text, 3, 4) as f64)).collect();
    cases.case("fusion.memory.small").ids("lengths", &array![3, 4]).out("activations", &kept);
    Ok(())
}
