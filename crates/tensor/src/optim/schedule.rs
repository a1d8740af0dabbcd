//! How the rate changes over a training run.

use crate::optim::noam;
use crate::{Real, Result, check_setting};

/// A factor for the rate of every step. Steps count from 0, warm-ups are straight lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Always 1.
    Constant,
    /// `t / T`, from 0 up to 1: Xiong et al. 2020 use it to see from which rate on training fails.
    Ramp {
        /// `T`
        total: usize,
    },
    /// Up to 1 in `w` steps, then 1.
    Warmup {
        /// `w`
        warmup: usize,
    },
    /// Up to 1 in `w` steps, then down to 0 at `T` in a straight line: BERT, ViLBERT, UNITER, ViLT.
    Linear {
        /// `w`
        warmup: usize,
        /// `T`
        total: usize,
    },
    /// Up to 1 in `w` steps, then down to 0 at `T` along half a cosine: CLIP, DeCLIP.
    Cosine {
        /// `w`
        warmup: usize,
        /// `T`
        total: usize,
    },
    /// Up to 1 in `w` steps, then `√(w / t)`: eq-1.24-noam divided by its peak, with steps counted from 0.
    InverseRoot {
        /// `w`
        warmup: usize,
    },
    /// From `start` up to 1 in `w` steps and down to `end` at `T`, both along half a cosine: Smith & Topin 2018,
    /// *Super-Convergence*, in the form of PyTorch's `OneCycleLR`.
    OneCycle {
        /// `w`
        warmup: usize,
        /// `T`
        total: usize,
        /// The factor of step 0.
        start: f64,
        /// The factor from step `T` on.
        end: f64,
    },
}

impl Schedule {
    /// The factor of step `t`, counted from 0.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](crate::Error::InvalidHyperparameter) if `T` is zero or not above `w`, if `w` is
    /// zero where a formula divides by it, or if a factor is not in `[0, 1]`.
    pub fn factor(&self, step: usize) -> Result<f64> {
        self.check()?;
        let (t, half) = (step as f64, 0.5);
        Ok(match *self {
            Schedule::Constant => 1.0,
            Schedule::Ramp { total } => (t / total as f64).min(1.0),
            Schedule::Warmup { warmup } => rise(step, warmup).unwrap_or(1.0),
            Schedule::Linear { warmup, total } => {
                rise(step, warmup).unwrap_or_else(|| 1.0 - progress(step, warmup, total))
            }
            Schedule::Cosine { warmup, total } => rise(step, warmup)
                .unwrap_or_else(|| half * (1.0 + Real::cos(f64::pi() * progress(step, warmup, total)))),
            Schedule::InverseRoot { warmup } => match rise(step, warmup) {
                Some(rise) => rise,
                None => noam::<f64>(step, 1, warmup, (warmup as f64).sqrt())?,
            },
            Schedule::OneCycle { warmup, total, start, end } => {
                let (from, to, part) = match rise(step, warmup) {
                    Some(rise) => (start, 1.0, rise),
                    None => (1.0, end, progress(step, warmup, total)),
                };
                to + half * (from - to) * (1.0 + Real::cos(f64::pi() * part))
            }
        })
    }

    fn check(&self) -> Result<()> {
        let positive =
            |n: usize| check_setting("schedule: total", n > 0, || "must be positive, got 0".to_string());
        let longer = |warmup: usize, total: usize| {
            check_setting("schedule: total", total > warmup, || {
                format!("must be above the warm-up of {warmup}, got {total}")
            })
        };
        match *self {
            Schedule::Constant | Schedule::Warmup { .. } => Ok(()),
            Schedule::Ramp { total } => positive(total),
            Schedule::Linear { warmup, total } | Schedule::Cosine { warmup, total } => longer(warmup, total),
            Schedule::InverseRoot { warmup } => {
                check_setting("schedule: warmup", warmup > 0, || "must be positive, got 0".to_string())
            }
            Schedule::OneCycle { warmup, total, start, end } => {
                longer(warmup, total)?;
                for factor in [start, end] {
                    check_setting("schedule: factor", (0.0..=1.0).contains(&factor), || {
                        format!("must be in [0, 1], got {factor}")
                    })?;
                }
                Ok(())
            }
        }
    }
}

/// `t / w` during the warm-up.
fn rise(step: usize, warmup: usize) -> Option<f64> {
    (step < warmup).then(|| step as f64 / warmup as f64)
}

/// The share of the steps after the warm-up that are done.
fn progress(step: usize, warmup: usize, total: usize) -> f64 {
    ((step - warmup) as f64 / (total - warmup) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(schedule: Schedule, steps: [usize; 5]) -> [f64; 5] {
        steps.map(|t| (schedule.factor(t).unwrap() * 1e6).round() / 1e6)
    }

    #[test]
    fn every_schedule_has_its_shape() {
        let steps = [0, 2, 4, 12, 20];
        assert_eq!(factors(Schedule::Constant, steps), [1.0; 5]);
        assert_eq!(factors(Schedule::Ramp { total: 16 }, steps), [0.0, 0.125, 0.25, 0.75, 1.0]);
        assert_eq!(factors(Schedule::Warmup { warmup: 4 }, steps), [0.0, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!(factors(Schedule::Linear { warmup: 4, total: 20 }, steps), [0.0, 0.5, 1.0, 0.5, 0.0]);
        assert_eq!(
            factors(Schedule::Cosine { warmup: 4, total: 20 }, [4, 8, 12, 16, 30])[2..],
            [0.5, 0.146447, 0.0]
        );
        assert_eq!(
            factors(Schedule::InverseRoot { warmup: 4 }, [0, 2, 4, 16, 64]),
            [0.0, 0.5, 1.0, 0.5, 0.25]
        );
        let cycle = Schedule::OneCycle { warmup: 4, total: 20, start: 0.04, end: 0.0 };
        assert_eq!(factors(cycle, steps), [0.04, 0.52, 1.0, 0.5, 0.0]);
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let error = |schedule: Schedule| schedule.factor(0).unwrap_err().to_string();
        assert_eq!(error(Schedule::Ramp { total: 0 }), "schedule: total: must be positive, got 0");
        let total = "schedule: total: must be above the warm-up of 4, got 4";
        assert_eq!(error(Schedule::Linear { warmup: 4, total: 4 }), total);
        assert_eq!(error(Schedule::Cosine { warmup: 4, total: 4 }), total);
        assert_eq!(error(Schedule::InverseRoot { warmup: 0 }), "schedule: warmup: must be positive, got 0");
        let cycle = Schedule::OneCycle { warmup: 1, total: 4, start: 2.0, end: 0.0 };
        assert_eq!(error(cycle), "schedule: factor: must be in [0, 1], got 2");
    }
}
