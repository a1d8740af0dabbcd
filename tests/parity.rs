//! mmt against numbers that other libraries computed: the cases in `tests/parity/`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use mmt_golden::file::{self, Data};
use mmt_parity::{Outcome, Precision, Verdict, run, select};
use mmt_tests::{assert_file, root};

/// Records of functions that no page of mmt states. Everything else passes.
const UNSUPPORTED: &[&str] = &[
    "op_activation_s/silu",
    "op_activation_s/elu",
    "op_activation_s/leaky_relu_0p01",
    "op_activation_s/squared_relu",
    "op_linear_embedding_s/embedding_bag_sum",
    "op_linear_embedding_s/embedding_bag_mean",
    "op_linear_embedding_s/embedding_bag_max",
    "op_linear_embedding_s/bilinear",
    "op_losses_s/ce_weighted",
    "op_losses_s/cosine_embedding",
    "op_losses_s/triplet_margin",
    "op_losses_s/nll",
    "op_norm_s/group_norm",
    "op_norm_s/rms_norm",
    "op_position_s/sincos_2d",
    "optim_s/adamw_amsgrad",
];

/// Records of whole models of which mmt computes the first tensors, up to the tokens that the first layer reads.
const PARTIAL: &[&str] = &[
    "ext_vlbert_pretraining_s/main",
    "hf_ast_s/main",
    "hf_videomae_s/main",
    "hf_vit_classification_s/main",
    "hf_vit_mae_s/main",
    "hf_vit_mim_s/main",
    "hf_vivit_s/main",
];

/// Records in all cases together.
const RECORDS: usize = 199;

fn fixtures() -> PathBuf {
    root().join("tests/parity")
}

fn outcomes(precision: Precision) -> Vec<Outcome> {
    let names = select(&fixtures(), "*").unwrap();
    run(&fixtures(), &names, precision).into_iter().flat_map(Result::unwrap).collect()
}

fn every_record_passes_or_is_listed(precision: Precision) {
    let outcomes = outcomes(precision);
    let (mut unsupported, mut partial) = (Vec::new(), Vec::new());
    for Outcome { case, record, verdict } in &outcomes {
        match verdict {
            Verdict::Pass(_) => {}
            Verdict::Unsupported(_) => unsupported.push(format!("{case}/{record}")),
            Verdict::Partial(..) => partial.push(format!("{case}/{record}")),
            other => panic!("{case}/{record} at {}: {other:?}", precision.name()),
        }
    }
    assert_eq!(unsupported, UNSUPPORTED);
    assert_eq!(partial, PARTIAL);
    assert_eq!(outcomes.len(), RECORDS);
}

#[test]
fn every_record_passes_or_is_listed_in_double_precision() {
    every_record_passes_or_is_listed(Precision::F64);
}

#[test]
fn every_record_passes_or_is_listed_in_single_precision() {
    every_record_passes_or_is_listed(Precision::F32);
}

#[test]
fn the_page_of_parity_is_up_to_date() {
    let mut cases: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for outcome in outcomes(Precision::F64) {
        cases.entry(outcome.case.clone()).or_default().push(outcome);
    }
    let mut page = String::from(
        "# Parity with other libraries\n\nWritten by `just equations`.\n\n\
         The folder `tests/parity` holds inputs, outputs, intermediates and gradients that PyTorch, torchvision and Hugging Face \
         transformers computed. `mmt parity tests/parity` runs the functions of mmt on the inputs, forward and backward, \
         and compares; the tests do the same in both precisions. Formats, origin and tolerances: \
         [tests/parity/README.md](../tests/parity/README.md).\n\n| case | pass | partial | unsupported |\n|---|---|---|---|\n",
    );
    for (case, outcomes) in &cases {
        let count = |name: &str| outcomes.iter().filter(|o| o.verdict.name() == name).count();
        let [passed, partial, unsupported] = ["pass", "partial", "unsupported"].map(count);
        writeln!(page, "| `{case}` | {passed} | {partial} | {unsupported} |").unwrap();
    }
    page += "\n## Partial\n\nRecords of whole models of which mmt computes the first tensors.\n\n\
             | case | record | compared |\n|---|---|---|\n";
    for Outcome { case, record, verdict } in cases.values().flatten() {
        if let Verdict::Partial(worst, missing) = verdict {
            writeln!(
                page,
                "| `{case}` | `{record}` | all but {}; the worst is `{}` |",
                missing.len(),
                worst.key
            )
            .unwrap();
        }
    }
    page += "\n## Unsupported\n\nRecords of functions that no page of mmt states.\n\n| case | record | why |\n|---|---|---|\n";
    for Outcome { case, record, verdict } in cases.values().flatten() {
        if let Verdict::Unsupported(why) = verdict {
            writeln!(page, "| `{case}` | `{record}` | {why} |").unwrap();
        }
    }
    page += "\n## Passing\n\n";
    for (case, outcomes) in &cases {
        let passed = outcomes.iter().filter(|o| matches!(o.verdict, Verdict::Pass(_)));
        let names: Vec<String> = passed.map(|o| format!("`{}`", o.record)).collect();
        writeln!(page, "* `{case}`: {}", names.join(", ")).unwrap();
    }
    assert_file(&root().join("docs/parity.md"), &page);
}

