//! What a case holds that is no real number: ids, labels, lengths, masks.

use mmt_tensor::Real;
use ndarray::{ArrayD, IxDyn};

use crate::case::Value;
use crate::draw::Source;
use crate::run::Run;

impl<R: Real> Run<'_, R> {
    /// Ids below `below`.
    pub fn ids(&mut self, name: &str, shape: &[usize], below: usize) -> Vec<usize> {
        let key = format!("in/{name}");
        let source = Source::new(&self.row.id, self.bump, &key);
        let count: usize = shape.iter().product();
        let drawn = |i: usize| source.below(i as u64, below as u64) as usize;
        let given = self.given_whole(&key, count);
        let ids: Vec<usize> = match given {
            Some(given) => given.into_iter().map(|i| i as usize).collect(),
            None => (0..count).map(drawn).collect(),
        };
        self.whole_numbers(&key, shape, &ids.iter().map(|&i| i as i64).collect::<Vec<_>>());
        ids
    }

    /// Labels below `below`, of which about a share `hidden` is -1 and does not count.
    pub fn labels(&mut self, name: &str, count: usize, below: usize, hidden: f64) -> Vec<Option<usize>> {
        let key = format!("in/{name}");
        let source = Source::new(&self.row.id, self.bump, &key);
        let label = |i: usize| {
            let hidden = source.chance((1 << 32) + i as u64, hidden);
            (!hidden).then(|| source.below(i as u64, below as u64) as usize)
        };
        let labels: Vec<Option<usize>> = match self.given_whole(&key, count) {
            Some(given) => given.into_iter().map(|l| usize::try_from(l).ok()).collect(),
            None => (0..count).map(label).collect(),
        };
        let numbers: Vec<i64> = labels.iter().map(|l| l.map_or(-1, |l| l as i64)).collect();
        self.whole_numbers(&key, &[count], &numbers);
        labels
    }

    /// Whole numbers that are known.
    ///
    /// # Panics
    /// If they are not as many as the shape asks for.
    pub fn whole_numbers(&mut self, key: &str, shape: &[usize], numbers: &[i64]) {
        let array = ArrayD::from_shape_vec(IxDyn(shape), numbers.to_vec()).expect("as many as the shape");
        self.arrays.push((key.to_string(), Value::Int(array)));
    }

    /// Flags of which about a share `keep` is true; not kept.
    pub fn flags(&self, name: &str, count: usize, keep: f64) -> Vec<bool> {
        let source = Source::new(&self.row.id, self.bump, &format!("in/{name}"));
        (0..count).map(|i| source.chance(i as u64, keep)).collect()
    }

    /// A whole number from 1 to `most`; not kept.
    pub fn length(&self, name: &str, i: usize, most: usize) -> usize {
        let source = Source::new(&self.row.id, self.bump, &format!("in/{name}"));
        1 + source.below((1 << 33) + i as u64, most as u64) as usize
    }

    /// A mask that is known; returns its flags.
    ///
    /// # Panics
    /// If they are not as many as the shape asks for.
    pub fn known_mask(&mut self, name: &str, shape: &[usize], mask: Vec<bool>) -> Vec<bool> {
        let key = format!("in/{name}");
        let mask = self.given_flags(&key, mask.len()).unwrap_or(mask);
        let array = ArrayD::from_shape_vec(IxDyn(shape), mask.clone()).expect("as many as the shape");
        self.arrays.push((key, Value::Bool(array)));
        mask
    }
}
