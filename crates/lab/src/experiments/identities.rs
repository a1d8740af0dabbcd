//! Identities between topologies of three modalities, on random numbers.

use std::collections::BTreeMap;

use mmt_blocks::Mask;
use mmt_fusion::topology::{Inputs, Part, Program, Sizes, parse};
use mmt_fusion::{Cross, CrossAttention, Layout, LookAtOthers};
use mmt_tensor::{Ragged, Random, Result};
use ndarray::{Array2, Axis, concatenate, s};

const SIZES: Sizes = Sizes { width: 8, heads: 2, hidden: 12 };
/// Tokens of the three modalities.
const LENGTHS: [(&str, usize); 3] = [("v", 5), ("a", 4), ("p", 3)];

/// Of how many draws an identity holds.
pub struct Held {
    /// In words.
    pub what: &'static str,
    /// In how many draws.
    pub right: usize,
}

/// Random tokens, and the seed of random parameters.
struct Drawn {
    x: Tokens,
    inputs: Inputs,
    seed: u64,
}

type Tokens = BTreeMap<String, Array2<f64>>;
type Side = fn(&Drawn) -> Result<Vec<Array2<f64>>>;

/// Two ways to compute the same.
struct Identity {
    what: &'static str,
    one: Side,
    other: Side,
    /// To the last bit, or to `1e-12` where the order of a sum changes.
    exact: bool,
}

const IDENTITIES: [Identity; 4] = [
    Identity {
        what: "queries of two modalities below each other are two cross-attentions (eq-3-tri-note)",
        one: |drawn| drawn.outputs("Ca(1, Cat[In v, In p], In a)"),
        other: |drawn| {
            let apart = drawn.outputs("Tuple[Ca(1, In v, In a), Ca(1, In p, In a)]")?;
            let below = concatenate(Axis(0), &[apart[0].view(), apart[1].view()]);
            Ok(vec![below.expect("equal widths")])
        },
        exact: true,
    },
    Identity {
        what: "the order of the two others does not matter (eq-3-tri-survey)",
        one: |drawn| drawn.outputs("Ca(1, In v, Cat[In p, In a])"),
        other: |drawn| drawn.outputs("Ca(1, In v, Cat[In a, In p])"),
        exact: false,
    },
    Identity {
        what: "of two modalities, looking at all others is cross-attention (eq-3-tri-survey)",
        one: |drawn| drawn.looking_at_others([0, 1]),
        other: Drawn::cross_attention,
        exact: true,
    },
    Identity {
        what: "a modality's tokens do not depend on the order of another's",
        one: |drawn| drawn.outputs("Ca(1, In v, Cat[In p, In a])"),
        other: |drawn| drawn.turned("a").outputs("Ca(1, In v, Cat[In p, In a])"),
        exact: false,
    },
];

/// Checks all identities on `draws` random sets of weights and tokens.
///
/// # Errors
/// Those of the topologies.
pub fn identities(draws: usize, seed: u64) -> Result<Vec<Held>> {
    let held = |identity: &Identity| Ok(Held { what: identity.what, right: identity.right(draws, seed)? });
    IDENTITIES.iter().map(held).collect()
}

impl Identity {
    /// In how many draws it holds.
    fn right(&self, draws: usize, seed: u64) -> Result<usize> {
        let random = &mut Random::seed(seed);
        let mut right = 0;
        for _ in 0..draws {
            let drawn = Drawn::draw(random);
            let (one, other) = ((self.one)(&drawn)?, (self.other)(&drawn)?);
            let same = one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| self.same(a, b));
            right += usize::from(same);
        }
        Ok(right)
    }

    fn same(&self, a: &Array2<f64>, b: &Array2<f64>) -> bool {
        let close = |(a, b): (&f64, &f64)| if self.exact { a == b } else { (a - b).abs() < 1e-12 };
        a.dim() == b.dim() && a.iter().zip(b).all(close)
    }
}

