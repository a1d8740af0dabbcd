//! Visits as vectors.

use mmt_blocks::{
    Activation, AttentionKind, Block, BlockConfig, Embedding, Encoder, EncoderTape, Mask, MultiHead,
    NormOrder,
};
use mmt_tensor::ops::lookup_backward;
use mmt_tensor::{Error, Ragged, Random, Real, Result, check_index, check_shape, tree};
use ndarray::{Array2, ArrayRef2, Axis, concatenate, s};

use super::{CodeSet, Ontology, OntologyEmbedding, OntologyEmbeddingTape, VisitConfig, VisitKeys};

/// A Transformer over `[CLS]` and the codes of a visit, whose output at `[CLS]` is the vector of the visit.
#[derive(Clone, Debug)]
pub struct VisitEncoder<R> {
    /// The vectors of padding, `[CLS]` and `[MASK]`: `[3, d]`
    pub special: Array2<R>,
    /// The vectors of the codes, in the order of their ids: medications, then diagnoses.
    pub ontologies: Vec<OntologyEmbedding<R>>,
    /// The vectors of the kinds.
    pub kind: Embedding<R>,
    /// Pre-LN blocks without a norm at the end.
    pub encoder: Encoder<R>,
    /// Which tokens attention may read.
    pub keys: VisitKeys,
}

tree!(VisitEncoder { special, ontologies, kind, encoder; keys });

/// What [`VisitEncoder::backward`] reads.
#[derive(Clone, Debug)]
pub struct VisitEncoderTape<R> {
    /// Of the codes.
    pub ontologies: Vec<OntologyEmbeddingTape<R>>,
    /// Of the blocks.
    pub encoder: EncoderTape<R>,
    /// The ids of all sequences, `[CLS]` included.
    pub ids: Vec<usize>,
    /// The kind of every token.
    pub kinds: Vec<usize>,
    /// Where each sequence begins.
    pub rows: Ragged,
}

tree!(VisitEncoderTape { ontologies, encoder; ids, kinds, rows });

impl<R: Real> VisitEncoder<R> {
    /// The id of `[CLS]`.
    pub const CLS: usize = 1;
    /// The id of a hidden code.
    pub const MASK: usize = 2;
    /// The first id of a code; before it padding, `[CLS]` and `[MASK]`.
    pub const CODES: usize = 3;

    /// As the released code: Pre-LN blocks, GELU in its tanh form, no bias on queries, keys and values.
    ///
    /// # Errors
    /// Those of [`OntologyEmbedding::new`] and [`Encoder::new`].
    pub fn new(ontologies: &[&Ontology], config: &VisitConfig, random: &mut Random) -> Result<Self> {
        let block = BlockConfig {
            width: config.width,
            heads: config.heads,
            hidden: config.hidden,
            activation: Activation::GeluTanh,
            eps: 1e-12,
            attention: AttentionKind::Plain,
        };
        let mut encoder = Encoder::new(NormOrder::Pre, config.depth, &block, random)?;
        encoder.norm = None;
        for block in &mut encoder.blocks {
            let Block::Pre(block) = block else { unreachable!("blocks of the order asked for") };
            let MultiHead { w_q, w_k, w_v, .. } = &mut block.attn;
            [w_q, w_k, w_v].into_iter().for_each(|w| w.bias = None);
        }
        let embed =
            |ontology: &&Ontology| OntologyEmbedding::new(ontology, config.width, config.graph_heads, random);
        Ok(VisitEncoder {
            ontologies: ontologies.iter().map(embed).collect::<Result<_>>()?,
            special: random.normal((Self::CODES, config.width), 0.02),
            kind: Embedding::new(2, config.width, 0.02, random),
            encoder,
            keys: VisitKeys::Codes,
        })
    }

    /// How many ids there are.
    pub fn vocabulary(&self) -> usize {
        Self::CODES + self.ontologies.iter().map(|o| o.leaves.len()).sum::<usize>()
    }

