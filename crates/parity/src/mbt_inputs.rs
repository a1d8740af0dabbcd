//! What MBT reads: videos and spectrograms, each with a class token.

use mmt_blocks::ClassToken;
use mmt_fusion::Layout;
use mmt_tensor::{Ragged, Real, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding, PatchEmbeddingTape};
use mmt_tokenizers::video::{Tubelet, TubeletEmbedding, TubeletEmbeddingTape};
use ndarray::{Array2, Array4, Array5};

use super::Answer;
use super::case::{Found, Record};
use super::flax::{flat, linear, with, with_linear};
use super::layout::reshape;

/// What the name of a modality adds to the names of its parameters.
pub const SUFFIXES: [&str; 2] = ["", "_spectrogram"];
const CLASSES: [&str; 2] = ["cls", "clsspectrogram"];

/// Tokens and their layout, for each modality.
pub type Tokens<R> = Vec<(Array2<R>, Layout)>;

/// What makes tokens of videos and spectrograms.
pub struct Front<R> {
    videos: TubeletEmbedding<R>,
    images: PatchEmbedding<R>,
}

/// What its backward reads.
pub struct FrontTape<R> {
    videos: TubeletEmbeddingTape<R>,
    images: PatchEmbeddingTape<R>,
    classes: Vec<(ClassToken<R>, Ragged)>,
}

impl<R: Real> Front<R> {
    pub fn of(record: &Record) -> Found<Self> {
        let d = record.size("hidden_size")?;
        let kernel: Array5<R> = record.real("param/embedding/kernel")?;
        let (frames, patch, _, channels, _) = kernel.dim();
        let tubelet = Tubelet { frames, patch };
        let project = linear(record, "embedding", frames * patch * patch * channels, d)?;
        let images = linear(record, "embedding_spectrogram", patch * patch * channels, d)?;
        Ok(Front {
            videos: TubeletEmbedding { project, tubelet, order: Order::Hwc },
            images: PatchEmbedding { project: images, patch, order: Order::Hwc },
        })
    }

    pub fn d(&self) -> usize {
        self.videos.project.weight.ncols()
    }

    pub fn forward(&self, record: &Record) -> Found<(Tokens<R>, FrontTape<R>)> {
        let videos: Array5<R> = record.real("in/rgb")?;
        let images: Array4<R> = record.real("in/spectrogram")?;
        let (x, videos_tape) = self.videos.forward(&videos)?;
        let (y, images_tape) = self.images.forward(&images)?;
        let (mut tokens, mut classes) = (vec![], vec![]);
        for (m, (x, samples)) in [(x, videos.dim().0), (y, images.dim().0)].into_iter().enumerate() {
            let (n, d) = (x.nrows() / samples, x.ncols());
            let position = format!("Transformer/posembed_input{}/pos_embedding", SUFFIXES[m]);
            let class = ClassToken {
                class: reshape(&flat::<R>(record, CLASSES[m], d)?, &[d]),
                position: reshape(&flat::<R>(record, &position, (n + 1) * d)?, &[n + 1, d]),
            };
            let rows = Ragged::even(samples, n);
            let layout = Layout::of(CLASSES[m], ClassToken::<R>::rows(&rows))?;
            tokens.push((class.forward(&x, &rows)?, layout));
            classes.push((class, rows));
        }
        Ok((tokens, FrontTape { videos: videos_tape, images: images_tape, classes }))
    }

    pub fn backward(
        &self,
        mut answer: Answer<R>,
        record: &Record,
        tape: &FrontTape<R>,
        dx: &[Array2<R>],
    ) -> Found<Answer<R>> {
        let mut dpatches = vec![];
        for (m, (class, rows)) in tape.classes.iter().enumerate() {
            let mut grad = class.zeros_like();
            dpatches.push(class.backward(&dx[m], rows, &mut grad));
            let position = format!("Transformer/posembed_input{}/pos_embedding", SUFFIXES[m]);
            answer = with(answer, record, &position, &grad.position.into_dyn())?;
            answer = with(answer, record, CLASSES[m], &grad.class.into_dyn())?;
        }
        let (mut videos, mut images) = (self.videos.zeros_like(), self.images.zeros_like());
        let dvideos = self.videos.backward(&tape.videos, &dpatches[0], &mut videos);
        let dimages = self.images.backward(&tape.images, &dpatches[1], &mut images);
        let answer = answer.with("grad_in/rgb", &dvideos).with("grad_in/spectrogram", &dimages);
        let answer = with_linear(answer, record, "embedding", &videos.project)?;
        with_linear(answer, record, "embedding_spectrogram", &images.project)
    }
}