impl Drawn {
    fn draw(random: &mut Random) -> Self {
        let x: Tokens =
            LENGTHS.iter().map(|(m, n)| (m.to_string(), random.normal((*n, SIZES.width), 1.0))).collect();
        let inputs = x.iter().map(|(m, x)| (m.clone(), (Ragged::one(x.nrows()), SIZES.width))).collect();
        Drawn { x, inputs, seed: random.below(1 << 40) as u64 }
    }

    fn program(&self, text: &str) -> Result<Program<f64>> {
        let topology = parse(text).expect("an expression of ours").topology;
        Program::new(topology, &self.inputs, SIZES, &mut Random::seed(self.seed))
    }

    /// The outputs of a topology whose parameters come from the seed.
    fn outputs(&self, text: &str) -> Result<Vec<Array2<f64>>> {
        Ok(self.program(text)?.forward(&self.x, &self.inputs)?.0)
    }

    /// With the tokens of a modality in reverse order.
    fn turned(&self, modality: &str) -> Self {
        let mut x = self.x.clone();
        x.insert(modality.to_string(), self.x[modality].slice(s![..;-1, ..]).to_owned());
        Drawn { x, inputs: self.inputs.clone(), seed: self.seed }
    }

    /// The blocks of two cross-attentions.
    fn blocks(&self) -> Result<[Cross<f64>; 2]> {
        let program = self.program("Tuple[Ca(1, In v, In a), Ca(2, In a, In v)]")?;
        let block = |id: &str| match &program.parts[id] {
            Part::Ca(block) => block.clone(),
            _ => unreachable!("a cross-attention"),
        };
        Ok(["1", "2"].map(block))
    }

    fn layouts(&self) -> Result<[Layout; 2]> {
        let layout = |m: &str| Layout::of(m, Ragged::one(self.x[m].nrows()));
        Ok([layout("v")?, layout("a")?])
    }

    /// The page of eq-3-tri-survey over two modalities, with these blocks.
    fn looking_at_others(&self, order: [usize; 2]) -> Result<Vec<Array2<f64>>> {
        let (blocks, [v, a]) = (self.blocks()?, self.layouts()?);
        let page = LookAtOthers { streams: order.iter().map(|&i| blocks[i].clone()).collect() };
        Ok(page.forward(&[(&self.x["v"], &v), (&self.x["a"], &a)], &[])?.0)
    }

    /// The page of eq-3-cross.
    fn cross_attention(&self) -> Result<Vec<Array2<f64>>> {
        let ([one, two], [v, a]) = (self.blocks()?, self.layouts()?);
        let page = CrossAttention { a: one, b: two };
        let ((z_v, z_a), _) =
            page.forward((&self.x["v"], &v), (&self.x["a"], &a), (&Mask::None, &Mask::None))?;
        Ok(vec![z_v, z_a])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_identities_hold_in_every_draw() {
        for held in identities(20, 3).unwrap() {
            assert_eq!(held.right, 20, "{}", held.what);
        }
    }

    /// In every identity one side is computed otherwise, and no draw takes it for equal.
    #[test]
    fn mistakes_are_seen_in_every_draw() {
        let mistakes: [(usize, Side); 8] = [
            (0, |drawn| drawn.outputs("Ca(1, Cat[In p, In v], In a)")),
            (0, |drawn| drawn.outputs("Ca(1, Cat[In v, In p], Cat[In a, In p])")),
            (1, |drawn| drawn.outputs("Ca(1, In v, Cat[In a, In a])")),
            (1, |drawn| drawn.outputs("Ca(1, In v, In p)")),
            (2, |drawn| drawn.looking_at_others([1, 0])),
            (2, |drawn| drawn.outputs("Tuple[Tf(1, 1, In v), Tf(2, 1, In a)]")),
            (3, |drawn| drawn.turned("v").outputs("Ca(1, In v, Cat[In p, In a])")),
            (3, |drawn| {
                Drawn { seed: drawn.seed + 1, ..drawn.turned("a") }.outputs("Ca(1, In v, Cat[In p, In a])")
            }),
        ];
        for (i, other) in mistakes {
            let planted = Identity { other, ..IDENTITIES[i] };
            assert_eq!(planted.right(20, 3).unwrap(), 0, "{}", planted.what);
        }
    }
}
