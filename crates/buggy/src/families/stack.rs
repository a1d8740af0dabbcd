//! What blocks and topologies are made of: layers by name.

use super::attention::{Names, multi_head};
use super::mask::Mask;
use crate::{Bug, Run, Var};

/// The sizes and kinds of a block.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Heads of the attention.
    pub heads: usize,
    /// The activation of the network.
    pub activation: String,
    /// `ε` of the norms.
    pub eps: f64,
    /// Whether norms stand before the layers.
    pub pre: bool,
}

impl Shape {
    /// That of a configuration.
    ///
    /// # Errors
    /// One line if a setting is missing.
    pub fn of(run: &Run, pre: bool) -> Result<Self, String> {
        let activation = run.word("activation").to_string();
        Ok(Shape { heads: run.int("heads")?, activation, eps: run.num("eps")?, pre })
    }
}

impl Run<'_> {
    /// Layer normalization with the parameters of a name.
    pub fn norm(&mut self, x: Var, shape: &Shape, names: &Names, name: &str) -> Result<Var, String> {
        let names = names.of(name);
        let affine = Some((self.of(&names, "gamma")?, self.of(&names, "beta")?));
        let normed = self.tape.layer_norm(x, affine, shape.eps);
        if let Some(act) = &names.act {
            let (mean, rstd) = (format!("act/{act}mean"), format!("act/{act}rstd"));
            self.extra(&mean, normed.mean);
            self.extra(&rstd, normed.rstd);
        }
        Ok(normed.y)
    }

    /// `act(x W₁ + b₁) W₂ + b₂`.
    pub fn network(&mut self, x: Var, shape: &Shape, names: &Names) -> Result<Var, String> {
        let z = self.project(x, names, "w_1")?;
        self.tell(names, "z", z);
        let h = self.tape.activation(z, &shape.activation)?;
        self.tell(names, "h", h);
        self.project(h, names, "w_2")
    }
}

/// What an attention layer looks at.
#[derive(Clone, Copy)]
pub enum Looks {
    /// At its own input.
    Itself,
    /// At another sequence, taken as it comes.
    At(Var),
}

/// An attention layer with its shortcut and norm.
pub fn attention_layer(
    run: &mut Run,
    x: Var,
    looks: Looks,
    (mask, shape): (&Mask, &Shape),
    names: &Names,
    [norm, attn]: [&str; 2],
) -> Result<Var, String> {
    let pre = shape.pre != run.tape.has(Bug::SwapNorm);
    let h = if pre { run.norm(x, shape, names, norm)? } else { x };
    let context = match looks {
        Looks::Itself => h,
        Looks::At(context) => context,
    };
    let y = multi_head(run, [h, context, context], shape.heads, mask, &names.of(attn))?;
    let start = match looks {
        Looks::At(other) if run.tape.has(Bug::CrossResidualOther) => {
            if run.tape.shape(other) == run.tape.shape(x) { other } else { x }
        }
        _ => {
            if run.tape.has(Bug::ResidualFromNormed) {
                h
            } else {
                x
            }
        }
    };
    let y = if run.tape.has(Bug::NoResidual1) { y } else { shortcut(run, y, start) };
    if pre { Ok(y) } else { run.norm(y, shape, names, norm) }
}

/// `y + start`, of which one bug forgets the second gradient.
pub fn shortcut(run: &mut Run, y: Var, start: Var) -> Var {
    let sum = run.tape.add(y, start);
    run.tape.backward_if(Bug::BwdNoResidual, sum, |_| y)
}

/// A feed-forward layer with its shortcut and norm.
pub fn network_layer(run: &mut Run, x: Var, shape: &Shape, names: &Names, norm: &str) -> Result<Var, String> {
    let pre = shape.pre != run.tape.has(Bug::SwapNorm);
    let h = if pre { run.norm(x, shape, names, norm)? } else { x };
    let y = run.network(h, shape, &names.of("ffn"))?;
    let start = if run.tape.has(Bug::ResidualFromNormed) { h } else { x };
    let y = if run.tape.has(Bug::NoResidual2) { y } else { shortcut(run, y, start) };
    if pre { Ok(y) } else { run.norm(y, shape, names, norm) }
}

/// A block: attention, then a network.
pub fn block(
    run: &mut Run,
    x: Var,
    looks: Looks,
    (mask, shape): (&Mask, &Shape),
    names: &Names,
) -> Result<Var, String> {
    let x = attention_layer(run, x, looks, (mask, shape), names, ["norm_1", "attn"])?;
    network_layer(run, x, shape, names, "norm_2")
}

/// Blocks one after the other, several times, and a norm after the last one if they have their norms before the layers.
pub fn stack(
    run: &mut Run,
    mut x: Var,
    [layers, repeats]: [usize; 2],
    (mask, shape): (&Mask, &Shape),
    names: &Names,
) -> Result<Var, String> {
    for turn in 0..layers * repeats {
        let mut block_names = names.of(&format!("blocks.{}", turn % layers));
        block_names.act = names.act.as_ref().map(|act| format!("{act}blocks.{turn}."));
        block_names.copy = run.tape.has(Bug::SharedAsCopy) && turn + layers < layers * repeats;
        x = block(run, x, Looks::Itself, (mask, shape), &block_names)?;
    }
    let ends = shape.pre && !run.tape.has(Bug::NoFinalNorm);
    if ends { run.norm(x, shape, names, "norm") } else { Ok(x) }
}
