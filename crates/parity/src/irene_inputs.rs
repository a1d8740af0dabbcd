//! What IRENE reads: an image, and four kinds of text that come as vectors.

use mmt_blocks::{ClassToken, Linear, LinearTape, add_positions, add_positions_backward};
use mmt_fusion::Layout;
use mmt_tensor::{Ragged, Real, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding, PatchEmbeddingTape};
use ndarray::{Array2, Array3, Array4, ArrayD, Axis, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::flax::samples;
use super::layout::{linear_of_any_size, reshape, rows, transposed, with_linear};

const TEXTS: [&str; 4] = ["cc", "lab", "sex", "age"];
const FRONT: &str = "transformer.embeddings.";

/// The image as tokens, a class token in front, and positions.
pub struct Image<R> {
    patches: PatchEmbedding<R>,
    tape: PatchEmbeddingTape<R>,
    class: ClassToken<R>,
    /// Without the class token.
    pub rows: Ragged,
    pub tokens: Array2<R>,
}

impl<R: Real> Image<R> {
    pub fn of(record: &Record) -> Found<Self> {
        let images: Array4<R> = record.real("in/image")?;
        let images = images.permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        let (d, patch) = (record.size("hidden_size")?, record.size("patch")?);
        let kernel = format!("param/{FRONT}patch_embeddings");
        let shape = [d, images.dim().3, patch, patch];
        let weight: ArrayD<R> = record.shaped(&format!("{kernel}.weight"), &shape)?;
        let weight: Array2<R> = reshape(&weight, &[d, weight.len() / d.max(1)]);
        let bias = record.shaped(&format!("{kernel}.bias"), &[d])?;
        let project = Linear { weight: transposed(&weight), bias: Some(bias) };
        let patches = PatchEmbedding { project, patch, order: Order::Chw };
        let (x, tape) = patches.forward(&images)?;
        let rows = Ragged::even(images.dim().0, x.nrows() / images.dim().0);
        let class: Array3<R> = record.shaped(&format!("param/{FRONT}cls_token"), &[1, 1, d])?;
        let position: Array3<R> =
            record.shaped(&format!("param/{FRONT}position_embeddings"), &[1, rows.length(0) + 1, d])?;
        let class =
            ClassToken { class: reshape(&class, &[d]), position: position.index_axis_move(Axis(0), 0) };
        let tokens = class.forward(&x, &rows)?;
        Ok(Image { patches, tape, class, rows, tokens })
    }

    pub fn backward(&self, answer: Answer<R>, dx: &Array2<R>) -> Answer<R> {
        let (mut class, mut patches) = (self.class.zeros_like(), self.patches.zeros_like());
        let dpatches = self.class.backward(dx, &self.rows, &mut class);
        let dimage = self.patches.backward(&self.tape, &dpatches, &mut patches);
        let (d, [_, _, _, c], patch) = (dx.ncols(), self.tape.shape, self.patches.patch);
        let kernel = transposed(&patches.project.weight);
        let key = format!("grad_param/{FRONT}patch_embeddings");
        with_linear(answer, &key, &patches.project)
            .with(&format!("{key}.weight"), &reshape::<R, _, IxDyn>(&kernel, &[d, c, patch, patch]))
            .with(&format!("grad_param/{FRONT}cls_token"), &reshape::<R, _, IxDyn>(&class.class, &[1, 1, d]))
            .with(&format!("grad_param/{FRONT}position_embeddings"), &class.position.insert_axis(Axis(0)))
            .with("grad_in/image", &dimage.permuted_axes([0, 3, 1, 2]))
    }
}

/// One kind of text: a linear map and positions of its own.
pub struct Text<R> {
    name: &'static str,
    map: Linear<R>,
    tape: LinearTape<R>,
    pub tokens: Array2<R>,
    pub layout: Layout,
}

impl<R: Real> Text<R> {
    pub fn all(record: &Record) -> Found<Vec<Self>> {
        TEXTS.iter().map(|name| Text::of(record, name)).collect()
    }

    fn of(record: &Record, name: &'static str) -> Found<Self> {
        let x: Array3<R> = record.real(&format!("in/{name}"))?;
        let layout = Layout::of(name, Ragged::even(x.dim().0, x.dim().1))?;
        let map: Linear<R> = linear_of_any_size(record, &format!("param/{FRONT}{name}_embeddings"))?;
        let table: Array3<R> =
            record.shaped(&format!("param/{FRONT}pe_{name}"), &[1, x.dim().1, map.weight.ncols()])?;
        let (y, tape) = map.forward(&rows(&x.into_dyn()))?;
        let tokens = add_positions(&y, &table.index_axis_move(Axis(0), 0), &layout.rows())?;
        Ok(Text { name, map, tape, tokens, layout })
    }

    pub fn backward(&self, answer: Answer<R>, dx: &Array2<R>) -> Answer<R> {
        let (name, rows, mut grad) = (self.name, self.layout.rows(), self.map.zeros_like());
        let mut table = Array2::zeros((rows.length(0), dx.ncols()));
        add_positions_backward(dx, &rows, &mut table);
        let din = self.map.backward(&self.tape, dx, &mut grad);
        with_linear(answer, &format!("grad_param/{FRONT}{name}_embeddings"), &grad)
            .with(&format!("grad_param/{FRONT}pe_{name}"), &table.insert_axis(Axis(0)))
            .with(&format!("grad_in/{name}"), &samples(&din, &rows))
    }
}

pub fn pairs<R>(texts: &[Text<R>]) -> Vec<(&ndarray::ArrayRef2<R>, &Layout)> {
    texts.iter().map(|text| (&*text.tokens, &text.layout)).collect()
}
