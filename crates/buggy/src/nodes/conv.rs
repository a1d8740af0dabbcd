//! Windows: convolution and pooling over any number of axes.

use super::index::{NOTHING, each_index, strides};
use crate::{Bug, Tape, Var};

/// How a window moves along each axis.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its sizes.
    pub kernel: Vec<usize>,
    /// Its steps.
    pub stride: Vec<usize>,
    /// What stands in front of and behind the input.
    pub padding: Vec<usize>,
    /// Distances of its entries.
    pub dilation: Vec<usize>,
}

impl Window {
    /// The positions along each axis of an input of these sizes.
    pub fn positions(&self, sizes: &[usize]) -> Vec<usize> {
        let along = |k: usize| {
            let span = self.dilation[k] * (self.kernel[k] - 1) + 1;
            (sizes[k] + 2 * self.padding[k] - span) / self.stride[k] + 1
        };
        (0..sizes.len()).map(along).collect()
    }

    /// Where an entry of a position lies in an input of these sizes; [`NOTHING`] in the padding.
    fn place(&self, sizes: &[usize], position: &[usize], entry: &[usize]) -> usize {
        let strides = strides(sizes);
        let mut place = 0;
        for k in 0..sizes.len() {
            let at = position[k] * self.stride[k] + entry[k] * self.dilation[k];
            if at < self.padding[k] || at - self.padding[k] >= sizes[k] {
                return NOTHING;
            }
            place += (at - self.padding[k]) * strides[k];
        }
        place
    }
}

impl Tape {
    /// The same linear map of every window: `x: [B, C, ..]`, `w: [O, C / g, ..]`, `b: [O]` → `[B, O, ..]`.
    pub fn conv(&mut self, x: Var, w: Var, b: Option<Var>, window: &Window, groups: usize) -> Var {
        let (xs, ws) = (self.shape(x), self.shape(w));
        let (batch, inputs, outputs) = (xs[0], xs[1] / groups, ws[0] / groups);
        let sizes = window.positions(&xs[2..]);
        let places: usize = sizes.iter().product();
        let width: usize = ws[1..].iter().product();
        let mut parts = Vec::new();
        for g in 0..groups {
            let rows = self.unfold(x, window, g * inputs..(g + 1) * inputs);
            let rows = self.reshape(rows, &[batch * places, width]);
            let kernel = self.slice(w, 0, g * outputs, (g + 1) * outputs);
            let kernel = self.reshape(kernel, &[outputs, width]);
            let kernel = self.permute(kernel, &[1, 0]);
            let bias = b.map(|b| self.slice(b, 0, g * outputs, (g + 1) * outputs));
            let y = self.linear(rows, kernel, bias);
            parts.push(self.reshape(y, &[batch, places, outputs]));
        }
        let y = self.concat(&parts, 2);
        let y = self.permute(y, &[0, 2, 1]);
        let shape: Vec<usize> = [batch, outputs * groups].into_iter().chain(sizes).collect();
        self.reshape(y, &shape)
    }

    /// Every window of some channels as a row: `[B, positions, channels · entries]`.
    fn unfold(&mut self, x: Var, window: &Window, channels: std::ops::Range<usize>) -> Var {
        let shape = self.shape(x);
        let (sizes, plane) = (shape[2..].to_vec(), shape[2..].iter().product::<usize>());
        let positions = window.positions(&sizes);
        let index = |mirrored: bool| {
            let mut index = Vec::new();
            for b in 0..shape[0] {
                for position in each_index(&positions) {
                    for c in channels.clone() {
                        let first = (b * shape[1] + c) * plane;
                        for mut entry in each_index(&window.kernel) {
                            if mirrored {
                                entry.iter_mut().zip(&window.kernel).for_each(|(e, k)| *e = k - 1 - *e);
                            }
                            let place = window.place(&sizes, &position, &entry);
                            index.push(if place == NOTHING { NOTHING } else { first + place });
                        }
                    }
                }
            }
            index
        };
        let places = positions.iter().product();
        let width = channels.len() * window.kernel.iter().product::<usize>();
        let rows = [shape[0], places, width];
        let y = self.take(x, &rows, index(false));
        self.backward_if(Bug::BwdConvFlipped, y, |t| t.take(x, &rows, index(true)))
    }

    /// The places of every window of every channel, in order, and the shape of what is pooled.
    fn windows(&self, x: Var, window: &Window) -> (Vec<usize>, Vec<Vec<usize>>) {
        let shape = self.shape(x);
        let (sizes, plane) = (shape[2..].to_vec(), shape[2..].iter().product::<usize>());
        let positions = window.positions(&sizes);
        let mut list = Vec::new();
        for channel in 0..shape[0] * shape[1] {
            for position in each_index(&positions) {
                let places = each_index(&window.kernel).map(|entry| window.place(&sizes, &position, &entry));
                list.push(places.filter(|p| *p != NOTHING).map(|p| channel * plane + p).collect());
            }
        }
        ([shape[0], shape[1]].into_iter().chain(positions).collect(), list)
    }

    /// The largest number of every window; the first of equal ones.
    pub fn max_pool(&mut self, x: Var, window: &Window) -> Var {
        let (shape, windows) = self.windows(x, window);
        let value = self.value(x);
        let largest = |places: &Vec<usize>| {
            places.iter().copied().fold(places[0], |m, i| if value.data[i] > value.data[m] { i } else { m })
        };
        let index = windows.iter().map(largest).collect();
        self.take(x, &shape, index)
    }

    /// The mean of every window, of what is inside or of the whole window.
    pub fn avg_pool(&mut self, x: Var, window: &Window, inside: bool) -> Var {
        let (shape, windows) = self.windows(x, window);
        let whole: usize = window.kernel.iter().product();
        let share = |places: &Vec<usize>| 1.0 / if inside { places.len() } else { whole } as f64;
        let entries = windows.iter().enumerate();
        let entries = entries.flat_map(|(o, places)| places.iter().map(move |&i| (o, i, share(places))));
        self.averaged(x, &shape, entries.collect())
    }

    /// [`Tape::weighted`] where the weights are shares of windows.
    pub fn averaged(&mut self, x: Var, shape: &[usize], entries: Vec<(usize, usize, f64)>) -> Var {
        let y = self.weighted(x, shape, entries.clone());
        self.backward_if(Bug::BwdAvgPoolSum, y, |t| {
            t.weighted(x, shape, entries.into_iter().map(|(o, i, _)| (o, i, 1.0)).collect())
        })
    }
}
