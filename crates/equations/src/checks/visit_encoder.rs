//! Evidence for `eq-2.13-visit-encoder`.

use mmt_blocks::Block;
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_module, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::ehr::{CodeSet, VisitConfig, VisitEncoder, VisitKeys};
use ndarray::{Array1, Array2, Axis};

use super::ontology_embedding::tree as ontology;
use crate::{Property, properties};

/// Four medications, ids 3 to 6, and three diagnoses, ids 7 to 9.
pub(super) fn encoder<R: Real>(seed: u64) -> VisitEncoder<R> {
    let (medications, diagnoses) = (ontology(&[&[2, 1], &[1]]), ontology(&[&[1], &[2]]));
    let config = VisitConfig { width: 4, depth: 2, heads: 2, graph_heads: 2, hidden: 5 };
    let new = VisitEncoder::new(&[&medications, &diagnoses], &config, &mut Random::seed(seed));
    shake(&new.expect("sizes that fit"), seed)
}

fn sets() -> Vec<CodeSet> {
    vec![
        CodeSet::new(&[7, 9], 0),
        CodeSet::new(&[3, 4, 6], 1),
        CodeSet::new(&[VisitEncoder::<f64>::MASK, 8], 0),
        CodeSet::new(&[5], 1),
    ]
}

/// The size that the specification, section 8, counts, and a second way: blocks whose branches are zero leave `[CLS]` and the
/// kind. The numbers of the released code are in the stored cases of other libraries.
pub fn forward() {
    let mut module = encoder::<f64>(1);
    assert_eq!(module.vocabulary(), 3 + 4 + 3);
    for block in &mut module.encoder.blocks {
        let Block::Pre(block) = block else { panic!("blocks with norms before") };
        (block.attn.w_o, block.ffn.w_2) = (block.attn.w_o.zeros_like(), block.ffn.w_2.zeros_like());
    }
    let (v, _) = module.forward(&sets()).unwrap();
    for (v, set) in v.rows().into_iter().zip(sets()) {
        let start: Array1<f64> = &module.special.row(1) + &module.kind.table.row(set.kind);
        assert_close(&v.to_owned(), &start, 1e-15);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for keys in [VisitKeys::Codes, VisitKeys::All] {
        let module = VisitEncoder { keys, ..encoder::<Dual>(1) };
        check_module(
            &module,
            Vec::<Array2<Dual>>::new(),
            |m, _| m.forward(&sets()),
            |m, tape, dv, grad| {
                m.backward(tape, dv, grad);
                vec![]
            },
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_order_of_codes_means_nothing,
    a_set_in_any_order_gives_the_same_bits,
    visits_do_not_see_each_other,
    the_class_token_is_read_only_where_one_says_so,
    a_visit_of_another_kind_has_another_vector,
];

fn codes(random: &mut Random) -> Vec<usize> {
    let order = random.permutation(7);
    order[..1 + random.below(6)].iter().map(|&code| code + 3).collect()
}

fn run(module: &VisitEncoder<f64>, sets: &[CodeSet]) -> Array2<f64> {
    module.forward(sets).unwrap().0
}

fn moved(codes: &[usize], random: &mut Random) -> Vec<usize> {
    random.permutation(codes.len()).into_iter().map(|i| codes[i]).collect()
}

/// Of lists, which keep the order they are given in.
fn the_order_of_codes_means_nothing(random: &mut Random) {
    let (module, ids) = (encoder(3), codes(random));
    let other = CodeSet { ids: moved(&ids, random), kind: 0 };
    assert_close(&run(&module, &[other]), &run(&module, &[CodeSet { ids, kind: 0 }]), 1e-12);
}

/// What the note says of G-BERT, exactly.
fn a_set_in_any_order_gives_the_same_bits(random: &mut Random) {
    let (module, ids) = (encoder(3), codes(random));
    let other = CodeSet::new(&moved(&ids, random), 0);
    assert_eq!(run(&module, &[other]), run(&module, &[CodeSet::new(&ids, 0)]));
}

fn visits_do_not_see_each_other(random: &mut Random) {
    let module = encoder(3);
    let sets: Vec<CodeSet> = (0..3).map(|kind| CodeSet::new(&codes(random), kind % 2)).collect();
    let together = run(&module, &sets);
    for (set, v) in sets.into_iter().zip(together.rows()) {
        assert_eq!(run(&module, &[set]).row(0), v);
    }
}

/// With [`VisitKeys::Codes`] no weight of attention falls on `[CLS]`; with [`VisitKeys::All`] some does.
fn the_class_token_is_read_only_where_one_says_so(random: &mut Random) {
    let set = CodeSet::new(&codes(random), 0);
    for keys in [VisitKeys::Codes, VisitKeys::All] {
        let module = VisitEncoder { keys, ..encoder::<f64>(3) };
        let (_, tape) = module.forward(std::slice::from_ref(&set)).unwrap();
        let weights: Vec<_> = tape.arrays().into_iter().filter(|(name, _)| name.contains(".p.")).collect();
        assert!(!weights.is_empty(), "maps of attention on the tape");
        for (name, p) in weights {
            let p = p.into_dimensionality::<ndarray::Ix2>().expect("queries by keys");
            let on_class = p.index_axis(Axis(1), 0).iter().any(|&p| p > 0.0);
            assert_eq!(on_class, keys == VisitKeys::All, "{name}");
        }
    }
}

fn a_visit_of_another_kind_has_another_vector(random: &mut Random) {
    let (module, ids) = (encoder(3), codes(random));
    assert_ne!(run(&module, &[CodeSet::new(&ids, 0)]), run(&module, &[CodeSet::new(&ids, 1)]));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = encoder::<R>(1);
    let (v, tape) = module.forward(&sets())?;
    let (mut grad, dv) = (module.zeros_like(), mmt_tensor::testing::ramp(5, (4, 4)));
    module.backward(&tape, &dv, &mut grad);
    let ids: Array1<usize> = sets().into_iter().flat_map(|set| set.ids).collect();
    (cases.case("visit-encoder.four-sets.seed-1").param("", &module))
        .ids("ids", &ids)
        .ids("lengths", &sets().iter().map(|set| set.ids.len()).collect::<Array1<_>>())
        .ids("kinds", &sets().iter().map(|set| set.kind).collect::<Array1<_>>())
        .out("v", &v)
        .cot("v", &dv)
        .grad_param("", &grad);
    Ok(())
}
