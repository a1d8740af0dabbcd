//! Four classes of vision-and-language models, by where they spend.

use mmt_tensor::{Error, Result, check_setting};

use super::shape::Shape;
use super::taxonomy::{is_layer, knows};
use super::{Cost, Topology, provenance};

/// Where a model spends: on pictures, on words, or on both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViltClass {
    /// `VE > TE > MI`: two embedders of unequal size and a product of vectors (VSE++, SCAN).
    A,
    /// `VE = TE > MI`: two embedders of equal size and a product of vectors (CLIP).
    B,
    /// `VE > MI > TE`: a deep embedder of pictures and deep interaction (ViLBERT, UNITER, Pixel-BERT).
    C,
    /// `MI > VE = TE`: nearly all of it is interaction (ViLT).
    D,
}

/// Costs closer than this ratio count as equal.
const EQUAL: f64 = 1.25;

/// The class of a model from what it spends on pictures, on words and on their interaction.
///
/// **eq-3-vilt-class**
/// ```math
/// \begin{aligned}
/// \text{(a)}\;& VE > TE > MI & \text{(b)}\;& VE = TE > MI \\
/// \text{(c)}\;& VE > MI > TE & \text{(d)}\;& MI > VE = TE
/// \end{aligned}
/// \qquad x = y \iff \frac{\max(x, y)}{\min(x, y)} < 1.25
/// ```
///
/// three costs in one unit, of parameters or of operations → a class, or none
///
/// The order is of sizes and not of modules. Orders outside the four are unclassified, among them the mirror images of (a) and (c).
///
/// Source: Kim, Son & Kim 2021, *ViLT*, figure 2 and section 2.1. The tolerance is ours: the figure draws sizes without numbers.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for a cost that is negative or not a number; [`Error::EmptyInput`] if all are zero.
pub fn vilt_class(visual: f64, textual: f64, interaction: f64) -> Result<Option<ViltClass>> {
    for cost in [visual, textual, interaction] {
        check_setting("vilt_class: cost", cost.is_finite() && cost >= 0.0, || {
            format!("must be a number of at least zero, got {cost}")
        })?;
    }
    if visual + textual + interaction == 0.0 {
        return Err(Error::EmptyInput { at: "vilt_class: costs" });
    }
    let equal = |x: f64, y: f64| x.max(y) < EQUAL * x.min(y) || x == y;
    let more = |x: f64, y: f64| x > y && !equal(x, y);
    let (v, t, i) = (visual, textual, interaction);
    Ok(match () {
        () if more(v, t) && more(t, i) => Some(ViltClass::A),
        () if equal(v, t) && more(v, i) && more(t, i) => Some(ViltClass::B),
        () if more(v, i) && more(i, t) => Some(ViltClass::C),
        () if equal(v, t) && more(i, v) && more(i, t) => Some(ViltClass::D),
        () => None,
    })
}

/// What a topology spends on `visual` alone, on `textual` alone, and on everything else, in the unit that `unit` reads.
///
/// `each`: the costs of the nodes, of [`cost`](super::cost())
pub fn vilt_costs(
    topology: &Topology,
    shapes: &[Shape],
    each: &[Cost],
    (visual, textual): (&str, &str),
    unit: fn(&Cost) -> u128,
) -> (f64, f64, f64) {
    let influence = provenance(topology, shapes);
    let (mut v, mut t, mut i) = (0, 0, 0);
    for (n, _) in topology.nodes().iter().enumerate().filter(|(_, node)| is_layer(node)) {
        let known = knows(&influence[n]);
        let alone = |name: &str| known.len() == 1 && known.contains(name);
        let cost = unit(&each[n]);
        match (alone(visual), alone(textual)) {
            (true, _) => v += cost,
            (_, true) => t += cost,
            _ => i += cost,
        }
    }
    (v as f64, t as f64, i as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_that_are_no_costs_are_refused() {
        let text = |v, t, i| vilt_class(v, t, i).unwrap_err().to_string();
        assert_eq!(text(0.0, 0.0, 0.0), "vilt_class: costs: empty");
        assert_eq!(text(-1.0, 0.0, 1.0), "vilt_class: cost: must be a number of at least zero, got -1");
        assert_eq!(text(1.0, f64::NAN, 1.0), "vilt_class: cost: must be a number of at least zero, got NaN");
    }
}
