//! Text, regions and an end as one sequence.

use mmt_tensor::{Error, Ragged, Result};

use crate::text::TextInput;

/// The sequence of one sample, as VL-BERT reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VlBertInput {
    /// `t_i`, what each token of the text is.
    pub ids: Vec<usize>,
    /// Which text it belongs to: 0 (A) or 1 (B).
    pub segments: Vec<usize>,
    /// How many regions follow; the first of them is the whole image.
    pub regions: usize,
}

impl VlBertInput {
    /// The segment of the image, and of `[END]`: C.
    pub const IMAGE: usize = 2;

    /// One or two texts, the regions of an image, and a mark that ends them.
    ///
    /// **eq-2.15-vl-bert-input**
    /// ```math
    /// \underbrace{\mathtt{[CLS]},\, a_1, \dots,\, \mathtt{[SEP]}}_{T},\;
    /// \underbrace{\mathtt{[IMG]}, \dots, \mathtt{[IMG]}}_{K},\; \mathtt{[END]}, \qquad
    /// p = (0, \dots, T-1,\; T, \dots, T,\; T+1), \qquad
    /// s = (s_0, \dots, s_{T-1},\; \mathrm C, \dots, \mathrm C,\; \mathrm C)
    /// ```
    ///
    /// `text`: `T` tokens in segments A and B; `K` regions, the first of which is the whole image
    ///
    /// All regions share one position, since there is no order among them; `[END]` takes the next one. Text and regions
    /// follow each other without gaps: padding of the text is left out.
    ///
    /// Source: Su et al. 2020, *VL-BERT*, section 3.2 and figure 1; released code,
    /// `common/visual_linguistic_bert.py`, `obj_pos_id_relative`.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for a text without tokens and for no region.
    pub fn new(text: &TextInput, regions: usize) -> Result<Self> {
        let kept = |list: &[usize]| -> Vec<usize> {
            list.iter().zip(&text.keep).filter(|(_, keep)| **keep).map(|(&x, _)| x).collect()
        };
        let input = VlBertInput { ids: kept(&text.ids), segments: kept(&text.segments), regions };
        if input.ids.is_empty() {
            return Err(Error::EmptyInput { at: "vl_bert_input: text" });
        }
        if regions == 0 {
            return Err(Error::EmptyInput { at: "vl_bert_input: regions" });
        }
        Ok(input)
    }

    /// Tokens of text, regions and `[END]`.
    pub fn tokens(&self) -> usize {
        self.ids.len() + self.regions + 1
    }

    /// The position of every token.
    pub fn positions(&self) -> Vec<usize> {
        let text = self.ids.len();
        (0..text).chain(std::iter::repeat_n(text, self.regions)).chain([text + 1]).collect()
    }

    /// The segment of every token.
    pub fn all_segments(&self) -> Vec<usize> {
        let image = std::iter::repeat_n(Self::IMAGE, self.regions + 1);
        self.segments.iter().copied().chain(image).collect()
    }

    /// Where each of several sequences begins in the tall matrix of their tokens.
    pub fn rows(inputs: &[VlBertInput]) -> Ragged {
        Ragged::of_lengths(inputs.iter().map(VlBertInput::tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(keep: bool, regions: usize) -> String {
        let text = TextInput { ids: vec![1, 2], segments: vec![0, 0], keep: vec![keep; 2] };
        VlBertInput::new(&text, regions).unwrap_err().to_string()
    }

    #[test]
    fn no_text_and_no_region_are_refused() {
        assert_eq!(text(false, 1), "vl_bert_input: text: empty");
        assert_eq!(text(true, 0), "vl_bert_input: regions: empty");
    }

    #[test]
    fn padding_is_left_out() {
        let text =
            TextInput { ids: vec![1, 7, 2, 0], segments: vec![0; 4], keep: vec![true, true, true, false] };
        assert_eq!(VlBertInput::new(&text, 2).unwrap().positions(), [0, 1, 2, 3, 3, 4]);
    }
}
