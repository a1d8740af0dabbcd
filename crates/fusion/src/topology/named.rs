//! The named topologies as expressions.

/// A topology that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// `early-concat`
    pub name: &'static str,
    /// In the words of this algebra: `a` is the first modality, often images or audio, and `t` the second, often text.
    pub text: fn() -> String,
    /// Who uses it.
    pub systems: &'static str,
}

impl Named {
    /// The topology of a name, or of a system that uses it: `early-concat`, `ViLT`.
    pub fn find(word: &str) -> Option<&'static Named> {
        let by_name = NAMED.iter().find(|named| named.name == word);
        by_name.or_else(|| NAMED.iter().find(|named| named.used_by().any(|s| s.eq_ignore_ascii_case(word))))
    }

    /// The systems that use it, by name: the first words of [`systems`](Self::systems) that have a capital letter.
    pub fn used_by(&self) -> impl Iterator<Item = &'static str> {
        let first = |part: &'static str| part.trim_start().split([' ', ':']).next().unwrap_or("");
        self.systems.split(',').map(first).filter(|word| word.contains(|c: char| c.is_ascii_uppercase()))
    }
}

/// In the order of the note, then the systems that combine them.
pub const NAMED: &[Named] = &[
    Named {
        name: "early-sum",
        text: || "Tf(1, 12, Sum[(0.5, In a), (0.5, In t)])".to_string(),
        systems: "sums of embeddings; tokens must belong together",
    },
    Named {
        name: "early-concat",
        text: || "Tf(1, 12, Cat[In a, In t])".to_string(),
        systems: "VideoBERT, VL-BERT, UNITER, ViLT",
    },
    Named {
        name: "hier-m2o",
        text: || "Tf(3, 6, Cat[Tf(1, 6, In a), Tf(2, 6, In t)])".to_string(),
        systems: "AVBERT with fusion in the middle",
    },
    Named {
        name: "hier-o2m",
        text: || {
            "Let u = Tf(1, 6, Cat[In a, In t]) in Tuple[Tf(2, 3, Seg(u, [a])), Tf(3, 3, Seg(u, [t]))]"
                .to_string()
        },
        systems: "InterBERT",
    },
    Named {
        name: "cross",
        text: || "Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]".to_string(),
        systems: "one co-attention layer",
    },
    Named {
        name: "cross-concat",
        text: || "Tf(3, 6, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])".to_string(),
        systems: "cross-attention to concatenation",
    },
    Named {
        name: "co-attention",
        text: || "Tuple[Tf(3, 1, Ca(1, In a, In t)), Tf(4, 1, Ca(2, In t, In a))]".to_string(),
        systems: "a co-attention layer, and a layer of self-attention in each stream",
    },
    Named {
        name: "vilbert",
        text: || two_streams(6, 0, 6),
        systems: "ViLBERT: six layers of text, then six of co-attention with self-attention",
    },
    Named {
        name: "lxmert",
        text: || two_streams(9, 5, 5),
        systems: "LXMERT: nine layers of text, five of pictures, then five that cross",
    },
    Named {
        name: "others",
        text: || {
            "Tuple[Ca(1, In v, Cat[In p, In a]), Ca(2, In p, Cat[In v, In a]), Ca(3, In a, Cat[In v, In p])]"
                .to_string()
        },
        systems: "TriBERT as the survey describes it: three modalities, each over the other two",
    },
    Named {
        name: "bottleneck",
        text: || bottleneck(2, 2, 4),
        systems: "four layers, the last two of them fused by four tokens",
    },
    Named {
        name: "mbt",
        text: || bottleneck(8, 4, 4),
        systems: "MBT: twelve layers, the last four of them fused by four tokens",
    },
    Named {
        name: "irene",
        text: || {
            "Let u = Bi(1, In a, In t) in Let w = Bi(2, Out(u, 0), Out(u, 1)) in \
               Tf(3, 10, Cat[Out(w, 0), Out(w, 1)])"
                .to_string()
        },
        systems: "IRENE",
    },
    Named {
        name: "combination",
        text: || {
            "Let x = Sum[(1, In a), (1, Lin(0, In b))] in Tf(5, 6, Cat[Ca(3, x, In t), Ca(4, In t, x)])"
                .to_string()
        },
        systems: "the note's example: a sum, cross-attention, then concatenation",
    },
    Named {
        name: "independent",
        text: || "Tuple[Tf(1, 12, In a), Tf(2, 12, In t)]".to_string(),
        systems: "CLIP, VATT",
    },
];

/// Stacks of each modality alone, then layers of co-attention with self-attention in two streams (ViLBERT, LXMERT).
pub fn two_streams(text: usize, picture: usize, layers: usize) -> String {
    let alone = |m: &str, n: usize| if n == 0 { format!("In {m}") } else { format!("Tf({m}, {n}, In {m})") };
    let mut expression = format!("Let a0 = {} in Let t0 = {} in ", alone("a", picture), alone("t", text));
    for l in 1..=layers {
        let k = l - 1;
        expression += &format!("Let a{l} = Tf(as{l}, 1, Ca(ac{l}, a{k}, t{k})) in ");
        expression += &format!("Let t{l} = Tf(ts{l}, 1, Ca(tc{l}, t{k}, a{k})) in ");
    }
    expression + &format!("Tuple[a{layers}, t{layers}]")
}

/// Layers of each modality alone, then layers that are fused by learned tokens (MBT).
pub fn bottleneck(alone: usize, fused: usize, tokens: usize) -> String {
    let mut text = format!(
        "Let f0 = Learn(f, {tokens}) in Let a0 = Tf(a, {alone}, In a) in Let t0 = Tf(t, {alone}, In t) in "
    );
    for l in 1..=fused {
        let k = l - 1;
        let own = |m: &str| if k == 0 { format!("{m}0") } else { format!("Seg({m}{k}, [{m}])") };
        for m in ["a", "t"] {
            text += &format!("Let {m}{l} = Tf({m}f{l}, 1, Cat[{}, f{k}]) in ", own(m));
        }
        // The tokens of the last layer are read by nobody.
        if l < fused {
            text += &format!("Let f{l} = Mean[Seg(a{l}, [_]), Seg(t{l}, [_])] in ");
        }
    }
    text + &format!("Tuple[Seg(a{fused}, [a]), Seg(t{fused}, [t])]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_found_by_its_name() {
        let name = |word: &str| Named::find(word).map(|named| named.name);
        for named in NAMED {
            assert_eq!(name(named.name), Some(named.name));
        }
        let systems = [
            ("VideoBERT", "early-concat"),
            ("vilt", "early-concat"),
            ("InterBERT", "hier-o2m"),
            ("AVBERT", "hier-m2o"),
            ("ViLBERT", "vilbert"),
            ("LXMERT", "lxmert"),
            ("TriBERT", "others"),
            ("MBT", "mbt"),
            ("IRENE", "irene"),
            ("CLIP", "independent"),
            ("VATT", "independent"),
        ];
        for (system, topology) in systems {
            assert_eq!(name(system), Some(topology), "{system}");
        }
        assert_eq!([name("sums"), name("one"), name("the"), name("")], [None; 4]);
    }
}
