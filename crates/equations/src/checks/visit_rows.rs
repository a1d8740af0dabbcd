//! Evidence for `eq-2.13-visit-rows`.

use mmt_golden::Cases;
use mmt_objectives::{Regrouping, visit_rows, visit_rows_backward};
use mmt_tensor::testing::{check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, array};

use crate::{Property, properties};

/// The rows that the specification, section 8, names for three visits: `d_t` is written as `t`, `r_t` as `-t`.
pub fn forward() {
    let p = array![[1.0], [-1.0], [2.0], [-2.0], [3.0], [-3.0]];
    let (d, r) = visit_rows(&p, Regrouping::Stride).unwrap();
    assert_eq!((d, r), (array![[1.0], [2.0], [3.0]], array![[-1.0], [-2.0], [-3.0]]));
    let (d, r) = visit_rows(&p, Regrouping::Halves).unwrap();
    assert_eq!((d, r), (array![[1.0], [-1.0], [2.0]], array![[-2.0], [3.0], [-3.0]]));
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for kind in [Regrouping::Stride, Regrouping::Halves] {
        check_backward(
            &ramp::<Dual, _>(1, (6, 2)),
            |p| visit_rows(p, kind),
            |_, (dd, dr)| visit_rows_backward(dd, dr, kind),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![the_backward_undoes_it, two_ways_differ_from_two_visits_on];

fn draw(random: &mut Random) -> Array2<f64> {
    let (visits, d) = (1 + random.below(5), 1 + random.below(4));
    random.uniform((2 * visits, d), 1.0)
}

fn the_backward_undoes_it(random: &mut Random) {
    let p = draw(random);
    for kind in [Regrouping::Stride, Regrouping::Halves] {
        let (d, r) = visit_rows(&p, kind).unwrap();
        assert_eq!(visit_rows_backward(&d, &r, kind), p);
    }
}

/// With one visit both agree.
fn two_ways_differ_from_two_visits_on(random: &mut Random) {
    let p = draw(random);
    let same = visit_rows(&p, Regrouping::Stride) == visit_rows(&p, Regrouping::Halves);
    assert_eq!(same, p.nrows() == 2);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let p: Array2<R> = ramp(1, (6, 2));
    let (d, r) = visit_rows(&p, Regrouping::Stride)?;
    let (dd, dr): (Array2<R>, Array2<R>) = (ramp(2, (3, 2)), ramp(3, (3, 2)));
    (cases.case("visit-rows.three-visits.ramp").input("p", &p).out("d", &d).out("r", &r))
        .cot("d", &dd)
        .cot("r", &dr)
        .grad_in("p", &visit_rows_backward(&dd, &dr, Regrouping::Stride));
    Ok(())
}
