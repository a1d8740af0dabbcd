//! Errata of section 2.5 of the note: sums of embeddings.

use mmt_tensor::ops::layer_norm;
use mmt_tensor::testing::shake;
use mmt_tensor::{Error, Random, Result};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::image::ImageBox;
use mmt_tokenizers::vl_bert::{
    BoxNumbers, EndFeature, VlBertConfig, VlBertEmbedding, VlBertInput, box_waves,
};
use ndarray::{Array1, Array2};

use super::{Erratum, Outcome, judge};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C21",
        section: "2.5",
        claim: "of the four embeddings of VL-BERT, those of token, segment and position are listed; segment C is text below the \
                image",
        correction: "the fourth is the visual feature: without it all regions of an image are one token, since they share word, \
                     segment and position. Segment C is the image itself, with `[END]`",
        source: "Su et al. 2020, VL-BERT, section 3.2 and figure 1",
        equation: "eq-2.15-vl-bert-embedding",
        as_written: three_tell_regions_apart,
        as_corrected: looks_tell_regions_apart,
    },
    Erratum {
        id: "ERR-C22",
        section: "2.5",
        claim: "embeddings of a token are fused by adding them",
        correction: "a layer norm follows the sum, and dropout in training; all summands must have the width of the model",
        source: "Devlin et al. 2019 and Su et al. 2020, released code",
        equation: "eq-2.15-embedding-sum",
        as_written: a_token_is_the_sum,
        as_corrected: a_token_is_the_norm_of_the_sum,
    },
    Erratum {
        id: "ERR-C24",
        section: "2.5",
        claim: "in VL-BERT all tokens of the image segment have the same sequence position",
        correction: "all regions have: the number of tokens of text. `[END]`, which belongs to the same segment, has the next one",
        source: "Su et al. 2020, VL-BERT, released code, common/visual_linguistic_bert.py",
        equation: "eq-2.15-vl-bert-input",
        as_written: one_position,
        as_corrected: one_position_and_the_end,
    },
];

/// Five tokens of text and three regions, as the specification counts them.
fn sample() -> VlBertInput {
    VlBertInput { ids: vec![0, 3, 1, 4, 1], segments: vec![0, 0, 0, 1, 1], regions: 3 }
}

/// How far apart the tokens of two regions of an image are: from words, segments and positions, and from looks as well.
fn apart() -> Result<[f64; 2]> {
    let random = &mut Random::seed(1);
    let config = VlBertConfig {
        words: 5,
        longest: 8,
        appearance: 4,
        waves: 2,
        width: 6,
        eps: 1e-12,
        end: EndFeature::None,
    };
    let whole = shake(&VlBertEmbedding::<f64>::new(&config, random), 2);
    let mut three = whole.clone();
    three.embed.norm_region.gamma.fill(0.0);
    three.embed.norm_region.beta.fill(0.0);
    let corners = [[0.0, 0.0, 100.0, 80.0], [10.0, 20.0, 50.0, 60.0], [60.0, 10.0, 90.0, 70.0]];
    let boxes = corners.map(|corners| ImageBox { image: 0, corners });
    let g = box_waves(&boxes, &[[100.0, 80.0]], BoxNumbers::CenterSize, 2)?;
    let v: Array2<f64> = random.uniform((3, 4), 1.0);
    let distance = |model: &VlBertEmbedding<f64>| -> Result<f64> {
        let x = model.forward(&v, &g, &[sample()])?.0;
        let (a, b) = (x.row(6).to_owned(), x.row(7).to_owned());
        Ok((a - b).iter().fold(0.0, |m, x| m.max(x.abs())))
    };
    Ok([distance(&three)?, distance(&whole)?])
}

/// How many tokens of text, and how many of the image, are in segment C.
fn in_segment_c() -> [usize; 2] {
    let (input, is_c) = (sample(), |segment: &&usize| **segment == VlBertInput::IMAGE);
    let segments = input.all_segments();
    let (text, image) = segments.split_at(input.ids.len());
    [text.iter().filter(is_c).count(), image.iter().filter(is_c).count()]
}

fn three_tell_regions_apart() -> Outcome {
    let [three, _] = apart().map_err(|e| e.to_string())?;
    judge(
        three > 1e-3,
        format!("with three embeddings, the tokens of two regions with other looks are {three} apart"),
    )
}

fn looks_tell_regions_apart() -> Outcome {
    let [three, four] = apart().map_err(|e| e.to_string())?;
    let [text, image] = in_segment_c();
    judge(
        three == 0.0 && four > 1e-3 && [text, image] == [0, 4],
        format!(
            "tokens of two regions are {three} apart with three embeddings and {four:.2} with four; segment C has {text} \
             tokens of text, 3 regions and `[END]`"
        ),
    )
}

/// How far a token is from the sum of its embeddings, and from the norm of that sum.
fn sums() -> Result<[f64; 2]> {
    let random = &mut Random::seed(1);
    let e: Vec<Array2<f64>> = (0..3).map(|_| random.uniform((5, 4), 1.0)).collect();
    let x = EmbeddingSum::new(4, 1e-12).forward(&[&e[0], &e[1], &e[2]])?.0;
    let sum: Array2<f64> = &e[0] + &e[1] + &e[2];
    let (normed, _) = layer_norm(&sum, &Array1::ones(4), &Array1::zeros(4), 1e-12)?;
    let far = |a: &Array2<f64>| a.iter().zip(&x).fold(0.0, |m: f64, (a, x)| m.max((a - x).abs()));
    Ok([far(&sum), far(&normed)])
}

fn a_token_is_the_sum() -> Outcome {
    let [sum, _] = sums().map_err(|e| e.to_string())?;
    judge(sum < 1e-12, format!("the numbers of a token are up to {sum:.2} from the sum of its embeddings"))
}

fn a_token_is_the_norm_of_the_sum() -> Outcome {
    let [sum, normed] = sums().map_err(|e| e.to_string())?;
    let narrow =
        EmbeddingSum::<f64>::new(4, 1e-12).forward(&[&Array2::zeros((5, 4)), &Array2::zeros((5, 3))]);
    let refused = matches!(narrow, Err(Error::ShapeMismatch { .. }));
    let widths = if refused { "refused" } else { "added" };
    judge(
        sum > 0.1 && normed < 1e-12 && refused,
        format!(
            "tokens are {sum:.2} from the sum and {normed:.0e} from its norm; widths of 4 and 3 are {widths}"
        ),
    )
}

/// The positions of the tokens of segment C.
fn positions_of_c() -> Vec<usize> {
    let input = sample();
    let of_c = input.positions().into_iter().zip(input.all_segments());
    of_c.filter(|(_, segment)| *segment == VlBertInput::IMAGE).map(|(position, _)| position).collect()
}

fn one_position() -> Outcome {
    let positions = positions_of_c();
    let same = positions.windows(2).all(|pair| pair[0] == pair[1]);
    judge(
        same,
        format!("after five tokens of text, three regions and `[END]` have the positions {positions:?}"),
    )
}

fn one_position_and_the_end() -> Outcome {
    let positions = positions_of_c();
    judge(
        positions == [5, 5, 5, 6],
        format!("three regions after five tokens of text have position 5, and `[END]` has {}", positions[3]),
    )
}
