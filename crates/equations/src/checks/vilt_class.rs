//! Evidence for `eq-3-vilt-class`.

use mmt_fusion::topology::{Sizes, ViltClass, cost, vilt_class, vilt_costs};
use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use ndarray::{Array1, array};

use super::topology_kit::{checked, one};
use crate::{Property, properties};

const SIZES: Sizes = Sizes { width: 8, heads: 2, hidden: 32 };

/// What an expression spends, in operations: `v` is a picture and `t` a text.
fn spent(text: &str) -> (f64, f64, f64) {
    let (topology, shapes) = checked(text, &one(&[("v", 8), ("t", 8)], 8), &SIZES);
    let (each, _) = cost(&topology, &shapes, &SIZES).unwrap();
    vilt_costs(&topology, &shapes, &each, ("v", "t"), |cost| cost.flops)
}

fn class((v, t, i): (f64, f64, f64)) -> Option<ViltClass> {
    vilt_class(v, t, i).unwrap()
}

/// The four classes as topologies, and orders that belong to none.
pub fn forward() {
    for (text, want) in [
        ("Tuple[Tf(1, 12, In v), Tf(2, 4, In t)]", Some(ViltClass::A)),
        ("Tuple[Tf(1, 12, In v), Tf(2, 12, In t)]", Some(ViltClass::B)),
        ("Tf(3, 4, Cat[Tf(1, 24, In v), Tf(2, 1, In t)])", Some(ViltClass::C)),
        ("Tf(3, 12, Cat[Lin(1, In v), Lin(2, In t)])", Some(ViltClass::D)),
        ("Tuple[Tf(1, 4, In v), Tf(2, 12, In t)]", None),
        ("Tf(3, 1, Cat[Tf(1, 2, In v), Tf(2, 2, In t)])", None),
    ] {
        assert_eq!(class(spent(text)), want, "{text}: {:?}", spent(text));
    }
    assert_eq!(class((1.24, 1.0, 0.5)), Some(ViltClass::B));
    assert_eq!(class((1.26, 1.0, 0.5)), Some(ViltClass::A));
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_unit_does_not_matter,
    more_interaction_moves_from_the_second_class_to_the_fourth,
    mirror_images_have_no_class,
];

fn draw(random: &mut Random) -> [f64; 3] {
    [(); 3].map(|()| 0.5 + 10.0 * random.unit())
}

fn the_unit_does_not_matter(random: &mut Random) {
    let [v, t, i] = draw(random);
    let unit = 2f64.powi(random.below(60) as i32 - 30);
    assert_eq!(class((v * unit, t * unit, i * unit)), class((v, t, i)));
}

fn more_interaction_moves_from_the_second_class_to_the_fourth(random: &mut Random) {
    let embedder = 1.0 + random.unit();
    let classes: Vec<_> = (0..100).map(|i| class((embedder, embedder, 0.05 * i as f64))).collect();
    assert_eq!((classes[0], classes[99]), (Some(ViltClass::B), Some(ViltClass::D)));
    let order = |class: &Option<ViltClass>| {
        [Some(ViltClass::B), None, Some(ViltClass::D)].iter().position(|c| c == class)
    };
    assert!(
        classes
            .windows(2)
            .all(|w| order(&w[0]).expect("one of three") <= order(&w[1]).expect("one of three"))
    );
}

fn mirror_images_have_no_class(random: &mut Random) {
    let [v, t, i] = draw(random);
    match class((v, t, i)) {
        Some(ViltClass::A | ViltClass::C) => assert_eq!(class((t, v, i)), None),
        Some(same) => assert_eq!(class((t, v, i)), Some(same)),
        None => {}
    }
}

/// Golden cases: what a class spends.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (v, t, i) = spent("Tf(3, 12, Cat[Lin(1, In v), Lin(2, In t)])");
    let spent: Array1<R> = [v, t, i].into_iter().map(R::of).collect();
    cases.case("fusion.vilt-class.spent").ids("lengths", &array![8, 8]).out("flops", &spent);
    Ok(())
}
