//! Evidence for `eq-3-taxonomy`.

use mmt_fusion::topology::{Sizes, Stream, Taxonomy, Timing, bottleneck, taxonomy};
use mmt_golden::Cases;
use mmt_tensor::testing::assert_close;
use mmt_tensor::{Random, Real, Result};
use ndarray::{Array1, array};

use super::topology_kit::{checked, named, one};
use crate::{Property, properties};

const SIZES: Sizes = Sizes { width: 4, heads: 2, hidden: 6 };

fn labels(text: &str) -> Taxonomy {
    let inputs = one(&[("a", 3), ("t", 3), ("b", 3), ("p", 2), ("v", 2)], 4);
    let (topology, shapes) = checked(text, &inputs, &SIZES);
    taxonomy(&topology, &shapes).unwrap()
}

/// The table of the specification, section 3.11: published systems.
fn table() -> Vec<(String, Stream, Timing, f64)> {
    let (single, multi, hybrid) = (Stream::Single, Stream::Multi, Stream::Hybrid);
    vec![
        (named("early-sum"), single, Timing::Early, 0.0),
        (named("early-concat"), single, Timing::Early, 0.0),
        (named("hier-m2o"), hybrid, Timing::Late, 6.0 / 12.0),
        (named("hier-o2m"), hybrid, Timing::Early, 0.0),
        (named("cross"), multi, Timing::Throughout, 0.0),
        (named("others"), multi, Timing::Throughout, 0.0),
        (named("cross-concat"), hybrid, Timing::Throughout, 0.0),
        (named("irene"), hybrid, Timing::Throughout, 0.0),
        (named("independent"), multi, Timing::None, 1.0),
        (named("vilbert"), multi, Timing::Throughout, 6.0 / 18.0),
        (named("lxmert"), multi, Timing::Throughout, 9.0 / 19.0),
        (named("mbt"), multi, Timing::Throughout, 9.0 / 12.0),
    ]
}

/// The table, and a topology without layers.
pub fn forward() {
    for (text, stream, timing, position) in table() {
        let got = labels(&text);
        assert_eq!((got.stream, got.timing), (stream, timing), "{text}");
        assert_close(&got.position(), &position, 1e-15);
    }
    let (topology, shapes) = checked("Cat[In a, In t]", &one(&[("a", 3), ("t", 4)], 4), &SIZES);
    assert_eq!(taxonomy(&topology, &shapes).unwrap_err().to_string(), "taxonomy: layers: empty");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![later_fusion_is_later, the_bottleneck_mixes_one_layer_after_it_begins];

fn later_fusion_is_later(random: &mut Random) {
    let (before, after) = (1 + random.below(6), 1 + random.below(6));
    let text = format!("Tf(3, {after}, Cat[Tf(1, {before}, In a), Tf(2, {before}, In t)])");
    let got = labels(&text);
    assert_eq!((got.first, got.depth), (Some(before + 1), before + after));
    assert_eq!((got.stream, got.timing), (Stream::Hybrid, Timing::Late));
    let earlier = labels(
        &text.replace(&format!("Tf(1, {before}"), "Tf(1, 1").replace(&format!("Tf(2, {before}"), "Tf(2, 1"),
    );
    assert!(earlier.position() <= got.position());
}

fn the_bottleneck_mixes_one_layer_after_it_begins(random: &mut Random) {
    let (alone, fused) = (1 + random.below(6), 1 + random.below(5));
    let got = labels(&bottleneck(alone, fused, 1 + random.below(4)));
    assert_eq!(got.first, (fused > 1).then_some(alone + 2));
    assert_eq!(got.timing, if fused > 1 { Timing::Throughout } else { Timing::None });
}

/// Golden cases: the positions of the table.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let positions: Array1<R> = table().iter().map(|(text, ..)| R::of(labels(text).position())).collect();
    cases.case("fusion.taxonomy.systems").ids("lengths", &array![3, 3]).out("position", &positions);
    Ok(())
}
