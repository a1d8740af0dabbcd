//! Codes that know the classes they belong to.

use mmt_blocks::Activation;
use mmt_tensor::{Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2, Axis};

use super::Ontology;
use crate::graph::{GraphAttention, GraphAttentionTape, Neighbors};

/// Vectors of codes from those of all nodes of a tree of classes.
///
/// **eq-2.12-ontology-embedding**
/// ```math
/// U = \phi\bigl( \mathrm{GAT}_1(T;\; \text{class} \leftarrow \text{children}) \bigr), \qquad
/// V = \phi\bigl( \mathrm{GAT}_2(U;\; \text{code} \leftarrow \text{all its classes}) \bigr), \qquad
/// E_c = V_{\text{leaf}(c)}
/// ```
///
/// `T: [nodes, d]` → `E: [codes, d]`, with eq-2.12-graph-attention
///
/// First the classes take in what lies directly below them, then the codes take in their classes up to the root. Every node
/// reads itself in both stages.
///
/// Source: Shang, Ma, Xiao & Sun 2019, *Pre-training of Graph Augmented Transformers for Medication Recommendation*,
/// section 4.2. The released code, `graph_models.py`, has the same weights in both stages and no `φ`: `second` and
/// `activation` are `None`.
#[derive(Clone, Debug)]
pub struct OntologyEmbedding<R> {
    /// `T: [nodes, d]`
    pub table: Array2<R>,
    /// `GAT_1`
    pub first: GraphAttention<R>,
    /// `GAT_2`; `None`: the weights of the first.
    pub second: Option<GraphAttention<R>>,
    /// `φ`; `None`: nothing.
    pub activation: Option<Activation>,
    /// Who reads whom in the two stages.
    pub stages: [Neighbors; 2],
    /// The node of every code.
    pub leaves: Vec<usize>,
}

tree!(OntologyEmbedding { table, first, second; activation, stages, leaves });

/// What [`OntologyEmbedding::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct OntologyEmbeddingTape<R> {
    pub first: StageTape<R>,
    pub second: StageTape<R>,
}

tree!(OntologyEmbeddingTape { first, second });

/// What the backward of one stage reads.
#[derive(Clone, Debug)]
pub struct StageTape<R> {
    /// Of the attention.
    pub gat: GraphAttentionTape<R>,
    /// Its output, the input of `φ`: `[nodes, d]`
    pub y: Array2<R>,
}

tree!(StageTape { gat, y });

impl<R: Real> OntologyEmbedding<R> {
    /// As the released code: one set of weights, no `φ`. The table is normal with standard deviation 0.02.
    ///
    /// # Errors
    /// Those of [`GraphAttention::new`].
    pub fn new(ontology: &Ontology, d: usize, heads: usize, random: &mut Random) -> Result<Self> {
        Ok(OntologyEmbedding {
            table: random.normal((ontology.nodes(), d), 0.02),
            first: GraphAttention::new(d, d, heads, random)?,
            second: None,
            activation: None,
            stages: [ontology.upward(), ontology.downward()],
            leaves: ontology.leaves().to_vec(),
        })
    }

    /// The vectors of all codes: `[codes, d]`
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for a table of other nodes; those of
    /// [`GraphAttention::forward`] and of `φ`.
    pub fn forward(&self) -> Result<(Array2<R>, OntologyEmbeddingTape<R>)> {
        let [upward, downward] = &self.stages;
        check_shape("ontology_embedding: table", self.table.shape(), &[upward.nodes(), self.table.ncols()])?;
        let (u, first) = self.stage(&self.first, &self.table, upward)?;
        let (v, second) = self.stage(self.second.as_ref().unwrap_or(&self.first), &u, downward)?;
        Ok((v.select(Axis(0), &self.leaves), OntologyEmbeddingTape { first, second }))
    }

    fn stage(
        &self,
        gat: &GraphAttention<R>,
        x: &ArrayRef2<R>,
        neighbors: &Neighbors,
    ) -> Result<(Array2<R>, StageTape<R>)> {
        let (y, gat) = gat.forward(x, neighbors)?;
        let out = self.activation.map_or_else(|| Ok(y.clone()), |phi| phi.forward(&y))?;
        Ok((out, StageTape { gat, y }))
    }

    /// Adds to the gradients of the table and of the attention.
    ///
    /// **eq-2.12-ontology-embedding, backward**
    /// ```math
    /// \bar V_i = \sum_{c :\, \text{leaf}(c) = i} \bar E_c, \qquad
    /// \bar U = \mathrm{GAT}_2^\top\bigl( \bar V \odot \phi' \bigr), \qquad
    /// \bar T = \mathrm{GAT}_1^\top\bigl( \bar U \odot \phi' \bigr)
    /// ```
    ///
    /// Derivation: the chain rule from the last stage to the first. Rows of `V` that are no code have no gradient of their own;
    /// they had their say in `U`. Where both stages share their weights, both add to one gradient.
    pub fn backward(&self, tape: &OntologyEmbeddingTape<R>, de: &ArrayRef2<R>, grad: &mut Self) {
        let mut dv = Array2::zeros(tape.second.y.dim());
        for (&leaf, de) in self.leaves.iter().zip(de.rows()) {
            let mut row = dv.row_mut(leaf);
            row += &de;
        }
        let second = grad.second.as_mut().unwrap_or(&mut grad.first);
        let gat = self.second.as_ref().unwrap_or(&self.first);
        let du = gat.backward(&tape.second.gat, &self.before(&tape.second, dv), second);
        let dt = self.first.backward(&tape.first.gat, &self.before(&tape.first, du), &mut grad.first);
        grad.table += &dt;
    }

    /// The gradient before `φ`.
    fn before(&self, tape: &StageTape<R>, dy: Array2<R>) -> Array2<R> {
        match self.activation {
            Some(phi) => phi.backward(&tape.y, &dy),
            None => dy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Ontology {
        let path = |code: &str| vec![code.to_string(), "root".to_string()];
        Ontology::of_paths(&[path("a"), path("b")]).unwrap()
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused() {
        let error = OntologyEmbedding::<f64>::new(&tree(), 4, 3, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "3 heads do not divide a width of 4");
    }

    #[test]
    fn a_table_of_other_nodes_is_refused() {
        let mut module = OntologyEmbedding::<f64>::new(&tree(), 4, 2, &mut Random::seed(0)).unwrap();
        module.table = Array2::zeros((4, 4));
        let error = module.forward().unwrap_err();
        assert_eq!(error.to_string(), "ontology_embedding: table: expected shape [3, 4], got [4, 4]");
    }

    #[test]
    fn a_table_with_a_nan_is_refused() {
        let mut module = OntologyEmbedding::<f64>::new(&tree(), 4, 2, &mut Random::seed(0)).unwrap();
        module.table[(2, 1)] = f64::NAN;
        assert_eq!(module.forward().unwrap_err().to_string(), "graph_attention: x: not a finite number");
    }
}
