//! Evidence for `eq-2.11-code-order`.

use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::ehr::{CodeSystem, SYSTEMS, VisitCode, code_order};
use ndarray::Array1;

use crate::{Property, properties};

fn code(code: usize, present_on_admission: bool, billing_only: bool, priority: u32) -> VisitCode {
    VisitCode { code, present_on_admission, billing_only, priority }
}

fn example() -> Vec<VisitCode> {
    vec![
        code(50, false, true, 1),
        code(10, true, false, 2),
        code(40, false, false, 3),
        code(30, true, true, 1),
        code(20, true, false, 3),
    ]
}

/// The sizes that the specification, section 8, read in released code and papers, and the order of its rule by hand.
pub fn forward() {
    let [g_bert, med_bert] = SYSTEMS;
    assert_eq!(g_bert.codes + g_bert.special, 2468);
    assert_eq!(g_bert.tokens, [CodeSystem::Icd9, CodeSystem::Atc]);
    assert_eq!(med_bert.codes, 82_603);
    assert_eq!(med_bert.tokens, [CodeSystem::Icd9, CodeSystem::Icd10]);
    assert_eq!(code_order(&example()).unwrap(), [10, 20, 30, 40, 50]);
}

/// Nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    no_code_is_lost_or_added,
    the_marks_decide_in_their_order,
    the_order_in_which_codes_come_does_not_matter,
    codes_with_the_same_marks_keep_their_order,
];

fn draw(random: &mut Random) -> Vec<VisitCode> {
    let mut flag = || random.unit() < 0.5;
    let flags: Vec<(bool, bool)> = (0..8).map(|_| (flag(), flag())).collect();
    let n = 1 + random.below(8);
    (0..n).map(|i| code(i, flags[i].0, flags[i].1, 1 + random.below(20) as u32)).collect()
}

fn key(code: &VisitCode) -> (bool, bool, u32) {
    (!code.present_on_admission, code.billing_only, code.priority)
}

fn no_code_is_lost_or_added(random: &mut Random) {
    let visit = draw(random);
    let mut sorted = code_order(&visit).unwrap();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..visit.len()).collect::<Vec<_>>());
}

fn the_marks_decide_in_their_order(random: &mut Random) {
    let visit = draw(random);
    let keys: Vec<_> = code_order(&visit).unwrap().into_iter().map(|code| key(&visit[code])).collect();
    assert!(keys.is_sorted());
}

fn the_order_in_which_codes_come_does_not_matter(random: &mut Random) {
    let mut visit = draw(random);
    visit.iter_mut().for_each(|code| code.priority = code.priority * 8 + code.code as u32);
    let moved: Vec<VisitCode> = random.permutation(visit.len()).iter().map(|&i| visit[i].clone()).collect();
    assert_eq!(code_order(&moved).unwrap(), code_order(&visit).unwrap());
}

fn codes_with_the_same_marks_keep_their_order(random: &mut Random) {
    let n = 1 + random.below(9);
    let visit: Vec<VisitCode> = random.permutation(n).into_iter().map(|i| code(i, true, false, 1)).collect();
    let order: Vec<usize> = visit.iter().map(|code| code.code).collect();
    assert_eq!(code_order(&visit).unwrap(), order);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let visit = example();
    let flags = |f: fn(&VisitCode) -> bool| visit.iter().map(f).collect::<Array1<bool>>();
    let order = code_order(&visit)?.into_iter().map(|code| R::of(code as f64)).collect::<Array1<_>>();
    (cases.case("code-order.five-codes"))
        .ids("codes", &visit.iter().map(|code| code.code).collect::<Array1<_>>())
        .ids("priority", &visit.iter().map(|code| code.priority as usize).collect::<Array1<_>>())
        .mask("present_on_admission", &flags(|code| code.present_on_admission))
        .mask("billing_only", &flags(|code| code.billing_only))
        .out("order", &order);
    Ok(())
}