    /// The vectors of visits.
    ///
    /// **eq-2.13-visit-encoder**
    /// ```math
    /// x_0 = S_{\mathtt{CLS}} + K_t, \qquad x_i = E_{c_i} + K_t, \qquad
    /// v = \bigl[ \mathrm{Encoder}(x_0, x_1, \dots, x_n) \bigr]_0
    /// ```
    ///
    /// `sets`: the codes `c` of a kind `t`, one set per row → `v: [B, d]`, with `E` of eq-2.12-ontology-embedding
    ///
    /// There is no embedding of positions, so the order of the codes of a visit means nothing. A [`CodeSet::new`] has one
    /// order, and `v` is then the same to the last bit. The vectors of all codes are computed once for the batch.
    ///
    /// Source: Shang, Ma, Xiao & Sun 2019, *Pre-training of Graph Augmented Transformers for Medication Recommendation*,
    /// section 4.2; what attention reads and where norms and biases are, in the released code, `bert_models.py`.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no set and for a set without a code; [`Error::IndexOutOfRange`] for an id that is no code and
    /// not `[MASK]`, and for a kind that has no row; those of the layers.
    pub fn forward(&self, sets: &[CodeSet]) -> Result<(Array2<R>, VisitEncoderTape<R>)> {
        self.check(sets)?;
        let (mut ids, mut kinds) = (vec![], vec![]);
        for set in sets {
            ids.push(Self::CLS);
            ids.extend(&set.ids);
            kinds.extend(vec![set.kind; set.ids.len() + 1]);
        }
        let rows = Ragged::of_lengths(sets.iter().map(|set| set.ids.len() + 1));
        let codes = self.ontologies.iter().map(OntologyEmbedding::forward).collect::<Result<Vec<_>>>()?;
        let (tables, ontologies): (Vec<_>, Vec<_>) = codes.into_iter().unzip();
        let x = Embedding { table: self.table(&tables)? }.forward(&ids)? + self.kind.forward(&kinds)?;
        let keys = match self.keys {
            VisitKeys::Codes => Mask::Keys(ids.iter().map(|&id| id > Self::CLS).collect()),
            VisitKeys::All => Mask::None,
        };
        let (y, encoder) = self.encoder.forward(&x, &rows, &keys)?;
        let v = y.select(Axis(0), &starts(&rows));
        Ok((v, VisitEncoderTape { ontologies, encoder, ids, kinds, rows }))
    }

    fn check(&self, sets: &[CodeSet]) -> Result<()> {
        check_shape("visit: special", self.special.shape(), &[Self::CODES, self.kind.table.ncols()])?;
        if sets.is_empty() || sets.iter().any(|set| set.ids.is_empty()) {
            return Err(Error::EmptyInput { at: "visit: codes" });
        }
        for set in sets {
            check_index("visit: kind", set.kind, self.kind.table.nrows())?;
            for &id in &set.ids {
                let known = (Self::MASK..self.vocabulary()).contains(&id);
                if !known {
                    let size = self.vocabulary();
                    return Err(Error::IndexOutOfRange { at: "visit: code", index: id, size });
                }
            }
        }
        Ok(())
    }

    /// The vectors of all ids: `[ids, d]`
    fn table(&self, codes: &[Array2<R>]) -> Result<Array2<R>> {
        let mut tables = vec![self.special.view()];
        tables.extend(codes.iter().map(|codes| codes.view()));
        concatenate(Axis(0), &tables).map_err(|_| Error::ShapeMismatch {
            at: "visit: special",
            expected: vec![Self::CODES, codes.first().map_or(0, |codes| codes.ncols())],
            got: self.special.shape().to_vec(),
        })
    }

