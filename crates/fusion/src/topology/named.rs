//! The named topologies as expressions.

/// A topology that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// `early-concat`
    pub name: &'static str,
    /// In the words of this algebra: `a` is the first modality, often images or audio, and `t` the second, often text.
    pub text: &'static str,
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
        text: "Tf(1, 12, Sum[(0.5, In a), (0.5, In t)])",
        systems: "sums of embeddings; tokens must belong together",
    },
    Named {
        name: "early-concat",
        text: "Tf(1, 12, Cat[In a, In t])",
        systems: "VideoBERT, VL-BERT, UNITER, ViLT",
    },
    Named {
        name: "hier-m2o",
        text: "Tf(3, 6, Cat[Tf(1, 6, In a), Tf(2, 6, In t)])",
        systems: "AVBERT with fusion in the middle",
    },
    Named {
        name: "hier-o2m",
        text: "Let u = Tf(1, 6, Cat[In a, In t]) in Tuple[Tf(2, 3, Seg(u, [a])), Tf(3, 3, Seg(u, [t]))]",
        systems: "InterBERT",
    },
    Named {
        name: "cross",
        text: "Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]",
        systems: "one co-attention layer",
    },
    Named {
        name: "cross-concat",
        text: "Tf(3, 6, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])",
        systems: "cross-attention to concatenation",
    },
    Named {
        name: "co-attention",
        text: "Tuple[Tf(3, 1, Ca(1, In a, In t)), Tf(4, 1, Ca(2, In t, In a))]",
        systems: "ViLBERT: a co-attention layer, and a layer of self-attention in each stream",
    },
    Named {
        name: "others",
        text: "Tuple[Ca(1, In v, Cat[In p, In a]), Ca(2, In p, Cat[In v, In a]), Ca(3, In a, Cat[In v, In p])]",
        systems: "TriBERT as the survey describes it: three modalities, each over the other two",
    },
    Named {
        name: "bottleneck",
        text: "Let f = Learn(f, 4) in \
               Let a1 = Tf(a1, 1, Cat[Tf(a0, 2, In a), f]) in Let t1 = Tf(t1, 1, Cat[Tf(t0, 2, In t), f]) in \
               Let f1 = Mean[Seg(a1, [_]), Seg(t1, [_])] in \
               Let a2 = Tf(a2, 1, Cat[Seg(a1, [a]), f1]) in Let t2 = Tf(t2, 1, Cat[Seg(t1, [t]), f1]) in \
               Tuple[Seg(a2, [a]), Seg(t2, [t])]",
        systems: "MBT with four layers, the last two of them fused",
    },
    Named {
        name: "irene",
        text: "Let u = Bi(1, In a, In t) in Let w = Bi(2, Out(u, 0), Out(u, 1)) in \
               Tf(3, 10, Cat[Out(w, 0), Out(w, 1)])",
        systems: "IRENE",
    },
    Named {
        name: "combination",
        text: "Let x = Sum[(1, In a), (1, Lin(0, In b))] in Tf(5, 6, Cat[Ca(3, x, In t), Ca(4, In t, x)])",
        systems: "the note's example: a sum, cross-attention, then concatenation",
    },
    Named { name: "independent", text: "Tuple[Tf(1, 12, In a), Tf(2, 12, In t)]", systems: "CLIP, VATT" },
];

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
            ("ViLBERT", "co-attention"),
            ("TriBERT", "others"),
            ("MBT", "bottleneck"),
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
