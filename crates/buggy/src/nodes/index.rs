//! Nodes that move numbers: slices, transposes, look-ups, joins, windows.

use crate::{Array, Tape, Var};

/// An index that reads zero.
pub const NOTHING: usize = usize::MAX;

impl Tape {
    /// `y[i] = x[index[i]]`; zero where the index is [`NOTHING`]. The gradient is added up at the indices.
    pub fn take(&mut self, x: Var, shape: &[usize], index: Vec<usize>) -> Var {
        let source = self.value(x);
        let read = |&i: &usize| if i == NOTHING { 0.0 } else { source.data[i] };
        let y = Array::new(shape, index.iter().map(read).collect());
        let back = move |t: &Tape, dy: &Array| {
            let (a, mut dx) = (t.arithmetic(), Array::zeros(&t.shape(x)));
            for (&i, &g) in index.iter().zip(&dy.data).filter(|(i, _)| **i != NOTHING) {
                dx.data[i] = a.r(dx.data[i] + g);
            }
            vec![dx]
        };
        self.keep(y, vec![x], Box::new(back))
    }

    /// The same numbers under another shape.
    pub fn reshape(&mut self, x: Var, shape: &[usize]) -> Var {
        let y = Array::new(shape, self.value(x).data.clone());
        self.keep(y, vec![x], Box::new(move |t, dy| vec![Array::new(&t.shape(x), dy.data.clone())]))
    }

    /// Axis `k` of the result is axis `axes[k]` of `x`.
    pub fn permute(&mut self, x: Var, axes: &[usize]) -> Var {
        let old = self.shape(x);
        let shape: Vec<usize> = axes.iter().map(|&k| old[k]).collect();
        let strides = strides(&old);
        let index = each_index(&shape).map(|at| at.iter().zip(axes).map(|(i, &k)| i * strides[k]).sum());
        let index = index.collect();
        self.take(x, &shape, index)
    }

    /// Indices `list` of an axis, in that order.
    pub fn select(&mut self, x: Var, axis: usize, list: &[usize]) -> Var {
        let old = self.shape(x);
        let mut shape = old.clone();
        shape[axis] = list.len();
        let strides = strides(&old);
        let at = |i: Vec<usize>| -> usize {
            (0..i.len()).map(|k| if k == axis { list[i[k]] } else { i[k] } * strides[k]).sum()
        };
        let index = each_index(&shape).map(at).collect();
        self.take(x, &shape, index)
    }

    /// Indices `from..to` of an axis.
    pub fn slice(&mut self, x: Var, axis: usize, from: usize, to: usize) -> Var {
        self.select(x, axis, &(from..to).collect::<Vec<_>>())
    }

    /// One after the other along an axis.
    pub fn concat(&mut self, parts: &[Var], axis: usize) -> Var {
        let shapes: Vec<Vec<usize>> = parts.iter().map(|&p| self.shape(p)).collect();
        let outer: usize = shapes[0][..axis].iter().product();
        let sizes: Vec<usize> = shapes.iter().map(|s| s[axis..].iter().product()).collect();
        let mut shape = shapes[0].clone();
        shape[axis] = shapes.iter().map(|s| s[axis]).sum();
        let mut data = Vec::new();
        for o in 0..outer {
            for (&p, &size) in parts.iter().zip(&sizes) {
                data.extend_from_slice(&self.value(p).data[o * size..(o + 1) * size]);
            }
        }
        let back = move |_: &Tape, dy: &Array| {
            let mut list: Vec<Array> = shapes.iter().map(|s| Array::new(s, Vec::new())).collect();
            let mut from = 0;
            for _ in 0..outer {
                for (part, &size) in list.iter_mut().zip(&sizes) {
                    part.data.extend_from_slice(&dy.data[from..from + size]);
                    from += size;
                }
            }
            list
        };
        self.keep(Array::new(&shape, data), parts.to_vec(), Box::new(back))
    }

    /// `y[o] = Σ w x[i]` over the entries `(o, i, w)`: interpolation, means, sums of groups.
    pub fn weighted(&mut self, x: Var, shape: &[usize], entries: Vec<(usize, usize, f64)>) -> Var {
        let a = self.how.arithmetic;
        let mut y = Array::zeros(shape);
        for &(o, i, w) in &entries {
            y.data[o] = a.r(y.data[o] + a.r(w * self.value(x).data[i]));
        }
        let back = move |t: &Tape, dy: &Array| {
            let mut dx = Array::zeros(&t.shape(x));
            for &(o, i, w) in &entries {
                dx.data[i] = a.r(dx.data[i] + a.r(w * dy.data[o]));
            }
            vec![dx]
        };
        self.push(y, vec![x], Box::new(back))
    }
}

/// How far apart neighbors along each axis are.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|k| shape[k + 1..].iter().product()).collect()
}

/// All indices of a shape, in row-major order.
pub fn each_index(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let strides = strides(shape);
    (0..shape.iter().product()).map(move |flat: usize| {
        shape.iter().zip(&strides).map(|(size, stride)| flat / stride % size).collect()
    })
}