/// A folder with a copy of a case, changed.
struct Changed(PathBuf);

impl Changed {
    fn new(name: &str, case: &str, change: impl FnOnce(&Path)) -> Self {
        let folder = env::temp_dir().join(format!("mmt-parity-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for extension in ["json", "safetensors"] {
            let file = format!("{case}.{extension}");
            fs::copy(fixtures().join(&file), folder.join(&file)).unwrap();
        }
        change(&folder);
        Changed(folder)
    }

    fn run(&self) -> Result<Vec<Outcome>, String> {
        let names = select(&self.0, "*").map_err(|e| e.to_string())?;
        let results = run(&self.0, &names, Precision::F64).remove(0);
        results.map_err(|e| e.to_string().replace(&*self.0.to_string_lossy(), "dir"))
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Changes the arrays of a file.
fn rewrite(path: &Path, change: impl FnOnce(&mut BTreeMap<String, Data>)) {
    let mut arrays = file::read(path).unwrap().into_iter().map(|(name, a)| (name, a.data)).collect();
    change(&mut arrays);
    file::write(path, &arrays).unwrap();
}

#[test]
fn a_number_that_is_off_is_found_with_its_place() {
    let changed = Changed::new("off", "op_softmax_s", |folder| {
        rewrite(&folder.join("op_softmax_s.safetensors"), |arrays| {
            let Some(Data::F64(y)) = arrays.get_mut("softmax_dim1/out/y") else { panic!("a result") };
            y[[2, 4, 6]] += 1e-9;
        });
    });
    let outcomes = changed.run().unwrap();
    let failed: Vec<_> = outcomes.iter().filter(|o| o.verdict.name() == "fail").collect();
    let [Outcome { record, verdict: Verdict::Fail(worst), .. }] = failed[..] else { panic!("{failed:?}") };
    assert_eq!(
        (record.as_str(), worst.key.as_str(), &worst.index[..]),
        ("softmax_dim1", "out/y", &[2, 4, 6][..])
    );
    assert!(worst.units > 500.0 && worst.units < 2000.0, "{}", worst.units);
}

/// A case of texts, with one word of its page exchanged.
fn with_a_change(name: &str, from: &'static str, to: &'static str) -> Result<Vec<Outcome>, String> {
    let changed = Changed::new(name, "real_minilm_s", |folder| {
        let path = folder.join("real_minilm_s.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    });
    changed.run()
}

#[test]
fn an_id_of_a_piece_that_is_off_is_found_with_its_place() {
    let outcomes = with_a_change("ids", "7592", "7593").unwrap();
    let [Outcome { verdict: Verdict::Fail(worst), .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((worst.key.as_str(), &worst.index[..]), ("out/text.0.ids", &[1][..]));
    assert_eq!((worst.got, worst.want, worst.units), (7592.0, 7593.0, f64::INFINITY));
}

#[test]
fn a_piece_that_is_another_or_none_is_found() {
    let outcomes = with_a_change("piece", "\"hello\"", "\"world\"").unwrap();
    let [Outcome { verdict: Verdict::Fail(worst), .. }] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((worst.key.as_str(), &worst.index[..]), ("out/text.0.tokens", &[0][..]));
    let none = with_a_change("none", "\"hello\"", "\"hello there\"").unwrap_err();
    let text = "record `tokenizer`: the tokens of `text.0` are not those of a vocabulary";
    assert_eq!(none, format!("dir/real_minilm_s.safetensors: byte 0: {text}"));
}

#[test]
fn a_truncated_case_is_refused() {
    let size = fs::metadata(fixtures().join("op_softmax_s.safetensors")).unwrap().len() as usize;
    let changed = Changed::new("cut", "op_softmax_s", |folder| {
        let path = folder.join("op_softmax_s.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..size - 1]).unwrap();
    });
    let end = size - 1;
    let text = format!(
        "dir/op_softmax_s.safetensors: byte {end}: the arrays of the header do not end where the file ends"
    );
    assert_eq!(changed.run().unwrap_err(), text);
}

#[test]
fn a_page_that_is_cut_off_is_refused() {
    let changed = Changed::new("page", "op_softmax_s", |folder| {
        let path = folder.join("op_softmax_s.json");
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..1000]).unwrap();
    });
    let error = changed.run().unwrap_err();
    assert!(error.starts_with("dir/op_softmax_s.json: byte 999: JSON: EOF while parsing"), "{error}");
}

#[test]
fn a_page_that_says_another_shape_or_type_is_refused() {
    let path = fixtures().join("op_softmax_s.safetensors");
    let stored = file::read(&path).unwrap();
    let mask = stored["softmax_masked_neg_inf/in/mask"].offset;
    for (from, to, says) in [("9", "8", "bool [4, 8]"), ("\"bool\"", "\"int64\"", "int64 [4, 9]")] {
        let changed = Changed::new("mislabeled", "op_softmax_s", |folder| {
            let path = folder.join("op_softmax_s.json");
            let text = fs::read_to_string(&path).unwrap();
            let (before, after) = text.split_once("\"mask\": [").unwrap();
            fs::write(&path, format!("{before}\"mask\": [{}", after.replacen(from, to, 1))).unwrap();
        });
        let text = format!(
            "dir/op_softmax_s.safetensors: byte {mask}: `softmax_masked_neg_inf/in/mask` is bool [4, 9], the page says {says}"
        );
        assert_eq!(changed.run().unwrap_err(), text);
    }
}

#[test]
fn an_array_that_is_missing_or_not_listed_is_refused() {
    let changed = Changed::new("missing", "op_softmax_s", |folder| {
        rewrite(&folder.join("op_softmax_s.safetensors"), |arrays| {
            arrays.remove("softmax_dim1/cot/y").unwrap();
        });
    });
    let text = "dir/op_softmax_s.safetensors: byte 0: the page lists `softmax_dim1/cot/y`, the file has none";
    assert_eq!(changed.run().unwrap_err(), text);

    let changed = Changed::new("extra", "op_softmax_s", |folder| {
        rewrite(&folder.join("op_softmax_s.safetensors"), |arrays| {
            let y = arrays["softmax_dim1/cot/y"].clone();
            arrays.insert("zz/cot/y".to_string(), y);
        });
    });
    assert!(changed.run().unwrap_err().ends_with("the page does not list `zz/cot/y`"));
}

#[test]
fn a_nan_in_a_case_is_refused_at_its_byte() {
    let mut offset = 0;
    let changed = Changed::new("nan", "op_softmax_s", |folder| {
        let path = folder.join("op_softmax_s.safetensors");
        rewrite(&path, |arrays| {
            let Some(Data::F32(x)) = arrays.get_mut("softmax_dim1/in/x") else { panic!("an input") };
            x[[0, 1, 0]] = f32::NAN;
        });
        offset = file::read(&path).unwrap()["softmax_dim1/in/x"].offset + 7 * 4;
    });
    let text = format!(
        "dir/op_softmax_s.safetensors: byte {offset}: `softmax_dim1/in/x` holds a number that is not finite"
    );
    assert_eq!(changed.run().unwrap_err(), text);
}

#[test]
fn a_gradient_of_another_shape_is_refused_before_it_is_used() {
    let changed = Changed::new("gradient", "op_softmax_s", |folder| {
        rewrite(&folder.join("op_softmax_s.safetensors"), |arrays| {
            let Some(Data::F32(dy)) = arrays.get_mut("softmax_dim1/cot/y") else { panic!("a gradient") };
            *dy = dy.clone().into_shape_with_order(vec![15, 7]).unwrap();
        });
        let path = folder.join("op_softmax_s.json");
        let mut page: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        page["records"][2]["tensors"]["cot"]["y"][1] = serde_json::json!([15, 7]);
        fs::write(&path, page.to_string()).unwrap();
    });
    let error = changed.run().unwrap_err();
    assert!(error.ends_with("record `softmax_dim1`: `cot/y` is [15, 7], expected [3, 5, 7]"), "{error}");
}

#[test]
fn a_case_without_its_other_file_is_refused() {
    let changed = Changed::new("alone", "op_softmax_s", |folder| {
        fs::remove_file(folder.join("op_softmax_s.safetensors")).unwrap();
    });
    assert!(changed.run().unwrap_err().starts_with("dir/op_softmax_s.safetensors: "));
}
