//! Nodes of arithmetic, element by element.

use crate::tape::Back;
use crate::{Array, Tape, Var};

impl Tape {
    /// `a + b`; `b` repeats if it is shorter (a row added to every row).
    pub fn add(&mut self, a: Var, b: Var) -> Var {
        self.add_scaled(a, b, 1.0)
    }

    /// `a + c b`; `b` repeats if it is shorter.
    pub fn add_scaled(&mut self, a: Var, b: Var, c: f64) -> Var {
        let (sum, back) = self.sum_of(a, b, c);
        self.push(sum, vec![a, b], back)
    }

    fn sum_of(&self, a: Var, b: Var, c: f64) -> (Array, Back) {
        let r = self.how.arithmetic;
        let (x, y) = (self.value(a), self.value(b));
        let n = y.data.len();
        let sum = x.data.iter().enumerate().map(|(i, &x)| r.r(x + r.r(c * y.data[i % n])));
        let sum = Array::new(&x.shape, sum.collect());
        let back = move |t: &Tape, d: &Array| {
            let mut db = Array::zeros(&t.shape(b));
            for (i, &g) in d.data.iter().enumerate() {
                db.data[i % n] = r.r(db.data[i % n] + r.r(c * g));
            }
            vec![d.clone(), db]
        };
        (sum, Box::new(back))
    }

    /// `c x`.
    pub fn scale(&mut self, x: Var, c: f64) -> Var {
        let n = self.value(x).data.len();
        self.times(x, vec![c; n])
    }

    /// `x` times constants of its shape, or constants that repeat.
    pub fn times(&mut self, x: Var, constants: Vec<f64>) -> Var {
        let r = self.how.arithmetic;
        let n = constants.len();
        let product = |x: &Array| {
            let list = x.data.iter().enumerate().map(|(i, &x)| r.r(x * constants[i % n]));
            Array::new(&x.shape, list.collect())
        };
        let y = product(self.value(x));
        let back = move |_: &Tape, d: &Array| {
            let list = d.data.iter().enumerate().map(|(i, &g)| r.r(g * constants[i % n]));
            vec![Array::new(&d.shape, list.collect())]
        };
        self.push(y, vec![x], Box::new(back))
    }

    /// `f(x)` with the derivative `g(x, y)`, `y = f(x)`.
    pub fn map(&mut self, x: Var, f: impl Fn(f64) -> f64, g: impl Fn(f64, f64) -> f64 + 'static) -> Var {
        let value = self.value(x);
        let y = Array::new(&value.shape, value.data.iter().map(|&x| f(x)).collect());
        let exact = y.clone();
        let back = move |t: &Tape, d: &Array| {
            let r = t.arithmetic();
            let x = t.value(x);
            let list = (0..x.data.len()).map(|i| r.r(d.data[i] * g(x.data[i], exact.data[i])));
            vec![Array::new(&x.shape, list.collect())]
        };
        self.push(y, vec![x], Box::new(back))
    }
}

/// The same in registers: results that are not stored.
impl Tape {
    /// `w_i x` with one number of a vector, kept.
    pub fn scaled_by(&mut self, x: Var, w: Var, i: usize) -> Var {
        let r = self.how.arithmetic;
        let scaled =
            move |x: &Array, c: f64| Array::new(&x.shape, x.data.iter().map(|x| r.r(c * x)).collect());
        let y = scaled(self.value(x), self.value(w).data[i]);
        let back = move |t: &Tape, dy: &Array| {
            let (x, w) = (t.value(x), t.value(w));
            let terms: Vec<f64> = x.data.iter().zip(&dy.data).map(|(x, g)| r.r(x * g)).collect();
            let mut dw = Array::zeros(&w.shape);
            dw.data[i] = r.sum(&terms);
            vec![scaled(dy, w.data[i]), dw]
        };
        self.keep(y, vec![x, w], Box::new(back))
    }

    /// `c x`, kept.
    pub fn kept_scale(&mut self, x: Var, c: f64) -> Var {
        let r = self.how.arithmetic;
        let scaled = move |x: &Array| Array::new(&x.shape, x.data.iter().map(|x| r.r(x * c)).collect());
        let y = scaled(self.value(x));
        self.keep(y, vec![x], Box::new(move |_, dy| vec![scaled(dy)]))
    }

    /// `a + b`, kept; `b` repeats if it is shorter.
    pub fn kept_sum(&mut self, a: Var, b: Var) -> Var {
        let (sum, back) = self.sum_of(a, b, 1.0);
        self.keep(sum, vec![a, b], back)
    }
}
