//! The golden bundle: committed values, their order of addition, correct programs, and the formulas that it covers.

use std::collections::BTreeSet;

use mmt_golden::bundle::Bundle;
use mmt_golden::compare::{Settings, Verdict, compare, named};
use mmt_golden::compute::{Order, compute, execute};
use mmt_golden::emulate::{emulate, single};
use mmt_golden::file::Data;
use mmt_golden::manifest::{CaseEntry, Manifest};
use mmt_golden::row::Tier;
use mmt_golden::write::compute_all;
use mmt_golden::{Value, pack};
use mmt_tensor::{AnyReal, Dd, DdReversed, Profile, Real};
use mmt_tests::root;

fn smoke() -> Bundle {
    Bundle::open(&root().join("tests/golden")).unwrap()
}

#[test]
fn the_committed_bundle_is_what_it_says_and_small() {
    let bundle = smoke();
    bundle.check_digests().unwrap();
    bundle.manifest.cases.iter().for_each(|case| drop(bundle.read(case).unwrap()));
    let mut bytes = 0;
    bundle.manifest.cases.iter().for_each(|case| bytes += case.bytes);
    assert!(bytes + bundle.manifest.text().len() as u64 <= 2_000_000);
    let rows: Vec<String> = mmt_catalog::of_tier(Tier::Smoke).into_iter().map(|row| row.id).collect();
    let cases: Vec<String> = bundle.manifest.cases.iter().map(|case| case.id.clone()).collect();
    assert_eq!(cases, rows);
}

#[test]
fn the_committed_values_are_computed_again_bit_for_bit() {
    let bundle = smoke();
    let rows = mmt_catalog::of_tier(Tier::Smoke);
    for order in [Order::Forward, Order::Reverse] {
        let again = compute_all(&rows, &mmt_catalog::ops(), order, &[], &|_, _| ()).unwrap();
        let cases: Vec<_> = again.into_iter().map(|packed| packed.entry).collect();
        for (new, old) in cases.iter().zip(&bundle.manifest.cases) {
            assert_eq!(new.digest_truth, old.digest_truth, "{}", new.id);
        }
        let whole = pack::manifest(cases, Tier::Smoke, None);
        assert_eq!(whole.digest_truth, bundle.manifest.digest_truth);
    }
}

#[test]
fn the_committed_tolerances_are_computed_again() {
    let bundle = smoke();
    let rows = mmt_catalog::of_tier(Tier::Smoke);
    let again = compute_all(&rows, &mmt_catalog::ops(), Order::Forward, &Profile::ALL, &|_, _| ()).unwrap();
    for (new, old) in again.iter().zip(&bundle.manifest.cases) {
        assert_eq!(&new.entry, old);
    }
}

fn core_digest() -> String {
    std::fs::read_to_string(root().join("tests/golden/core.digest")).unwrap().trim().to_string()
}

#[test]
fn the_guide_has_the_numbers_of_the_bundle() {
    assert!(mmt_golden::digest::parse(&core_digest()).is_some(), "{}", core_digest());
    let guide = std::fs::read_to_string(root().join("docs/golden.md")).unwrap();
    let (cases, bugs) = (mmt_catalog::of_tier(Tier::Core).len(), mmt_buggy::catalogue().count());
    for text in [
        format!("{cases} cases with every input"),
        format!("all {cases} cases of the core"),
        format!("knows {bugs} wrong ways"),
        format!("a catalogue of {bugs}, planted"),
        format!("{} of {}", smoke().manifest.cases.len(), smoke().manifest.cases.len()),
        core_digest(),
    ] {
        assert!(guide.contains(&text), "docs/golden.md does not say `{text}`");
    }
    // The matrix is that of these cases and of this catalogue.
    let matrix = std::fs::read_to_string(root().join("docs/golden/kill.json")).unwrap();
    let matrix: serde_json::Value = serde_json::from_str(&matrix).unwrap();
    let rows = |list: &str| matrix[list].as_array().unwrap().clone();
    let named: BTreeSet<String> = rows("killed").iter().map(|row| row["bug"].to_string()).collect();
    assert_eq!(named.len(), bugs);
    assert_eq!(rows("must_pass").iter().filter_map(|row| row["cases"].as_u64()).max(), Some(cases as u64));
    assert!(rows("gates_not_met").is_empty(), "{:?}", rows("gates_not_met"));
}

#[test]
fn the_order_of_addition_changes_what_is_rounded_away() {
    let (row, op) = (mmt_catalog::row("norm.layer.wide").unwrap(), mmt_catalog::op("layer_norm").unwrap());
    let forward = execute(&row, &op, 0, false, &|x, _| AnyReal::True(Dd::of(x))).unwrap();
    let reverse = execute(&row, &op, 0, false, &|x, _| AnyReal::Reversed(DdReversed::of(x))).unwrap();
    let mut low = 0;
    for ((_, a), (_, b)) in forward.iter().zip(&reverse) {
        let (Value::Real(a), Value::Real(b)) = (a, b) else { continue };
        low += a.iter().zip(b).filter(|(a, b)| a.dd().lo != b.dd().lo).count();
    }
    // That it does not reach what is stored, the test above says.
    assert!(low > 100, "{low}");
}