    /// Adds to the gradients of all parameters. Ids have no gradient.
    ///
    /// **eq-2.13-visit-encoder, backward**
    /// ```math
    /// \bar y_0 = \bar v, \quad \bar y_i = 0 \;(i > 0), \qquad
    /// \bar x = \mathrm{Encoder}^\top(\bar y), \qquad
    /// \bar E_c = \sum_{i :\, c_i = c} \bar x_i, \qquad
    /// \bar S_{\mathtt{CLS}} = \sum \bar x_0, \qquad
    /// \bar K_t = \sum_{i \text{ of kind } t} \bar x_i
    /// ```
    ///
    /// Derivation: `v` is row 0 of the output, so the other rows have no gradient; the blocks follow from the last to the
    /// first; `x_i` is the sum of two rows of tables, and each collects the gradients of the tokens that read it. The gradient
    /// of a code goes on through its ontology.
    pub fn backward(&self, tape: &VisitEncoderTape<R>, dv: &ArrayRef2<R>, grad: &mut Self) {
        let mut dy = Array2::zeros((tape.rows.tokens(), dv.ncols()));
        for (start, dv) in starts(&tape.rows).into_iter().zip(dv.rows()) {
            dy.row_mut(start).assign(&dv);
        }
        let dx = self.encoder.backward(&tape.encoder, &dy, &mut grad.encoder);
        self.kind.backward(&tape.kinds, &dx, &mut grad.kind);
        let mut dtable = Array2::zeros((self.vocabulary(), dv.ncols()));
        lookup_backward(&tape.ids, None, &dx, &mut dtable);
        grad.special += &dtable.slice(s![..Self::CODES, ..]);
        let mut first = Self::CODES;
        for ((ontology, tape), grad) in self.ontologies.iter().zip(&tape.ontologies).zip(&mut grad.ontologies)
        {
            let end = first + ontology.leaves.len();
            ontology.backward(tape, &dtable.slice(s![first..end, ..]), grad);
            first = end;
        }
    }
}

/// The first row of every sequence.
fn starts(rows: &Ragged) -> Vec<usize> {
    rows.ranges().map(|range| range.start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> VisitEncoder<f64> {
        let path = |code: &str| vec![code.to_string(), "root".to_string()];
        let ontology = Ontology::of_paths(&[path("a"), path("b")]).unwrap();
        let config = VisitConfig { width: 4, depth: 1, heads: 2, graph_heads: 2, hidden: 3 };
        VisitEncoder::new(&[&ontology, &ontology], &config, &mut Random::seed(0)).unwrap()
    }

    fn text(sets: &[CodeSet]) -> String {
        module().forward(sets).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_visit_is_refused() {
        assert_eq!(text(&[]), "visit: codes: empty");
        assert_eq!(text(&[CodeSet::new(&[4], 0), CodeSet::new(&[], 0)]), "visit: codes: empty");
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for bad in [0, 1, 7] {
            let error = text(&[CodeSet::new(&[4, bad], 0)]);
            assert_eq!(error, format!("visit: code: index {bad} is outside a table of 7"));
        }
        assert!(module().forward(&[CodeSet::new(&[2, 6], 1)]).is_ok());
    }

    #[test]
    fn a_kind_without_a_vector_is_refused() {
        assert_eq!(text(&[CodeSet::new(&[4], 2)]), "visit: kind: index 2 is outside a table of 2");
    }

    #[test]
    fn special_vectors_of_another_width_are_refused() {
        let module = VisitEncoder { special: Array2::zeros((3, 5)), ..module() };
        let error = module.forward(&[CodeSet::new(&[4], 0)]).unwrap_err();
        assert_eq!(error.to_string(), "visit: special: expected shape [3, 4], got [3, 5]");
    }

    #[test]
    fn tables_with_a_nan_are_refused() {
        let mut bad = module();
        bad.special[(1, 0)] = f64::NAN;
        let error = bad.forward(&[CodeSet::new(&[4], 0)]).unwrap_err();
        assert_eq!(error.to_string(), "lookup: table: not a finite number");
    }
}
