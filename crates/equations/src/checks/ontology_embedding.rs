//! Evidence for `eq-2.12-ontology-embedding`.

use mmt_blocks::Activation;
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::ehr::{Ontology, OntologyEmbedding};
use mmt_tokenizers::graph::{GraphAttention, Neighbors};
use ndarray::{Array1, Array2, Axis, concatenate};

use crate::{Property, properties};

/// Groups of categories of codes, as many below each as `sizes` says, and the root above.
pub(crate) fn tree(sizes: &[&[usize]]) -> Ontology {
    let mut paths = vec![];
    for (g, categories) in sizes.iter().enumerate() {
        for (c, &codes) in categories.iter().enumerate() {
            for i in 0..codes {
                let category = format!("g{g}c{c}");
                paths.push(vec![format!("{category}d{i}"), category, format!("g{g}"), "root".to_string()]);
            }
        }
    }
    Ontology::of_paths(&paths).expect("a tree")
}

fn example<R: Real>() -> OntologyEmbedding<R> {
    let ontology = tree(&[&[2, 1], &[1]]);
    OntologyEmbedding {
        table: ramp(1, (ontology.nodes(), 4)),
        first: GraphAttention { weight: ramp(2, (4, 4)), a: ramp(3, (2, 4)), bias: ramp(4, 4) },
        second: None,
        activation: None,
        stages: [ontology.upward(), ontology.downward()],
        leaves: ontology.leaves().to_vec(),
    }
}

/// The specification prints no numbers of both stages; a second way by hand: with scores of zero, `W = I` and no bias, the
/// stages are means. Two codes `a`, `b` below a root with vectors 3, 6 and 12: the root takes `(3 + 6 + 12) / 3 = 7`, and the
/// codes `(3 + 7) / 2` and `(6 + 7) / 2`. The numbers of the released code are in the stored cases of other libraries.
pub fn forward() {
    let path = |code: &str| vec![code.to_string(), "root".to_string()];
    let ontology = Ontology::of_paths(&[path("a"), path("b")]).unwrap();
    let mut module = OntologyEmbedding::<f64>::new(&ontology, 1, 1, &mut Random::seed(0)).unwrap();
    module.table = ndarray::array![[3.0], [12.0], [6.0]];
    (module.first.weight, module.first.a) = (Array2::eye(1), Array2::zeros((1, 2)));
    assert_close(&module.forward().unwrap().0, &ndarray::array![[5.0], [6.5]], 1e-14);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let shared = example::<Dual>();
    let second = GraphAttention { weight: ramp(5, (4, 4)), a: ramp(6, (2, 4)), bias: ramp(7, 4) };
    let paper =
        OntologyEmbedding { second: Some(second), activation: Some(Activation::Gelu), ..shared.clone() };
    for module in [shared, paper] {
        check_module(
            &module,
            Vec::<Array2<Dual>>::new(),
            |m, _| m.forward(),
            |m, tape, de, grad| {
                m.backward(tape, de, grad);
                vec![]
            },
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    sibling_codes_with_equal_vectors_have_equal_embeddings,
    a_code_reaches_its_siblings_and_no_further_than_the_common_class,
    both_stages_add_to_shared_weights,
    other_names_of_nodes_change_nothing,
];

fn draw(random: &mut Random) -> (Ontology, OntologyEmbedding<f64>) {
    let ontology = tree(&[&[2 + random.below(3), 1], &[1 + random.below(3)]]);
    let mut module = OntologyEmbedding::new(&ontology, 4, 2, random).unwrap();
    module.table = random.uniform(module.table.dim(), 1.0);
    (ontology, module)
}

fn run(module: &OntologyEmbedding<f64>) -> Array2<f64> {
    module.forward().unwrap().0
}

/// Codes 0 and 1 lie below the same category.
fn sibling_codes_with_equal_vectors_have_equal_embeddings(random: &mut Random) {
    let (ontology, mut module) = draw(random);
    let vector = module.table.row(ontology.leaves()[0]).to_owned();
    module.table.row_mut(ontology.leaves()[1]).assign(&vector);
    let e = run(&module);
    assert_close(&e.row(1).to_owned(), &e.row(0).to_owned(), 1e-13);
}

/// A class takes in what lies directly below it only, so a code moves the vectors of its category alone.
fn a_code_reaches_its_siblings_and_no_further_than_the_common_class(random: &mut Random) {
    let (ontology, mut module) = draw(random);
    let before = run(&module);
    module.table.row_mut(ontology.leaves()[0]).mapv_inplace(|t| 2.0 * t + 1.0);
    let after = run(&module);
    for code in 0..ontology.leaves().len() {
        let category = |code: usize| ontology.ancestors(ontology.leaves()[code])[0];
        let same = category(code) == category(0);
        assert_eq!(before.row(code) != after.row(code), same, "code {code}");
    }
}

fn both_stages_add_to_shared_weights(random: &mut Random) {
    let (_, shared) = draw(random);
    let apart = OntologyEmbedding { second: Some(shared.first.clone()), ..shared.clone() };
    let de: Array2<f64> = random.uniform((shared.leaves.len(), 4), 1.0);
    let gradient = |module: &OntologyEmbedding<f64>| {
        let mut grad = module.zeros_like();
        module.backward(&module.forward().unwrap().1, &de, &mut grad);
        grad
    };
    let (together, apart) = (gradient(&shared), gradient(&apart));
    let mut sum = apart.first.clone();
    sum.add_scaled(1.0, &apart.second.expect("weights of their own"));
    assert_close(&together.first, &sum, 1e-12);
}

fn other_names_of_nodes_change_nothing(random: &mut Random) {
    let (_, module) = draw(random);
    let order = random.permutation(module.table.nrows());
    let place = |old: usize| order.iter().position(|&o| o == old).expect("a permutation");
    let renamed = |stage: &Neighbors| {
        let of = |i: usize| stage.of(i).iter().map(move |&j| (i, j)).collect::<Vec<_>>();
        let edges: Vec<_> = (0..stage.nodes()).flat_map(of).map(|(i, j)| (place(i), place(j))).collect();
        Neighbors::new(stage.nodes(), &edges).unwrap()
    };
    let [upward, downward] = &module.stages;
    let other = OntologyEmbedding {
        table: module.table.select(Axis(0), &order),
        stages: [renamed(upward), renamed(downward)],
        leaves: module.leaves.iter().map(|&leaf| place(leaf)).collect(),
        ..module.clone()
    };
    assert_close(&run(&other), &run(&module), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = example::<R>();
    let (e, tape) = module.forward()?;
    let (mut grad, de) = (module.zeros_like(), ramp(5, (4, 4)));
    module.backward(&tape, &de, &mut grad);
    let list = |stage: &Neighbors| (0..stage.nodes()).map(|i| stage.of(i).len()).collect::<Array1<_>>();
    let sources = |stage: &Neighbors| {
        concatenate(Axis(0), &(0..stage.nodes()).map(|i| ndarray::aview1(stage.of(i))).collect::<Vec<_>>())
            .expect("lists of nodes")
    };
    let [upward, downward] = &module.stages;
    (cases.case("ontology-embedding.four-codes.ramp").param("", &module))
        .ids("upward_counts", &list(upward))
        .ids("upward", &sources(upward))
        .ids("downward_counts", &list(downward))
        .ids("downward", &sources(downward))
        .ids("leaves", &Array1::from(module.leaves.clone()))
        .act("", &tape)
        .out("e", &e)
        .cot("e", &de)
        .grad_param("", &grad);
    Ok(())
}