#[test]
fn what_mmt_answers_passes_in_every_arithmetic() {
    let bundle = smoke();
    for row in mmt_catalog::of_tier(Tier::Smoke) {
        let (op, case) = (mmt_catalog::op(row.op).unwrap(), bundle.case(&row.id).unwrap());
        let truth = bundle.read(case).unwrap();
        let judge = |answer, profile, most: f64| {
            let report = compare(case, &truth, &named(answer), Settings { profile, level: 5 }).unwrap();
            assert_eq!(report.status, Verdict::Pass, "{} {profile:?} {:?}", row.id, report.first_divergence);
            assert!(report.score <= most, "{} {profile:?} {}", row.id, report.score);
        };
        for tiled in [false, true] {
            judge(single(&row, &op, case.seed_bump, tiled).unwrap(), Profile::F32, 0.7);
            for profile in [Profile::Tf32, Profile::Bf16, Profile::F16] {
                judge(emulate(&row, &op, case.seed_bump, profile, tiled).unwrap(), profile, 1.0);
            }
        }
    }
}

#[test]
fn a_wrong_number_is_found_and_described() {
    let bundle = smoke();
    let case = bundle.case("linear.affine.normal").unwrap();
    let truth = bundle.read(case).unwrap();
    let mut got = truth.clone();
    let Data::F64(y) = &mut got.get_mut("main/out/y").unwrap().data else { panic!("numbers") };
    *y *= 2.0;
    let report = compare(case, &truth, &got, Settings { profile: Profile::F32, level: 5 }).unwrap();
    assert_eq!(report.status, Verdict::Fail);
    assert_eq!(report.first_divergence.as_deref(), Some("main/out/y"));
    let hints = &report.tensor("main/out/y").unwrap().hints;
    assert!(hints[0].starts_with("2.0000 x want"), "{hints:?}");
    got.remove("main/out/y");
    let report = compare(case, &truth, &got, Settings { profile: Profile::F32, level: 5 }).unwrap();
    assert_eq!(report.status, Verdict::Incomplete);
}

#[test]
fn rows_can_be_computed_and_names_are_unique() {
    let rows = mmt_catalog::rows();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len());
    for row in &rows {
        let op = mmt_catalog::op(row.op).unwrap_or_else(|| panic!("{}: no operation {}", row.id, row.op));
        execute(row, &op, 0, false, &|x, _| AnyReal::Single(x as f32))
            .unwrap_or_else(|e| panic!("{}: {e}", row.id));
    }
    assert!(compute(&rows[0], &mmt_catalog::op(rows[0].op).unwrap(), Order::Forward, &[]).is_ok());
}

/// Words of SplitMix64.
fn words(seed: u64) -> impl Iterator<Item = usize> {
    let source = mmt_golden::draw::Source::new("changes", seed as u32 + 1, "bytes");
    (0..).map(move |i| source.word(i) as usize)
}

#[test]
fn changed_manifests_are_read_or_refused_in_one_line() {
    let mut bundle = smoke();
    bundle.manifest.cases.truncate(1);
    let good = bundle.manifest.text().into_bytes();
    assert_eq!(Manifest::parse(&good).unwrap().text().into_bytes(), good);
    for seed in 0..3000 {
        let (mut bytes, mut next) = (good.clone(), words(seed));
        for _ in 0..1 + seed % 3 {
            let (at, byte) = (next.next().unwrap() % bytes.len(), next.next().unwrap() as u8);
            match byte % 3 {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at + 1),
                _ => drop(bytes.drain(at..(at + 7).min(bytes.len()))),
            }
        }
        if let Err(error) = Manifest::parse(&bytes) {
            let text = error.why;
            assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
            assert!(error.offset.is_none_or(|offset| offset <= bytes.len()));
        }
    }
}

