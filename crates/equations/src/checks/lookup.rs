//! Evidence for `eq-0.9-embedding`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::ops::{lookup, lookup_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, arr1};

use crate::{Property, properties};

fn gradient<R: Real>(table: &Array2<R>, ids: &[usize], padding: Option<usize>, dy: &Array2<R>) -> Array2<R> {
    let mut dtable = table.zeros_like();
    lookup_backward(ids, padding, dy, &mut dtable);
    dtable
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let (table, ids): (Array2<f64>, _) = (ramp(1, (5, 3)), [2, 0, 2, 4]);
    assert_sums(&lookup(&table, &ids, None).unwrap(), "0.75", "8.5");
    assert_sums(&gradient(&table, &ids, None, &ramp(2, (4, 3))), "0.25", "12.5");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (table, ids): (Array2<Dual>, _) = (ramp(1, (5, 3)), [2, 0, 2, 4]);
    check_backward(&table, |table| lookup(table, &ids, None), |table, dy| gradient(table, &ids, None, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_linear_in_the_table,
    the_adjoint_identity_holds,
    the_table_collects_all_gradients,
    a_row_that_is_not_looked_up_has_no_gradient,
    padding_is_looked_up_but_does_not_learn,
    the_backward_adds_to_what_is_there,
];

struct Drawn {
    table: Array2<f64>,
    ids: Vec<usize>,
    dy: Array2<f64>,
}

fn draw(random: &mut Random) -> Drawn {
    let (rows, d, n) = (1 + random.below(8), 1 + random.below(6), 1 + random.below(12));
    let ids = (0..n).map(|_| random.below(rows)).collect();
    Drawn { table: random.uniform((rows, d), 2.0), ids, dy: random.uniform((n, d), 1.0) }
}

fn it_is_linear_in_the_table(random: &mut Random) {
    let Drawn { table, ids, .. } = draw(random);
    let other: Array2<f64> = random.uniform(table.dim(), 2.0);
    let run = |table: &Array2<f64>| lookup(table, &ids, None).unwrap();
    assert_eq!(run(&(&table * 3.0 + &other)), run(&table) * 3.0 + run(&other));
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let Drawn { table, ids, dy } = draw(random);
    let product = (lookup(&table, &ids, None).unwrap() * &dy).iter().sum::<f64>();
    assert_close(&(&table * &gradient(&table, &ids, None, &dy)).iter().sum(), &product, 1e-12);
}

fn the_table_collects_all_gradients(random: &mut Random) {
    let Drawn { table, ids, dy } = draw(random);
    assert_close(&column_sums(&gradient(&table, &ids, None, &dy)), &column_sums(&dy), 1e-13);
}

fn a_row_that_is_not_looked_up_has_no_gradient(random: &mut Random) {
    let Drawn { table, ids, dy } = draw(random);
    for (id, row) in gradient(&table, &ids, None, &dy).rows().into_iter().enumerate() {
        assert!(ids.contains(&id) || row.iter().all(|&de| de == 0.0), "row {id}: {row}");
    }
}

fn padding_is_looked_up_but_does_not_learn(random: &mut Random) {
    let Drawn { table, ids, dy } = draw(random);
    let padding = ids[0];
    assert_eq!(lookup(&table, &ids, Some(padding)).unwrap(), lookup(&table, &ids, None).unwrap());
    let mut want = gradient(&table, &ids, None, &dy);
    want.row_mut(padding).fill(0.0);
    assert_eq!(gradient(&table, &ids, Some(padding), &dy), want);
}

fn the_backward_adds_to_what_is_there(random: &mut Random) {
    let Drawn { table, ids, dy } = draw(random);
    let mut grad = table.clone();
    lookup_backward(&ids, None, &dy, &mut grad);
    assert_close(&(grad - &table), &gradient(&table, &ids, None, &dy), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (table, ids, dy): (Array2<R>, _, _) = (ramp(1, (5, 3)), [2, 0, 2, 4], ramp(2, (4, 3)));
    for (name, padding) in [("embed.rows.repeated", None), ("embed.rows.padding", Some(2))] {
        let y = lookup(&table, &ids, padding)?;
        let case = cases.case(name).param("table", &table).ids("ids", &arr1(&ids));
        if let Some(id) = padding {
            case.ids("padding", &Array1::from_elem(1, id));
        }
        case.out("y", &y).cot("y", &dy).grad_param("table", &gradient(&table, &ids, padding, &dy));
    }
    Ok(())
}
