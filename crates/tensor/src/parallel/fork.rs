//! Pieces of work, handed out to the threads.

use std::cell::Cell;
use std::sync::Mutex;

use rayon::prelude::*;

use crate::alloc::{self, Part};
use crate::{Real, Result};

/// Elementary operations below which a fork costs more than it gains (about 50 µs on one core).
pub(super) const GRAIN: usize = 1 << 18;

/// Items of a piece of work out of `count` items of `cost` operations each: enough that handing it over costs little
/// beside it, and few enough that every thread gets several pieces.
pub(super) fn piece(count: usize, cost: usize) -> usize {
    let share = count.saturating_mul(cost) / (8 * free_threads()).max(16);
    share.clamp(GRAIN / 4, 4 * GRAIN).div_ceil(cost.max(1))
}

thread_local! {
    /// Whether this thread runs a task of a loop that already keeps every thread busy.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Threads that are free for a split: one inside a task of [`map`] or [`for_each`], where a fork inside a fork
/// costs time and gains nothing.
pub(crate) fn free_threads() -> usize {
    if BUSY.get() { 1 } else { rayon::current_num_threads() }
}

/// Whether `count` pieces of `cost` operations each are worth a fork.
pub(super) fn worth_a_fork(count: usize, cost: usize) -> bool {
    count > 1 && count.saturating_mul(cost) >= GRAIN && free_threads() > 1
}

/// `f(i)` for every `i < count` on all threads. The one place where this file hands work out, and without a type
/// parameter: the scheduler is compiled once, not once for each loop. The functions below hand loops on as `&dyn Fn`
/// for the same reason; each call of one is a piece of work that is worth a fork.
fn fork(count: usize, f: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().for_each(|i| {
        let _before = Busy(BUSY.replace(BUSY.get() || count >= rayon::current_num_threads()));
        f(i);
    });
}

/// Puts [`BUSY`] back as it was, even if the task panics: a thread that waits may run a task of another loop.
struct Busy(bool);

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.set(self.0);
    }
}

/// [`fork`] over pieces of work that are handed over: `f(i, parts[i])`.
pub(crate) fn fork_parts<P: Send>(parts: Vec<P>, f: &(dyn Fn(usize, P) + Sync)) {
    let parts = handed_over(parts);
    fork(parts.len(), &|i| f(i, emptied(&parts[i])));
}

/// Every piece in a cell that one task will empty.
fn handed_over<P>(parts: Vec<P>) -> Vec<Mutex<Option<P>>> {
    parts.into_iter().map(|part| Mutex::new(Some(part))).collect()
}

/// The content of a cell that one task has filled or will empty.
fn emptied<T>(cell: &Mutex<Option<T>>) -> T {
    cell.lock().expect("no task panics with the lock").take().expect("one task per cell")
}

/// `f(i)` for every `i`, in parallel if `count · cost` is worth it; the results in order.
pub fn map<T: Send>(count: usize, cost: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    map_dyn(count, worth_a_fork(count, cost), &f)
}

fn map_dyn<T: Send>(count: usize, forked: bool, f: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    if !forked {
        return (0..count).map(f).collect();
    }
    let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    fork(count, &|i| {
        let result = f(i);
        *results[i].lock().expect("no task panics with the lock") = Some(result);
    });
    results.iter().map(emptied).collect()
}

/// [`map`] for work that can fail: the error of the lowest index wins.
pub fn try_map<T: Send>(
    count: usize,
    cost: usize,
    f: impl Fn(usize) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    map(count, cost, f).into_iter().collect()
}

/// [`try_map_parts`] for work that cannot fail.
pub fn map_parts<P: Send, T: Send>(
    parts: Vec<P>,
    cost: usize,
    f: impl Fn(usize, P) -> T + Send + Sync,
) -> Vec<T> {
    let parts = handed_over(parts);
    map(parts.len(), cost, |i| f(i, emptied(&parts[i])))
}

/// [`try_map`] over pieces of work that are handed over: `f(i, parts[i])`, for example disjoint views of one result.
pub fn try_map_parts<P: Send, T: Send>(
    parts: Vec<P>,
    cost: usize,
    f: impl Fn(usize, P) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    // All results first: the error of the lowest index wins, whichever thread was first.
    map_parts(parts, cost, f).into_iter().collect()
}

/// `f(item)` for every item, in parallel if `cost` operations per item are worth it: for views into disjoint parts
/// of one result.
pub fn for_each<T: Send>(items: Vec<T>, cost: usize, f: impl Fn(T) + Send + Sync) {
    let forked = worth_a_fork(items.len(), cost);
    each_part(items, forked, &|_, item| f(item));
}

/// `f(i, parts[i])` for every piece of work, on all threads or on this one.
pub(super) fn each_part<P: Send>(parts: Vec<P>, forked: bool, f: &(dyn Fn(usize, P) + Sync)) {
    if forked && parts.len() > 1 {
        fork_parts(parts, f);
    } else {
        parts.into_iter().enumerate().for_each(|(i, part)| f(i, part));
    }
}

/// New lists of numbers, see [`alloc::in_parts`], made by `f(i, parts)`, on all threads or on this one.
pub(crate) fn new_blocks<R: Real, const N: usize>(
    sizes: [usize; N],
    lengths: [usize; N],
    forked: bool,
    f: &(dyn Fn(usize, [Part<R>; N]) + Sync),
) -> [Vec<R>; N] {
    alloc::in_parts(sizes, lengths, |parts| each_part(parts, forked, f))
}