#[test]
fn a_bundle_that_was_changed_is_refused() {
    let folder = std::env::temp_dir().join(format!("mmt-golden-changed-{}", std::process::id()));
    let bundle = smoke();
    let case = bundle.case("softmax.rows.normal").unwrap();
    std::fs::create_dir_all(folder.join("ops")).unwrap();
    let good = std::fs::read(bundle.folder.join(&case.file)).unwrap();
    let copy = Bundle { folder: folder.clone(), manifest: bundle.manifest.clone() };
    let refused = |bytes: &[u8], case: &CaseEntry, text: &str| {
        std::fs::write(folder.join(&case.file), bytes).unwrap();
        let error = copy.read(case).unwrap_err().to_string();
        assert!(error.contains(text) && !error.contains('\n'), "{error}");
    };
    std::fs::write(folder.join(&case.file), &good).unwrap();
    copy.read(case).unwrap();
    refused(&good[..good.len() - 1], case, "bytes, the manifest says");
    refused(&[good.clone(), vec![0]].concat(), case, "bytes, the manifest says");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    refused(&flipped, case, "the manifest says sha256:");
    // Somebody who also changes the hash of the file is caught by the digest of what it holds.
    let hash = mmt_golden::digest::text(mmt_golden::digest::sha256(&flipped));
    refused(&flipped, &CaseEntry { sha256: hash, ..case.clone() }, "the digest of its arrays");
    let mut other = case.clone();
    other.tensors[0].shape = vec![9, 5];
    refused(&good, &other, "`main/in/x` is F64 [5, 9], the manifest says F64 [9, 5]");
    let mut other = case.clone();
    other.tensors.remove(0);
    refused(&good, &other, "arrays, the manifest lists");
    let mut other = bundle.manifest.clone();
    other.digest_truth = other.digest_tol.clone();
    assert!(Bundle { folder: folder.clone(), manifest: other }.check_digests().is_err());
    let path = folder.join("nothing");
    assert!(Bundle::open(&path).err().unwrap().to_string().contains("manifest.json: no such file"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// Formulas without a case of the bundle, with the reason. Their golden builders are in the register all the same.
const WITHOUT_CASES: &[(&str, &[&str])] = &[
    (
        "random draws, searches, counts and statements about shapes: nothing that a backend computes in floating point",
        &[
            "eq-1.29-mlm-corruption",
            "eq-1.29-mlm-corruption-iid",
            "eq-1.31-sentence-pairs",
            "eq-2.4-noise",
            "eq-2.4-subsampling",
            "eq-2.4-window",
            "eq-2.6-word-graph",
            "eq-2.8-clip-token",
            "eq-2.9-k-means",
            "eq-2.9-tree-search",
            "eq-2.9-nearest-leaf",
            "eq-2.11-code-order",
            "eq-2.13-visit-rows",
            "eq-3-shape",
            "eq-3-prov",
            "eq-3-cost",
            "eq-3-mem",
            "eq-3-taxonomy",
            "eq-3-vilt-class",
            "eq-3-cross-equiv",
            "eq-3-concat-split",
            "eq-3-topology",
        ],
    ),
    (
        "studies of training",
        &[
            "eq-1.16-gradient-scale",
            "eq-1.17-warm-up",
            "eq-1.18-amplification",
            "eq-1.19-admin",
            "eq-1.20-relative-update",
            "eq-1.24-noam",
        ],
    ),
    (
        "parts and models whose pieces have cases of their own",
        &[
            "eq-1.1-attention",
            "eq-1.4-self-attention",
            "eq-1.27-position-interpolation",
            "eq-1.28-bert-input",
            "eq-1.30-mlm-head",
            "eq-1.30-mlm-loss",
            "eq-1.31-next-sentence",
            "eq-2.3-global-region",
            "eq-2.3-residual",
            "eq-2.3-region-features",
            "eq-2.4-skip-gram",
            "eq-2.5-cbow",
            "eq-2.7-gcn",
            "eq-2.7-graph-autoencoder",
            "eq-2.8-separable",
            "eq-2.8-inception",
            "eq-2.8-clip-features",
            "eq-2.10-frame-patch",
            "eq-2.12-graph-attention",
            "eq-2.12-ontology-embedding",
            "eq-2.13-visit-encoder",
            "eq-2.13-self-and-dual",
            "eq-2.13-next-medication",
            "eq-2.14-prolonged-stay",
            "eq-2.15-vl-bert-input",
            "eq-2.15-vl-bert-embedding",
            "eq-2.16-mel-filters",
            "eq-2.16-log-mel",
            "eq-2.17-spectrogram-patch",
            "eq-3-attn",
            "eq-3-gate",
            "eq-3-tri-note",
            "eq-3-tri-survey",
            "eq-0.10-max-of-windows",
            "eq-0.10-resample",
            "eq-0.10-frozen-norm",
            "eq-0.10-batch-norm",
            "eq-1.25-adam",
            "eq-1.25-bert-adam",
            "eq-5-flash",
        ],
    ),
    (
        "their cases come with the next minor version",
        &[
            "eq-2.2-box-giou",
            "eq-2.2-box-iou",
            "eq-2.2-roi-pool",
            "eq-2.15-box-waves",
            "eq-2.15-visual-feature",
            "eq-2.15-four-embeddings",
            "eq-5-grid-embed",
            "eq-5-vilt-embed",
        ],
    ),
    ("choices and counts", &["eq-2.2-nms", "eq-5-visual-cost"]),
];

#[test]
fn every_formula_has_a_case_or_a_reason() {
    let covered: BTreeSet<&str> = mmt_catalog::rows().iter().map(|row| row.equation).collect();
    let excused: BTreeSet<&str> = WITHOUT_CASES.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let register: BTreeSet<&str> = mmt_equations::register().map(|row| row.id).collect();
    let missing: Vec<_> =
        register.iter().filter(|id| !covered.contains(*id) && !excused.contains(*id)).collect();
    assert!(missing.is_empty(), "no golden case and no reason: {missing:?}");
    let needless: Vec<_> =
        excused.iter().filter(|id| covered.contains(*id) || !register.contains(*id)).collect();
    assert!(needless.is_empty(), "a reason for what has cases, or is no formula: {needless:?}");
    let unknown: Vec<_> = covered.iter().filter(|id| !id.is_empty() && !register.contains(*id)).collect();
    assert!(unknown.is_empty(), "no formula: {unknown:?}");
}
