//! Identities between topologies of three modalities, on random numbers.

use std::collections::BTreeMap;

use mmt_fusion::topology::{Inputs, Program, Sizes, parse};
use mmt_tensor::{Ragged, Random, Result};
use ndarray::{Array2, Axis, concatenate, s};

const SIZES: Sizes = Sizes { width: 8, heads: 2, hidden: 12 };
/// Tokens of the three modalities.
const LENGTHS: [(&str, usize); 3] = [("v", 5), ("a", 4), ("p", 3)];

/// Of how many draws each identity holds, out of all: to the last bit, or to `1e-12` where the order of a sum changes.
pub struct Held {
    /// In words.
    pub what: &'static str,
    /// In how many draws.
    pub right: usize,
}

/// Checks all identities on `draws` random sets of weights and tokens.
///
/// # Errors
/// Those of the topologies.
pub fn identities(draws: usize, seed: u64) -> Result<Vec<Held>> {
    let checks: [(&'static str, fn(&mut Random) -> Result<bool>); 4] = [
        (
            "queries of two modalities below each other are two cross-attentions (eq-3-tri-note)",
            joined_queries,
        ),
        ("the order of the two others does not matter (eq-3-tri-survey)", order_of_others),
        ("two modalities over each other are cross-attention (eq-3-tri-survey)", two_are_cross),
        ("a modality's tokens do not depend on the order of another's", order_of_tokens),
    ];
    let mut list = vec![];
    for (what, check) in checks {
        let random = &mut Random::seed(seed);
        let mut right = 0;
        for _ in 0..draws {
            right += usize::from(check(random)?);
        }
        list.push(Held { what, right });
    }
    Ok(list)
}

type Tokens = BTreeMap<String, Array2<f64>>;

fn tokens(random: &mut Random) -> (Tokens, Inputs) {
    let x: Tokens =
        LENGTHS.iter().map(|(m, n)| (m.to_string(), random.normal((*n, SIZES.width), 1.0))).collect();
    let inputs = x.iter().map(|(m, x)| (m.clone(), (Ragged::one(x.nrows()), SIZES.width))).collect();
    (x, inputs)
}

/// The outputs of a topology whose parameters come from a seed.
fn outputs(text: &str, x: &Tokens, inputs: &Inputs, seed: u64) -> Result<Vec<Array2<f64>>> {
    let topology = parse(text).expect("an expression of ours").topology;
    let program = Program::new(topology, inputs, SIZES, &mut Random::seed(seed))?;
    Ok(program.forward(x, inputs)?.0)
}

fn seed(random: &mut Random) -> u64 {
    random.below(1 << 40) as u64
}

fn joined_queries(random: &mut Random) -> Result<bool> {
    let ((x, inputs), seed) = (tokens(random), seed(random));
    let joined = outputs("Ca(1, Cat[In v, In p], In a)", &x, &inputs, seed)?;
    let apart = outputs("Tuple[Ca(1, In v, In a), Ca(1, In p, In a)]", &x, &inputs, seed)?;
    let apart = concatenate(Axis(0), &[apart[0].view(), apart[1].view()]).expect("equal widths");
    Ok(joined[0] == apart)
}

fn order_of_others(random: &mut Random) -> Result<bool> {
    let ((x, inputs), seed) = (tokens(random), seed(random));
    let one = outputs("Ca(1, In v, Cat[In p, In a])", &x, &inputs, seed)?;
    let other = outputs("Ca(1, In v, Cat[In a, In p])", &x, &inputs, seed)?;
    Ok(close(&one[0], &other[0]))
}

fn two_are_cross(random: &mut Random) -> Result<bool> {
    let ((x, inputs), seed) = (tokens(random), seed(random));
    let one = outputs("Tuple[Ca(1, In v, Cat[In a]), Ca(2, In a, Cat[In v])]", &x, &inputs, seed)?;
    let cross = outputs("Tuple[Ca(1, In v, In a), Ca(2, In a, In v)]", &x, &inputs, seed)?;
    Ok(one == cross)
}

fn order_of_tokens(random: &mut Random) -> Result<bool> {
    let ((x, inputs), seed) = (tokens(random), seed(random));
    let mut turned = x.clone();
    turned.insert("a".to_string(), x["a"].slice(s![..;-1, ..]).to_owned());
    let text = "Ca(1, In v, Cat[In p, In a])";
    Ok(close(&outputs(text, &x, &inputs, seed)?[0], &outputs(text, &turned, &inputs, seed)?[0]))
}

fn close(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
}
