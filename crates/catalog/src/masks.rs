//! Masks of keys, as the regime of a case asks for.

use mmt_blocks::{AttentionKind, DeadRows, Mask, Tiles};
use mmt_golden::run::Run;
use mmt_tensor::Real;

/// Which keys of `B` samples are there, kept as `in/name`.
pub fn key_mask<R: Real>(run: &mut Run<R>, name: &str, b: usize, m: usize) -> Vec<bool> {
    let mut mask = run.flags(name, b * m, 0.6);
    for (s, keys) in mask.chunks_mut(m).enumerate() {
        let length = if s == 0 { 1 } else { run.length(name, s, m) };
        let at = |test: &dyn Fn(usize) -> bool| (0..m).map(test).collect::<Vec<_>>();
        let known = match () {
            () if run.is("padright") => Some(at(&|j| j < length)),
            () if run.is("padleft") => Some(at(&|j| j + length >= m)),
            () if run.is("padmid") => Some(at(&|j| j < length.div_ceil(2) || j + length / 2 >= m)),
            () if run.is("deadrow") && s == 0 => Some(vec![false; m]),
            () => None,
        };
        match known {
            Some(known) => keys.copy_from_slice(&known),
            None => keys[s % m] = true,
        }
    }
    run.known_mask(name, &[b, m], mask)
}

/// The mask of the settings `mask` and `causal_offset`; draws `in/key_mask` and `in/bias` if they say so. Returns the flags
/// of the keys as well.
pub fn mask<R: Real>(run: &mut Run<R>, b: usize, n: usize, m: usize) -> (Mask, Option<Vec<bool>>) {
    let causal = |run: &Run<R>| Mask::Causal {
        offset: run.setting("causal_offset").as_i64().expect("a whole number") as isize,
    };
    match run.word("mask") {
        "none" => (Mask::None, None),
        "causal" => (causal(run), None),
        "keys" => {
            let keys = key_mask(run, "key_mask", b, m);
            (Mask::Keys(keys.clone()), Some(keys))
        }
        "causal+keys" => {
            let keys = key_mask(run, "key_mask", b, m);
            (Mask::All(vec![causal(run), Mask::Keys(keys.clone())]), Some(keys))
        }
        "bias" => {
            let fill = mmt_golden::draw::Fill::normal(1.0);
            let bias = run.constant("in/bias", &[n, m], &fill).into_dimensionality().expect("two axes");
            (Mask::Bias(vec![bias; b]), None)
        }
        other => panic!("no mask `{other}`"),
    }
}

/// What the setting `dead_rows` says.
pub fn dead_rows<R: Real>(run: &Run<R>) -> DeadRows {
    if run.word("dead_rows") == "zero" { DeadRows::Zero } else { DeadRows::Refuse }
}

/// How attention is computed: in small tiles for the samples of programs that recompute its weights.
pub fn kind<R: Real>(run: &Run<R>) -> AttentionKind {
    if run.tiled { AttentionKind::Flash(Tiles { queries: 8, keys: 8 }) } else { AttentionKind::Plain }
}
