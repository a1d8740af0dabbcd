//! What tokens of a picture cost.

/// Which way a picture takes to its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VisualKind {
    /// eq-2.3-region-features with these widths, and eq-2.3-region-embedding of this many boxes.
    Region {
        /// Channels after each stage.
        widths: Vec<usize>,
        /// Regions of the picture.
        boxes: usize,
    },
    /// eq-5-grid-embed with these widths.
    Grid {
        /// Channels after each stage.
        widths: Vec<usize>,
    },
    /// eq-2.1-patch with patches of this size.
    Patch {
        /// Rows and columns of a patch.
        patch: usize,
    },
}

/// The tokens of one picture and what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisualCost {
    /// How many tokens.
    pub tokens: usize,
    /// Learned numbers.
    pub parameters: usize,
    /// Multiplications and additions of convolutions and linear maps, forward.
    pub flops: u128,
}

/// Tokens, parameters and operations of the three kinds of visual embedding, for one picture of `H x W` pixels with `C` channels
/// and tokens of width `d`.
///
/// **eq-5-visual-cost**
/// ```math
/// F_{patch} = 2 N\, P^2 C\, d, \qquad
/// F_{grid} = \sum_k F_k + 2 h_k w_k\, c_k d, \qquad
/// F_{region} = \sum_k F_k + 2 n (c_k + 5)\, d, \qquad
/// F_k = 2 h_k w_k \bigl( 9\, c_{k-1} c_k + 18\, c_k^2 \bigr)
/// ```
///
/// sizes `[H, W, C]` and the kind → a count
///
/// `N = HW / P²`; stage `k` halves rows and columns (rounded up) to `h_k x w_k` and gives `c_k` channels: a convolution of 3 x 3 with stride 2
/// and a residual block of two. Left out, as everywhere in these counts: biases, norms, activations, and of regions the bilinear
/// samples (`8 · 64 n c_k`). Parameters count everything that is learned.
///
/// Source: Kim, Son & Kim 2021, *ViLT*, section 2.2 and figure 1 (regions, grids, patches); the counting is that of eq-3-cost.
///
/// Patches that do not tile a picture are counted as far as they fit: it is [`patchify`](super::patch::patchify) that refuses them.
///
/// # Panics
/// For patches of no pixel.
pub fn visual_cost(kind: &VisualKind, [h, w, c]: [usize; 3], d: usize) -> VisualCost {
    match kind {
        VisualKind::Patch { patch } => {
            let (tokens, numbers) = ((h / patch) * (w / patch), patch * patch * c);
            VisualCost { tokens, parameters: (numbers + 1) * d, flops: 2 * product([tokens, numbers, d]) }
        }
        VisualKind::Grid { widths } => {
            let (network, [h, w, c]) = network(widths, [h, w, c]);
            let flops = network.flops + 2 * product([h * w, c, d]);
            VisualCost { tokens: h * w, parameters: network.parameters + (c + 1) * d, flops }
        }
        VisualKind::Region { widths, boxes } => {
            let (network, [.., c]) = network(widths, [h, w, c]);
            // Two linear maps with a bias each, and the two vectors of the norm.
            let parameters = network.parameters + (c + 1) * d + 6 * d + 2 * d;
            VisualCost { tokens: *boxes, parameters, flops: network.flops + 2 * product([*boxes, c + 5, d]) }
        }
    }
}

/// The stages alone, and rows, columns and channels of the map.
fn network(widths: &[usize], [mut h, mut w, mut c]: [usize; 3]) -> (VisualCost, [usize; 3]) {
    let mut cost = VisualCost { tokens: 0, parameters: 0, flops: 0 };
    for &out in widths {
        (h, w) = (h.div_ceil(2), w.div_ceil(2));
        cost.flops += 2 * product([h * w, 9 * c * out + 18 * out * out]);
        cost.parameters += 9 * c * out + out + 2 * (9 * out * out + out);
        c = out;
    }
    (cost, [h, w, c])
}

fn product<const N: usize>(sizes: [usize; N]) -> u128 {
    sizes.into_iter().fold(1, |product, size| product * size as u128)
}
