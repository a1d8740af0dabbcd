//! Evidence for `eq-3-concat-split`.

use mmt_fusion::{Layout, concat, concat_backward, split, split_backward};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres};
use mmt_tensor::{Dual, Ragged, Random, Real, Result};
use ndarray::{Array2, array, concatenate};

use super::fusion_kit::{inputs, layout, layouts};
use crate::{Property, properties};

/// Numbers of the specification, section 3.12: the inputs survive, and rows lie in the order of the formula.
pub fn forward() {
    let ((a, b), (la, lb)) = (inputs::<f64>(), layouts());
    let (z, joint) = concat((&a, &la), (&b, &lb)).unwrap();
    assert_eq!(z, concatenate![ndarray::Axis(0), a, b]);
    let parts = split(&z, &joint).unwrap();
    assert_printed(checksum(&parts[0]), "0.866204162537");
    assert_printed(checksum(&parts[1]), "0.112257721741");
    let (a, b) = (array![[1.0], [2.0], [3.0]], array![[4.0], [5.0]]);
    let (z, _) = concat((&a, &layout("a", &[1, 2])), (&b, &layout("b", &[1, 1]))).unwrap();
    assert_eq!(z, array![[1.0], [4.0], [2.0], [3.0], [5.0]]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let point: (Array2<Dual>, Array2<Dual>) = (qres(1, (5, 3), 1.0), qres(2, (4, 3), 1.0));
    let (la, lb) = (layout("a", &[2, 3]), layout("b", &[3, 1]));
    check_backward(&point, |(a, b)| Ok(concat((a, &la), (b, &lb))?.0), |_, dz| concat_backward(&la, &lb, dz));
    let joint = la.join(&lb).expect("different tags");
    let z: Array2<Dual> = qres(3, (9, 3), 1.0);
    check_backward(&z, |z| split(z, &joint), |_, parts| split_backward(&joint, parts));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    split_undoes_concat,
    concat_and_split_are_adjoint,
    concat_is_associative_with_its_layout,
    nothing_is_a_neutral_element,
    samples_do_not_mix,
];

struct Drawn {
    a: Array2<f64>,
    b: Array2<f64>,
    la: Layout,
    lb: Layout,
}

fn lengths(random: &mut Random, samples: usize) -> Vec<usize> {
    (0..samples).map(|_| 1 + random.below(4)).collect()
}

fn draw(random: &mut Random) -> Drawn {
    let (samples, d) = (1 + random.below(4), 1 + random.below(5));
    let (la, lb) = (layout("a", &lengths(random, samples)), layout("b", &lengths(random, samples)));
    let (a, b) = (random.uniform((la.rows().tokens(), d), 2.0), random.uniform((lb.rows().tokens(), d), 2.0));
    Drawn { a, b, la, lb }
}

fn split_undoes_concat(random: &mut Random) {
    let Drawn { a, b, la, lb } = draw(random);
    let (z, joint) = concat((&a, &la), (&b, &lb)).unwrap();
    assert_eq!(split(&z, &joint).unwrap(), [a, b]);
}

fn concat_and_split_are_adjoint(random: &mut Random) {
    let Drawn { a, b, la, lb } = draw(random);
    let (joined, joint) = concat((&a, &la), (&b, &lb)).unwrap();
    let z: Array2<f64> = random.uniform(joined.dim(), 1.0);
    let inner = |x: &Array2<f64>, y: &Array2<f64>| (x * y).iter().sum::<f64>();
    let parts = split(&z, &joint).unwrap();
    assert_close(&inner(&joined, &z), &(inner(&a, &parts[0]) + inner(&b, &parts[1])), 1e-12);
}

fn concat_is_associative_with_its_layout(random: &mut Random) {
    let Drawn { a, b, la, lb } = draw(random);
    let ld = layout("d", &lengths(random, la.samples()));
    let d: Array2<f64> = random.uniform((ld.rows().tokens(), a.ncols()), 2.0);
    let (ab, lab) = concat((&a, &la), (&b, &lb)).unwrap();
    let (bd, lbd) = concat((&b, &lb), (&d, &ld)).unwrap();
    assert_eq!(concat((&ab, &lab), (&d, &ld)).unwrap(), concat((&a, &la), (&bd, &lbd)).unwrap());
}

fn nothing_is_a_neutral_element(random: &mut Random) {
    let Drawn { a, la, .. } = draw(random);
    let none = Layout::with_missing("none", Ragged::even(la.samples(), 0)).unwrap();
    let nothing = Array2::zeros((0, a.ncols()));
    assert_eq!(concat((&a, &la), (&nothing, &none)).unwrap().0, a);
    assert_eq!(concat((&nothing, &none), (&a, &la)).unwrap().0, a);
}

fn samples_do_not_mix(random: &mut Random) {
    let Drawn { a, b, la, lb } = draw(random);
    let (z, joint) = concat((&a, &la), (&b, &lb)).unwrap();
    let sample = random.below(la.samples());
    let (own_a, own_b) = (la.rows().of(&a, sample).to_owned(), lb.rows().of(&b, sample).to_owned());
    let (la, lb) = (layout("a", &[own_a.nrows()]), layout("b", &[own_b.nrows()]));
    let (alone, _) = concat((&own_a, &la), (&own_b, &lb)).unwrap();
    assert_eq!(joint.rows().of(&z, sample), alone);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b): (Array2<R>, Array2<R>) = (qres(1, (3, 4), 1.0), qres(2, (4, 4), 1.0));
    let (la, lb) = layouts();
    let dz = qres(3, (7, 4), 1.0);
    let ((z, _), (da, db)) = (concat((&a, &la), (&b, &lb))?, concat_backward(&la, &lb, &dz));
    (cases.case("fusion.concat.qres").input("a", &a).input("b", &b).out("z", &z).cot("z", &dz))
        .grad_in("a", &da)
        .grad_in("b", &db);
    Ok(())
}
