//! Section 1.4 of the note: BERT.

use crate::{checks, equations};

equations! { "1.4",
    bert_input = "eq-1.28-bert-input": mmt_tokenizers::text::TextInput => checks::bert_input;
    bert_embedding = "eq-1.28-bert-embedding": mmt_tokenizers::text::TextEmbedding => checks::bert_embedding;
    masking = "eq-1.29-mlm-corruption": mmt_objectives::sample_masking => checks::masking;
    independent_masking = "eq-1.29-mlm-corruption-iid": mmt_objectives::sample_independent_masking
        => checks::independent_masking;
    tied_decoder = "eq-1.30-mlm-head": mmt_blocks::TiedDecoder => checks::tied_decoder;
    masked_tokens = "eq-1.30-mlm-loss": mmt_objectives::masked_tokens => checks::masked_tokens;
    pooler = "eq-1.31-pooler": mmt_blocks::Pooler => checks::pooler;
    next_sentence = "eq-1.31-next-sentence": mmt_objectives::NextSentence => checks::next_sentence;
    sentence_pairs = "eq-1.31-sentence-pairs": mmt_objectives::sample_sentence_pairs => checks::sentence_pairs;
}
