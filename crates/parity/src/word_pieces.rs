//! The record of a tokenizer: texts and pairs of texts with the pieces and ids that another library gives.
//!
//! Such a record has no arrays. Its texts and ids stand among its settings, and the vocabulary is that of the uncased English
//! BERT, which is the same file for every model that was trained with it.

use mmt_golden::file::{Data, Malformed, Stored, Tensors};
use mmt_tensor::Real;
use mmt_tokenizers::text::{Reading, Vocabulary, WordPiece};
use ndarray::{Array1, ArrayD};
use serde_json::Value;

use super::Answer;
use super::case::{Found, Record};
use super::ops::unsupported;

/// 30,522 pieces; where they are from says `tests/word_piece/README.md`.
const VOCABULARY: &str = include_str!("../../../tests/word_piece/vocab.txt");

/// What the other library cuts sequences to.
const LONGEST: usize = 128;

/// Whether a record is one of texts.
pub fn is_one(system: &str, config: &Value) -> bool {
    system == "WordPiece" && config.get("cases").is_some()
}

/// The results that stand among the settings, as arrays: `out/text.0.tokens`, `out/text.0.ids`, `out/pair.0.ids`,
/// `out/pair.0.segments`. The tokens are written as their places in the vocabulary.
pub fn results(name: &str, config: &Value) -> Result<Tensors, Malformed> {
    let vocabulary = Vocabulary::parse(VOCABULARY.as_bytes()).expect("a vocabulary, as the tests know");
    let mut found = Tensors::new();
    for (i, case) in list(config, "cases").iter().enumerate() {
        let tokens =
            list(case, "tokens").iter().map(|token| vocabulary.id(token.as_str().unwrap_or("")).ok());
        let ids = list(case, "ids_with_special").iter().map(number);
        let results = [("tokens", tokens.collect::<Option<Vec<_>>>()), ("ids", ids.collect())];
        put(&mut found, name, &format!("text.{i}"), results)?;
    }
    for (i, case) in list(config, "pair_cases").iter().enumerate() {
        let numbers = |key| list(case, key).iter().map(number).collect::<Option<Vec<_>>>();
        let results = [("ids", numbers("ids")), ("segments", numbers("token_type_ids"))];
        put(&mut found, name, &format!("pair.{i}"), results)?;
    }
    Ok(found)
}

fn put<const N: usize>(
    found: &mut Tensors,
    record: &str,
    case: &str,
    results: [(&str, Option<Vec<usize>>); N],
) -> Result<(), Malformed> {
    for (what, numbers) in results {
        let wrong = || format!("record `{record}`: the {what} of `{case}` are not those of a vocabulary");
        let numbers = numbers.ok_or_else(|| Malformed { offset: 0, why: wrong() })?;
        let data = Data::I64(numbers.into_iter().map(|id| id as i64).collect::<Array1<_>>().into_dyn());
        found.insert(format!("out/{case}.{what}"), Stored { data, offset: 0 });
    }
    Ok(())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

/// `real_minilm`: the record `tokenizer`. The others need the weights of the model, 90 megabytes.
pub fn tokenizer<R: Real>(record: &Record) -> Found<Answer<R>> {
    if !is_one(&record.system, &record.config) {
        return unsupported("needs the weights of the model, which are in no case");
    }
    let words = WordPiece::new(Vocabulary::parse(VOCABULARY.as_bytes())?, Reading::UNCASED)?;
    let special = words.special();
    let mut answer = Answer::new();
    for (i, case) in list(&record.config, "cases").iter().enumerate() {
        let tokens: Vec<usize> = words.pieces(text(record, case, "text")?).iter().map(|p| p.id).collect();
        let ids = [&[special.cls], &tokens[..], &[special.sep]].concat();
        answer = answer.with(&format!("out/text.{i}.tokens"), &whole::<R>(&tokens));
        answer = answer.with(&format!("out/text.{i}.ids"), &whole::<R>(&ids));
    }
    for (i, case) in list(&record.config, "pair_cases").iter().enumerate() {
        let (a, b) = (text(record, case, "a")?, text(record, case, "b")?);
        let input = words.encode(a, Some(b), LONGEST)?.input;
        answer = answer.with(&format!("out/pair.{i}.ids"), &whole::<R>(&input.ids));
        answer = answer.with(&format!("out/pair.{i}.segments"), &whole::<R>(&input.segments));
    }
    Ok(answer)
}

fn text<'a>(record: &Record, case: &'a Value, key: &str) -> Found<&'a str> {
    case.get(key).and_then(Value::as_str).ok_or_else(|| record.invalid(0, format!("a case without `{key}`")))
}

fn whole<R: Real>(ids: &[usize]) -> ArrayD<R> {
    ids.iter().map(|&id| R::of(id as f64)).collect::<Array1<R>>().into_dyn()
}
