//! A layer of three streams, each of which reads the other two.

use mmt_blocks::{Ffn, FfnTape, Heads, HeadsTape, LayerNorm, LayerNormTape, Linear, LinearTape, Mask};
use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Real, Result, tree};
use ndarray::Array2;

use crate::paired_attention::{paired_attention, paired_attention_backward};

/// The parameters of one stream.
#[derive(Clone, Debug)]
pub struct ThreeStreamsStream<R> {
    /// `W_Q: [d_m, D]`
    pub w_q: Linear<R>,
    /// `W_K: [d_m, D / 2]`, for the other two.
    pub w_k: Linear<R>,
    /// `W_V: [d_m, D / 2]`, for the other two.
    pub w_v: Linear<R>,
    /// `W_O: [D, d_m]`
    pub w_o: Linear<R>,
    /// Of the sum after the attention.
    pub norm_1: LayerNorm<R>,
    /// The feed-forward network.
    pub ffn: Ffn<R>,
    /// Of the sum after the network.
    pub norm_2: LayerNorm<R>,
}

tree!(ThreeStreamsStream { w_q, w_k, w_v, w_o, norm_1, ffn, norm_2 });

/// The layer of TriBERT: eq-3-tri-code for every stream, a dense map, and a feed-forward network, with the norms after the
/// sums.
///
/// ```math
/// U_m = \mathrm{LN}_1(X_m + O_m W_O), \qquad Z_m = \mathrm{LN}_2\bigl( U_m + \mathrm{FFN}(U_m) \bigr)
/// ```
///
/// The first stream reads the second and third, the second the first and third, the third the first and second, in this order.
#[derive(Clone, Debug)]
pub struct ThreeStreams<R> {
    /// Of the first modality.
    pub a: ThreeStreamsStream<R>,
    /// Of the second modality.
    pub b: ThreeStreamsStream<R>,
    /// Of the third modality.
    pub c: ThreeStreamsStream<R>,
    /// How many heads, twice as many divide `D`.
    pub heads: Heads,
}

tree!(ThreeStreams { a, b, c; heads });

/// What [`ThreeStreams::backward`] reads of one stream.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ThreeStreamsStreamTape<R> {
    pub w_q: LinearTape<R>,
    pub w_k: LinearTape<R>,
    pub w_v: LinearTape<R>,
    pub heads: HeadsTape<R>,
    pub w_o: LinearTape<R>,
    pub norm_1: LayerNormTape<R>,
    pub ffn: FfnTape<R>,
    pub norm_2: LayerNormTape<R>,
}

tree!(ThreeStreamsStreamTape { w_q, w_k, w_v, heads, w_o, norm_1, ffn, norm_2 });

/// What [`ThreeStreams::backward`] reads.
#[derive(Clone, Debug)]
pub struct ThreeStreamsTape<R> {
    /// One for each stream.
    pub streams: Vec<ThreeStreamsStreamTape<R>>,
    /// Where each sample begins, the same in every stream.
    pub rows: Ragged,
}

tree!(ThreeStreamsTape { streams; rows });

/// Three sequences, or their gradients.
pub type Three<R> = [Array2<R>; 3];

/// The two that a stream reads.
const OTHERS: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];

impl<R: Real> ThreeStreams<R> {
    /// Three inputs `[n, d_m]` → three outputs `[n, d_m]`: all of one length, slot by slot.
    ///
    /// # Errors
    /// Those of [`paired_attention`] and of the layers.
    pub fn forward(&self, x: [&Array2<R>; 3], rows: &Ragged) -> Result<(Three<R>, ThreeStreamsTape<R>)> {
        let streams = [&self.a, &self.b, &self.c];
        let (mut q, mut k, mut v) = (vec![], vec![], vec![]);
        for (stream, x) in streams.iter().zip(x) {
            q.push(stream.w_q.forward(x)?);
            k.push(stream.w_k.forward(x)?);
            v.push(stream.w_v.forward(x)?);
        }
        let (mut z, mut tapes) = (vec![], vec![]);
        for (m, (stream, [i, j])) in streams.iter().zip(OTHERS).enumerate() {
            let (keys, values) = ((&*k[i].0, &*k[j].0), (&*v[i].0, &*v[j].0));
            let (o, heads) = paired_attention(&q[m].0, keys, values, &self.heads, rows, &Mask::None)?;
            let (y, w_o) = stream.w_o.forward_owned(o)?;
            let (u, norm_1) = stream.norm_1.forward(&stored(add(y, x[m])))?;
            let (f, ffn) = stream.ffn.forward(&u)?;
            let (z_m, norm_2) = stream.norm_2.forward(&stored(add(f, &u)))?;
            z.push(z_m);
            let (w_q, w_k, w_v) = (q[m].1.clone(), k[m].1.clone(), v[m].1.clone());
            tapes.push(ThreeStreamsStreamTape { w_q, w_k, w_v, heads, w_o, norm_1, ffn, norm_2 });
        }
        let z = z.try_into().expect("three streams");
        Ok((z, ThreeStreamsTape { streams: tapes, rows: rows.clone() }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the inputs, adds to those of the parameters.
    ///
    /// A key of a stream is read by the two others, and the gradients of the two uses add up.
    pub fn backward(&self, tape: &ThreeStreamsTape<R>, dz: [&Array2<R>; 3], grad: &mut Self) -> Three<R> {
        let streams = [&self.a, &self.b, &self.c];
        let grads = [&mut grad.a, &mut grad.b, &mut grad.c];
        let zeros = |of: fn(&ThreeStreamsStream<R>) -> &Linear<R>| {
            streams.map(|stream| Array2::zeros((tape.rows.tokens(), of(stream).weight.ncols())))
        };
        let (mut dk, mut dv) = (zeros(|stream| &stream.w_k), zeros(|stream| &stream.w_v));
        let mut dx = vec![];
        for (m, [i, j]) in OTHERS.into_iter().enumerate() {
            let (stream, grad, own) = (streams[m], &mut *grads[m], &tape.streams[m]);
            let ds = stream.norm_2.backward(&own.norm_2, dz[m], &mut grad.norm_2);
            let du = add(stream.ffn.backward(&own.ffn, &ds, &mut grad.ffn), &ds);
            let dt = stream.norm_1.backward(&own.norm_1, &du, &mut grad.norm_1);
            let d_o = stream.w_o.backward(&own.w_o, &dt, &mut grad.w_o);
            let (dq, keys, values) =
                paired_attention_backward(&own.heads, &d_o, &self.heads, &tape.rows, &Mask::None);
            dk[i] += &keys.0;
            dk[j] += &keys.1;
            dv[i] += &values.0;
            dv[j] += &values.1;
            dx.push(add(dt, &stream.w_q.backward(&own.w_q, &dq, &mut grad.w_q)));
        }
        for (m, dx) in dx.iter_mut().enumerate() {
            let (stream, grad, own) = (streams[m], &mut *grads[m], &tape.streams[m]);
            *dx += &stream.w_k.backward(&own.w_k, &dk[m], &mut grad.w_k);
            *dx += &stream.w_v.backward(&own.w_v, &dv[m], &mut grad.w_v);
        }
        dx.try_into().expect("three streams")
    }
}
