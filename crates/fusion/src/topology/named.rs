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
        name: "others",
        text: "Tuple[Ca(1, In v, Cat[In p, In a]), Ca(2, In p, Cat[In v, In a]), Ca(3, In a, Cat[In v, In p])]",
        systems: "three modalities, each over the other two",
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
