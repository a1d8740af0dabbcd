//! Blocks.

use super::attention::Names;
use super::mask::Mask;
use super::stack::{Looks, Shape, attention_layer, block, network_layer, stack};
use crate::{Bug, Run};

pub fn compute(op: &str, run: &mut Run) -> Result<bool, String> {
    let names = Names::plain("");
    let order = run.word("order");
    let pre = matches!((op, order), ("pre_ln", _) | (_, "pre"));
    let y = match op {
        "ffn" => {
            let x = run.input("x")?;
            let activation = run.word("activation").to_string();
            let shape = Shape { heads: 1, activation, eps: 0.0, pre };
            run.network(x, &shape, &names)?
        }
        "pre_ln" | "post_ln" => {
            let (x, mask, shape) = (run.input("x")?, Mask::of(run)?, Shape::of(run, pre)?);
            block(run, x, Looks::Itself, (&mask, &shape), &names)?
        }
        "cross_block" => {
            let (x, context) = (run.input("x")?, run.input("context")?);
            let mask = Mask::keys(run.maybe_mask("in/key_mask"));
            let shape = Shape::of(run, pre)?;
            block(run, x, Looks::At(context), (&mask, &shape), &names)?
        }
        "decoder_block" => decoder(run, &Shape::of(run, pre)?, &names)?,
        "stack" => {
            let (x, mask, shape) = (run.input("x")?, Mask::of(run)?, Shape::of(run, pre)?);
            let times = [run.int("layers")?, run.int("repeats").unwrap_or(1)];
            stack(run, x, times, (&mask, &shape), &names)?
        }
        _ => return Ok(false),
    };
    run.out("y", y);
    Ok(true)
}

fn decoder(run: &mut Run, shape: &Shape, names: &Names) -> Result<usize, String> {
    let (x, memory) = (run.input("x")?, run.input("memory")?);
    let offset = run.setting("causal_offset").as_i64().unwrap_or(0);
    let mask = Mask { causal: Some(offset), keys: run.maybe_mask("in/key_mask"), bias: None };
    let x = attention_layer(run, x, Looks::Itself, (&mask, shape), names, ["norm_1", "attn"])?;
    let causal = run.tape.has(Bug::CausalOnCross).then_some(0);
    let mask = Mask { keys: run.maybe_mask("in/memory_mask"), causal, bias: None };
    let x = attention_layer(run, x, Looks::At(memory), (&mask, shape), names, ["norm_2", "cross"])?;
    network_layer(run, x, shape, names, "norm_3")
}
