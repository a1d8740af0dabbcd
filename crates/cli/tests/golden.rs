//! `mmt golden` as people and scripts see it: every verb, every exit code, every way in which a file can be wrong.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{folder, mmt, refused, shown, text};
use mmt_golden::file::{self, Data};
use mmt_golden::manifest::sealed;
use ndarray::ArrayD;

/// The case that most tests are about.
const CASE: &str = "softmax.rows.normal";

fn bundle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn words<'a>(verb: &'a str, paths: &'a [&'a Path], rest: &'a [&'a str]) -> Vec<&'a str> {
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    ["golden", verb].into_iter().chain(paths).chain(rest.iter().copied()).collect()
}

/// The exit code of a verb with everything that it says.
fn ended(arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = mmt(arguments);
    let said = text(&stdout) + &text(&stderr);
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (status.code().unwrap(), said)
}

fn truth(case: &str) -> PathBuf {
    bundle().join(format!("ops/{case}.safetensors"))
}

fn arrays(case: &str) -> BTreeMap<String, Data> {
    file::read(&truth(case)).unwrap().into_iter().map(|(key, stored)| (key, stored.data)).collect()
}

/// What a right program answers: the truth, without what the case gives.
fn results(case: &str) -> BTreeMap<String, Data> {
    let mut arrays = arrays(case);
    arrays.retain(|key, _| key.starts_with("main/out") || key.starts_with("main/grad"));
    arrays
}

/// A folder with one answer, written by `write`.
fn answer(name: &str, write: impl FnOnce(&Path)) -> PathBuf {
    let got = folder(name);
    fs::create_dir_all(&got).unwrap();
    write(&got.join(format!("{CASE}.safetensors")));
    got
}

/// The answer of a program that is right but for what `change` does.
fn changed(name: &str, change: impl FnOnce(&mut BTreeMap<String, Data>)) -> PathBuf {
    answer(name, |path| {
        let mut arrays = results(CASE);
        change(&mut arrays);
        file::write(path, &arrays).unwrap();
    })
}

fn check_in(bundle: &Path, got: &Path) -> (i32, String) {
    let (bundle, got) = (bundle.to_str().unwrap(), got.join("ops"));
    ended(&["golden", "check", bundle, "--got", got.to_str().unwrap()])
}

fn check(got: &Path, rest: &[&str]) -> (i32, String) {
    let bundle = bundle();
    let arguments =
        [&["golden", "check", bundle.to_str().unwrap(), "--got", got.to_str().unwrap()], rest].concat();
    ended(&arguments)
}

fn check_case(got: &Path) -> (i32, String) {
    check(got, &["--case", CASE])
}

fn numbers<'a>(arrays: &'a mut BTreeMap<String, Data>, key: &str) -> &'a mut ArrayD<f64> {
    match arrays.get_mut(key) {
        Some(Data::F64(a)) => a,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_passes_fails_or_is_incomplete() {
    let right = changed("golden-right", |_| ());
    let (code, said) = check_case(&right);
    assert_eq!((code, said.contains("L5/f32, 1 of 1")), (0, true), "{said}");

    let wrong = changed("golden-wrong", |arrays| *numbers(arrays, "main/out/p") *= 2.0);
    let (code, said) = check_case(&wrong);
    assert!(code == 1 && said.contains("2.0000 x want"), "{code} {said}");
    assert!(said.contains("\n  right: grad_in/x; wrong: out/p\n"), "{said}");
    let backward = changed("golden-backward", |arrays| *numbers(arrays, "main/grad_in/x") *= 2.0);
    let line = "all outputs right, only gradients are wrong: grad_in/x";
    for (form, told) in [
        ("text", format!("\n  {line}\n")),
        ("json", format!("\"summary\":\"{line}\"")),
        ("junit", line.to_string()),
    ] {
        let (code, said) = check(&backward, &["--case", CASE, "--report", form]);
        assert!(code == 1 && said.contains(&told), "{form} {said}");
    }
    fs::remove_dir_all(backward).unwrap();

    let missing = changed("golden-missing", |arrays| drop(arrays.remove("main/grad_in/x")));
    let (code, said) = check_case(&missing);
    assert!(code == 4 && said.contains("missing grad_in/x"), "{code} {said}");
    let (code, said) = check(&missing, &["--case", CASE, "--allow-missing"]);
    assert!(code == 0 && said.contains("no level/f32, 0 of 1, 1 judged in part"), "{code} {said}");
    assert_eq!(check(&missing, &["--case", CASE, "--level", "L0"]).0, 0);
    // At the level of outputs no gradient is missing.
    let none = changed("golden-none", |arrays| arrays.retain(|key, _| key == "main/act/mine"));
    let (code, said) = check(&none, &["--case", CASE, "--level", "L0"]);
    assert!(code == 4 && said.contains("missing out/p\n") && !said.contains("grad_in"), "{code} {said}");
    let (_, said) = check(&none, &["--case", CASE]);
    assert!(said.contains("missing out/p, grad_in/x\n"), "{said}");
    fs::remove_dir_all(none).unwrap();
    // Another case of the bundle has no file at all.
    assert_eq!(check(&right, &[]).0, 4);
    // What is wrong counts for more than what is missing.
    assert_eq!(check(&wrong, &[]).0, 1);

    // A wrong name is not only something that is missing.
    let misnamed = changed("golden-misnamed", |arrays| {
        let gradient = arrays.remove("main/grad_in/x").unwrap();
        arrays.insert("main/gradin/x".to_string(), gradient);
    });
    let (code, said) = check(&misnamed, &["--case", CASE, "--allow-missing"]);
    assert!(code == 4 && said.contains("missing grad_in/x; unknown main/gradin/x"), "{code} {said}");
    // The keys by which Python takes an answer, in a file.
    let short = changed("golden-short", |arrays| {
        let long = std::mem::take(arrays);
        arrays
            .extend(long.into_iter().map(|(key, data)| (key.trim_start_matches("main/").to_string(), data)));
    });
    let (code, said) = check(&short, &["--case", CASE]);
    assert!(code == 4 && said.contains("unknown grad_in/x, out/p: names begin with main/"), "{code} {said}");
    fs::remove_dir_all(short).unwrap();
    let junit = |folder: &Path| check(folder, &["--case", CASE, "--allow-missing", "--report", "junit"]).1;
    assert!(junit(&misnamed).contains("failures=\"1\"") && junit(&missing).contains("<skipped/>"));
    fs::remove_dir_all(misnamed).unwrap();

    let extra = changed("golden-extra", |arrays| {
        arrays.insert("main/act/mine".to_string(), Data::F64(ArrayD::zeros(vec![2])));
    });
    assert_eq!(check_case(&extra).0, 0);
    [right, wrong, missing, extra].iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
}

#[test]
fn numbers_types_and_shapes_that_are_none_fail_and_are_named() {
    let nan = |x: f64| move |arrays: &mut BTreeMap<String, Data>| numbers(arrays, "main/out/p")[[0, 0]] = x;
    for (i, (folder, why)) in [
        (changed("golden-nan", nan(f64::NAN)), "NaN in some places"),
        (changed("golden-infinite", nan(f64::INFINITY)), "got inf"),
        (
            changed("golden-shape", |arrays| {
                let p = numbers(arrays, "main/out/p");
                *p = p.clone().into_shape_with_order(vec![9, 5]).unwrap();
            }),
            "another shape",
        ),
        (
            changed("golden-type", |arrays| {
                let p = numbers(arrays, "main/out/p").mapv(|p| p as i64);
                arrays.insert("main/out/p".to_string(), Data::I64(p));
            }),
            "another dtype",
        ),
        (
            changed("golden-half", |arrays| {
                let p = numbers(arrays, "main/out/p").mapv(|p| mmt_golden::half::bf16(p as f32));
                arrays.insert("main/out/p".to_string(), Data::Bf16(p));
            }),
            "BF16 is not a type of f32",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (code, said) = check_case(&folder);
        assert!(code == 1 && said.contains(why), "{i} {code} {said}");
        fs::remove_dir_all(folder).unwrap();
    }
}

/// A safetensors file with this header and so many bytes behind it.
fn raw(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; bytes][..]].concat()
}

/// Files that are no safetensors files, with what is said about them.
fn malformed() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = fs::read(truth(CASE)).unwrap();
    let entry =
        |from: usize, to: usize| format!(r#"{{"dtype":"F64","shape":[2],"data_offsets":[{from},{to}]}}"#);
    let two = |a: String, b: String| format!(r#"{{"main/out/p":{a},"main/grad_in/x":{b}}}"#);
    vec![
        ("nothing", vec![], "byte 0"),
        ("cut", good[..good.len() - 1].to_vec(), "byte"),
        ("header cut", good[..20].to_vec(), "byte"),
        ("more", [good, vec![0]].concat(), "byte"),
        (
            "long header",
            raw("{}", 0).into_iter().enumerate().map(|(i, b)| if i == 6 { 1 } else { b }).collect(),
            "byte",
        ),
        ("no JSON", raw("{oh", 0), "byte"),
        ("overlap", raw(&two(entry(0, 16), entry(8, 24)), 24), "byte"),
        ("gap", raw(&two(entry(0, 16), entry(24, 40)), 40), "byte"),
        ("lying", raw(&two(entry(0, 16), entry(16, 1 << 40)), 32), "byte"),
        ("backwards", raw(&two(entry(16, 0), entry(0, 16)), 32), "byte"),
        (
            "shape lies",
            raw(r#"{"main/out/p":{"dtype":"F64","shape":[3],"data_offsets":[0,16]}}"#, 16),
            "byte",
        ),
        (
            "huge",
            raw(
                r#"{"main/out/p":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,16]}}"#,
                16,
            ),
            "byte",
        ),
        (
            "unknown type",
            raw(r#"{"main/out/p":{"dtype":"F7","shape":[2],"data_offsets":[0,16]}}"#, 16),
            "byte",
        ),
        (
            "twice",
            raw(&format!(r#"{{"main/out/p":{},"main/out/p":{}}}"#, entry(0, 16), entry(16, 32)), 32),
            "byte",
        ),
    ]
}

#[test]
fn a_malformed_answer_is_refused_in_one_line_and_the_others_are_told() {
    let good = changed("golden-malformed", |_| ());
    let other = "act.gelu.sweep";
    file::write(&good.join(format!("{other}.safetensors")), &results(other)).unwrap();
    for (name, bytes, why) in malformed() {
        let path = good.join(format!("{CASE}.safetensors"));
        fs::write(&path, bytes).unwrap();
        let (code, said) = check(&good, &["--allow-missing"]);
        let line =
            said.lines().find(|line| line.contains("hint  /")).unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(
            code == 3 && line.contains(why) && said.contains("INVALID softmax.rows.normal"),
            "{name} {code} {said}"
        );
        assert!(said.contains(", 1 of "), "{name}: the other case passes: {said}");
        // The same file as the answer that is to be explained, or compared.
        let bundle = bundle();
        let (code, said) = refused(&words("explain", &[&bundle], &[CASE, "--got", path.to_str().unwrap()]));
        assert!(code == 3 && said.lines().count() == 1 && said.starts_with("error: "), "{name} {said}");
        let (code, _) = refused(&words("diff", &[&path, &truth(CASE)], &[]));
        assert_eq!(code, 3, "{name}");
    }
    fs::remove_dir_all(good).unwrap();
}

/// A copy of one case of the bundle, changed.
fn copied(name: &str, change: impl FnOnce(&Path, &mut serde_json::Value)) -> PathBuf {
    let copy = folder(name);
    fs::create_dir_all(copy.join("ops")).unwrap();
    fs::copy(truth(CASE), copy.join(format!("ops/{CASE}.safetensors"))).unwrap();
    let text = fs::read(bundle().join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
    manifest["cases"].as_array_mut().unwrap().retain(|case| case["id"] == CASE);
    let hash = |name: &str| {
        let case = mmt_golden::digest::parse(manifest["cases"][0][name].as_str().unwrap()).unwrap();
        mmt_golden::digest::text(mmt_golden::digest::of_all([case]))
    };
    let (truth, tolerances) = (hash("digest_truth"), hash("digest_tol"));
    (manifest["digest_truth"], manifest["digest_tol"]) = (truth.into(), tolerances.into());
    change(&copy, &mut manifest);
    let said = manifest["digest_manifest"].as_str().unwrap();
    fs::write(copy.join("manifest.json"), sealed(&manifest.to_string(), said)).unwrap();
    copy
}

#[test]
fn a_bundle_is_verified_or_refused() {
    let good = copied("golden-good", |_, _| ());
    assert!(shown(&words("verify", &[&good], &[])).contains("1 cases verified"));
    fs::remove_dir_all(good).unwrap();
    type Change = fn(&Path, &mut serde_json::Value);
    let changes: [(&str, Change, &str); 11] = [
        ("version", |_, m| m["version"] = "2.0.0".into(), "version 2.0.0"),
        ("schema", |_, m| m["schema"] = "mmt-golden/9".into(), "mmt-golden/9"),
        ("digest", |_, m| m["digest_truth"] = m["digest_tol"].clone(), "its digest is not that of its cases"),
        ("outside", |_, m| m["cases"][0]["file"] = "../x.safetensors".into(), "is not the name of a file"),
        ("field", |_, m| m["cases"][0]["more"] = 1.into(), "unknown field"),
        ("bytes", |_, m| m["cases"][0]["bytes"] = 7.into(), "the manifest says 7"),
        (
            "level",
            |_, m| m["cases"][0]["tensors"][0]["required_at"] = "L9".into(),
            "`main/in/x`: `L9` is none of never, L0,",
        ),
        (
            "class",
            |_, m| m["cases"][0]["tensors"][0]["class"] = "mine".into(),
            "`main/in/x`: `mine` is none of input,",
        ),
        (
            "shape",
            |_, m| m["cases"][0]["tensors"][0]["shape"] = serde_json::json!([9, 5]),
            "the manifest says",
        ),
        (
            "cut",
            |folder, _| {
                let path = folder.join(format!("ops/{CASE}.safetensors"));
                let bytes = fs::read(&path).unwrap();
                fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            },
            "bytes, the manifest says",
        ),
        (
            "gone",
            |folder, _| fs::remove_file(folder.join(format!("ops/{CASE}.safetensors"))).unwrap(),
            "no such file",
        ),
    ];
    for (name, change, why) in changes {
        let folder = copied(&format!("golden-bundle-{name}"), change);
        let (code, said) = refused(&words("verify", &[&folder], &[]));
        assert!(code == 3 && said.contains(why), "{name} {code} {said}");
        assert!(said.starts_with("error: ") && said.lines().count() == 1, "{said}");
        // Arrays that are not those of the catalogue are refused before the file is read.
        assert_eq!(refused(&words("score", &[&folder], &[])).0, 3, "{name}");
        assert_eq!(check_in(&folder, &bundle()).0, 3, "{name}");
        fs::remove_dir_all(folder).unwrap();
    }
}

/// What decides whether an answer passes cannot be changed unseen: not in the files, and not in the manifest.
#[test]
fn words_and_numbers_of_a_manifest_that_were_changed_are_seen() {
    for (i, (from, to)) in [
        (r#""required_at":"L0""#, r#""required_at":"never""#),
        (r#""rms_sigma":"#, r#""rms_sigma":1"#),
        (r#""power":"strong""#, r#""power":"weak""#),
        (r#""tier":"smoke""#, r#""tier":"core""#),
        (r#""digest_manifest":"sha256:"#, r#""digest_manifest":"sha257:"#),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = copied(&format!("golden-words-{i}"), |_, _| ());
        let path = folder.join("manifest.json");
        let good = fs::read_to_string(&path).unwrap();
        assert!(good.contains(from), "{from}");
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        for verb in ["verify", "list"] {
            let (code, said) = refused(&words(verb, &[&folder], &[]));
            let line =
                said.contains("/manifest.json: the digest of the manifest: ") && !said.contains("byte");
            let both = said.contains(": expected sha256:") && said.contains(", got sha256:");
            assert!(code == 3 && line && (both || said.contains("sha257:")), "{to} {code} {said}");
        }
        assert_eq!(check_in(&folder, &bundle()).0, 3, "{to}");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn settings_and_shapes_that_are_not_those_of_the_catalogue_are_not_computed() {
    let hostile: [fn(&mut serde_json::Value); 4] = [
        |case| case["config"]["masked"] = true.into(),
        |case| case["op"] = "roi_align".into(),
        |case| case["family"] = "sdpa".into(),
        |case| case["id"] = "softmax.rows.mine".into(),
    ];
    for (i, change) in hostile.into_iter().enumerate() {
        let folder = copied(&format!("golden-hostile-{i}"), |_, manifest| change(&mut manifest["cases"][0]));
        let (code, said) = refused(&words("score", &[&folder], &["--must-pass"]));
        assert!(code == 3 && said.contains("so this program cannot compute it"), "{i} {code} {said}");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn nothing_that_fits_is_another_exit_code() {
    let (bundle, got) = (bundle(), folder("golden-nothing"));
    fs::create_dir_all(&got).unwrap();
    let (code, said) = check(&got, &["--case", "nothing.*"]);
    assert!(code == 6 && said.contains("fits `nothing.*`"), "{code} {said}");
    // There are cases, but none that is asked for at this level.
    let (code, said) = check(&got, &["--case", "block.*", "--level", "L0"]);
    assert!(code == 6 && said.contains("is one of L0 in f32"), "{code} {said}");
    for (verb, rest) in [
        ("verify", &["--case", "nothing.*"][..]),
        ("show", &["softmax.rows.norma"][..]),
        ("show", &[CASE, "--tensor", "out/q"][..]),
        ("explain", &["softmax.rows.norma", "--got", "x"][..]),
        ("list", &["--family", "nothing"][..]),
        ("run", &["--case", "nothing.*", "--", "true"][..]),
    ] {
        assert_eq!(refused(&words(verb, &[&bundle], rest)).0, 6, "{verb} {rest:?}");
    }
    for tier in ["full", "stress"] {
        let out = got.to_str().unwrap();
        let (code, said) = refused(&["golden", "write", "--tier", tier, "--out", out]);
        assert!(code == 6 && said.contains(&format!("of the tier `{tier}` yet")), "{said}");
    }
    assert_eq!(fs::read_dir(&got).unwrap().count(), 0);
    assert_eq!(refused(&["golden", "check", "--profile", "f8"]).0, 2);
    fs::remove_dir_all(got).unwrap();
}

#[test]
fn arrays_of_every_kind_are_shown() {
    let bundle = bundle();
    let said = shown(&words("show", &[&bundle], &[CASE, "--stats"]));
    assert!(said.contains("out/p") && said.contains("tolerance up to"), "{said}");
    let said = shown(&words("show", &[&bundle], &[CASE, "--tensor", "out/p"]));
    assert!(said.contains("e-1") && said.contains(']'), "{said}");
    let tolerance = shown(&words("show", &[&bundle], &[CASE, "--tensor", "tol/f32/out/p"]));
    let first: f64 = tolerance.split(['[', ',', ' ', ']']).find_map(|word| word.parse().ok()).unwrap();
    assert!((1e-9..1e-5).contains(&first), "{tolerance}");
    assert!(shown(&["golden", "schema", "report"]).contains("\"invalid\""));
    assert!(shown(&words("list", &[&bundle], &["--family", "softmax"])).contains(CASE));
    let families = shown(&words("list", &[&bundle], &["--families"]));
    assert!(
        families.contains("softmax")
            && families.contains("cases   softmax")
            && families.ends_with("families\n")
    );
    for (wrong, hint) in [
        ("layer_norm", "hint: `layer_norm` is an operation of the family norm"),
        ("softmx", "hint: did you mean softmax"),
    ] {
        let (code, said) = refused(&words("list", &[&bundle], &["--family", wrong]));
        assert!(code == 6 && said.starts_with(&format!("error: no family `{wrong}`\n{hint}")), "{said}");
        assert!(said.contains("mmt golden list --families"), "{said}");
    }
    let (code, said) = refused(&words("list", &[&bundle], &["--level", "blok"]));
    assert!(code == 6 && said.starts_with("error: no level `blok`\nhint: did you mean block"), "{said}");
}

#[cfg(unix)]
#[test]
fn commands_answer_refuse_crash_or_take_too_long() {
    let bundle = bundle();
    let run = |command: &[&str], rest: &[&str]| {
        let rest = [rest, &["--case", CASE, "--"], command].concat();
        ended(&words("run", &[&bundle], &rest))
    };
    let right = changed("golden-run-right", |_| ());
    let right_file = right.join(format!("{CASE}.safetensors"));
    let (code, said) = run(&["cp", right_file.to_str().unwrap(), "{out}"], &[]);
    assert!(code == 0 && said.contains("1 of 1"), "{said}");
    let other = "act.gelu.sweep";
    file::write(&right.join(format!("{other}.safetensors")), &results(other)).unwrap();
    // The file of the case holds the truth, so that a copy of it would be right.
    let (code, said) = run(&["cp", "{case}", "{out}"], &[]);
    assert!(
        code == 3 && said.contains("`main/cot/p` is given: an answer is what a program computed"),
        "{said}"
    );
    // The answers stay where somebody asks for them, and an old one is not the answer of a new run.
    let kept = folder("golden-kept");
    let out = ["--out", kept.to_str().unwrap()];
    let copy = ["cp", right_file.to_str().unwrap(), "{out}"];
    assert_eq!(run(&copy, &out).0, 0);
    assert_eq!(file::read(&kept.join(format!("{CASE}.safetensors"))), file::read(&right_file));
    assert_eq!(check_case(&kept).0, 0);
    assert_eq!(run(&["true"], &out).0, 4);
    let copy = ["sh", "-c", &format!("cp {} {{out}} # {{layout}}", right_file.display())];
    assert_eq!(run(&copy, &[&out[..], &["--layout", "sliced"]].concat()).0, 0);
    assert!(kept.join(format!("sliced/{CASE}.safetensors")).exists());
    // What a command that failed has written is no answer, and a file that is none is not replaced.
    for (how, code) in [("exit 9", 5), ("exit 77", 6)] {
        let writes = ["sh", "-c", &format!("cp {} {{out}}; {how}", right_file.display())];
        assert_eq!(run(&writes, &out).0, code);
        assert!(!kept.join(format!("{CASE}.safetensors")).exists() && !kept.join(".unfinished").exists());
    }
    for writes in [&["sh", "-c", "echo no > {out}"][..], &["cp", "{case}", "{out}"]] {
        assert_eq!(run(writes, &out).0, 3);
    }
    assert_eq!(run(&["true"], &out).0, 4, "what is no answer is not in the way of the next one");
    let file = kept.join(format!("{CASE}.safetensors"));
    fs::copy(Path::new(&bundle).join(format!("ops/{CASE}.safetensors")), &file).unwrap();
    let (code, said) = run(&["true"], &out);
    assert!(code == 3 && said.contains("is given: an answer is what") && file.exists(), "{said}");
    fs::remove_dir_all(kept).unwrap();
    let (code, said) = run(&["sh", "-c", "exit 77"], &[]);
    assert!(code == 6 && said.contains("nothing was tested: 1 cases skipped, 0 without"), "{said}");
    let (code, said) = run(&["true"], &["--allow-missing"]);
    assert!(code == 6 && said.contains("nothing was tested: 0 cases skipped, 1 without"), "{said}");
    let copy = format!(
        "case {{id}} in act.*) cp {}/{{id}}.safetensors {{out}};; *) exit 77;; esac",
        right.display()
    );
    let some = ["sh", "-c", &copy];
    let (code, said) = ended(&words("run", &[&bundle], &[&["--level", "L1", "--"][..], &some].concat()));
    assert!(code == 0 && said.contains(" skipped"), "{said}");
    let (code, said) = run(&["sh", "-c", "exit 9"], &[]);
    assert!(code == 5 && said.contains("CRASHED"), "{said}");
    let (code, said) = run(&["sleep", "9"], &["--timeout", "0"]);
    assert!(code == 5 && said.contains("no answer within 0 s"), "{said}");
    let (code, said) = run(&["sh", "-c", "echo no > {out}"], &[]);
    assert!(code == 3 && said.contains("INVALID"), "{said}");
    let (code, _) = run(&["true"], &[]);
    assert_eq!(code, 4);
    let copy = format!("test {{layout}} != sliced && cp {} {{out}}", right_file.display());
    let copies = ["sh", "-c", &copy];
    let (code, said) = run(&copies, &["--layout", "all"]);
    assert!(code == 5 && said.contains("CRASHED softmax.rows.normal sliced"), "{said}");
    assert!(said.contains("3 of 4"), "{said}");
    let (code, said) = run(&copies, &["--layout", "transposed"]);
    assert!(code == 0 && said.contains("1 of 1"), "{said}");
    let (code, said) = run(&["true"], &["--layout", "all"]);
    assert!(code == 2 && said.contains("no word of the command holds {layout}"), "{said}");
    let (code, said) = run(&["/nowhere/at/all"], &[]);
    assert!(code == 5 && said.contains("/nowhere/at/all"), "{said}");
    fs::remove_dir_all(right).unwrap();
}

/// Ctrl-C ends a run, as does the signal that asks a program to end, and nothing of it is left.
#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    ["-INT", "-TERM"].iter().for_each(|signal| interrupted_by(signal));
}

fn interrupted_by(signal: &str) {
    let place = folder("golden-interrupted");
    fs::create_dir_all(&place).unwrap();
    let rest = ["--case", CASE, "--", "sh", "-c", "touch started; exec sleep 60"];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mmt"));
    command.args(words("run", &[&bundle()], &rest)).current_dir(&place).env("TMPDIR", &place);
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !place.join("started").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    let said = text(&out.stderr);
    assert!(out.status.code() == Some(4) && said.contains("interrupted after 0 of 1 cases"), "{said}");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 1, "only what the command wrote itself");
    fs::remove_dir_all(place).unwrap();
}

/// What `nohup` starts goes on when the terminal is closed, and ends when it is asked to.
#[cfg(unix)]
#[test]
fn a_run_that_ignores_the_end_of_its_terminal_goes_on() {
    for (signal, code, told) in [("-HUP", 0, "1 of 1"), ("-TERM", 4, "interrupted after 0 of 1 cases")] {
        let place = changed("golden-nohup", |_| ());
        let right = place.join(format!("{CASE}.safetensors"));
        let script = format!("touch started; sleep 0.3; cp {} {{out}}", right.display());
        let rest = ["--case", CASE, "--", "sh", "-c", &script];
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_mmt")]);
        command.args(words("run", &[&bundle()], &rest)).current_dir(&place).env("TMPDIR", &place);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        while !place.join("started").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        let out = child.wait_with_output().unwrap();
        let said = text(&out.stdout) + &text(&out.stderr);
        assert!(out.status.code() == Some(code) && said.contains(told), "{out:?}");
        fs::remove_dir_all(place).unwrap();
    }
}

/// An empty answer with nothing of the case in it, and one that skips everything, are no success.
#[test]
fn where_nothing_is_compared_nothing_passes() {
    let got = folder("golden-empty");
    fs::create_dir_all(&got).unwrap();
    let (code, said) = check(&got, &["--allow-missing"]);
    assert!(code == 6 && said.contains("nothing was tested: 0 cases skipped, "), "{code} {said}");
    let foreign = Data::F64(ArrayD::from_elem(vec![1], 0.0));
    file::write(&got.join(format!("{CASE}.safetensors")), &[("y".to_string(), foreign)].into()).unwrap();
    let (code, said) = check(&got, &["--allow-missing"]);
    assert!(code == 6 && said.contains("nothing was tested"), "{code} {said}");
    assert_eq!(check(&got, &["--allow-missing", "--report", "json"]).0, 6);
    fs::remove_dir_all(got).unwrap();
}

#[test]
fn a_planted_bug_is_named() {
    let bundle = bundle();
    let case = "linear.affine.normal";
    let right = arrays(case);
    let given = right.iter().filter_map(|(key, data)| {
        let (key, Data::F64(a)) = (key.strip_prefix("main/")?, data) else { return None };
        let tensor = mmt_buggy::Tensor::f64(a.shape(), a.iter().copied().collect());
        ["in/", "param/", "cot/"].iter().any(|s| key.starts_with(s)).then(|| (key.to_string(), tensor))
    });
    let (settings, given) = (serde_json::json!({"bias": true}), given.collect());
    let wrong = mmt_buggy::run("linear", &settings, &given, Some("bias_twice")).unwrap();
    let got = folder("golden-planted");
    fs::create_dir_all(&got).unwrap();
    let real = |(key, x): (&String, &mmt_buggy::Tensor)| match &x.data {
        mmt_buggy::Data::F64(list) => {
            let array = ArrayD::from_shape_vec(x.shape.clone(), list.clone()).unwrap();
            (format!("main/{key}"), Data::F64(array))
        }
        _ => panic!("numbers"),
    };
    let path = got.join(format!("{case}.safetensors"));
    file::write(&path, &wrong.iter().map(real).collect()).unwrap();
    let (code, said) = ended(&words("explain", &[&bundle], &[case, "--got", path.to_str().unwrap()]));
    assert!(code == 1 && said.contains("bug 'bias_twice'"), "{said}");
    let (code, said) = check(&got, &["--case", case, "--explain"]);
    assert!(code == 1 && said.contains("matches bug 'bias_twice'"), "{said}");
    let explained = |rest: &[&str]| {
        let rest = [&[case, "--got", path.to_str().unwrap()], rest].concat();
        ended(&words("explain", &[&bundle], &rest))
    };
    let (_, said) = explained(&["--json"]);
    for told in
        [r#""bug":"bias_twice""#, r#""part":"all""#, r#""first_divergence":"main/out/y""#, r#""n_bad":"#]
    {
        assert!(said.contains(told), "{told} {said}");
    }
    // A wrong forward with a backward that is right, or wrong in another way.
    let forward = |key: &String| key.starts_with("main/out");
    let mut mixed = right.clone();
    mixed.retain(|key, _| key.starts_with("main/out") || key.starts_with("main/grad"));
    mixed.extend(wrong.iter().map(real).filter(|(key, _)| forward(key)));
    *numbers(&mut mixed, "main/grad_in/x") *= 3.0;
    file::write(&path, &mixed).unwrap();
    let (code, said) = explained(&[]);
    assert!(code == 1 && said.contains("the forward alone matches bug 'bias_twice'"), "{said}");
    let bwd = mmt_buggy::run("linear", &settings, &given, Some("bwd_bias_mean")).unwrap();
    mixed.extend(bwd.iter().map(real));
    *numbers(&mut mixed, "main/grad_in/x") *= 3.0;
    mixed.remove("main/grad_param/weight");
    file::write(&path, &mixed).unwrap();
    let (code, said) = explained(&[]);
    let line = "\n  all outputs right, only gradients are wrong: grad_in/x, grad_param/bias\n";
    assert!(said.contains(line), "{said}");
    assert!(code == 1 && said.contains("main/grad_param/bias alone matches bug 'bwd_bias_mean'"), "{said}");
    // The file of the case holds the truth, but is no answer.
    let own = truth(case);
    let (code, said) = refused(&words("explain", &[&bundle], &[case, "--got", own.to_str().unwrap()]));
    assert!(code == 3 && said.contains("` is given: an answer is what a program computed"), "{said}");
    // An answer with nothing of the case in it is none.
    let foreign = Data::F64(ArrayD::from_elem(vec![1], 0.0));
    file::write(&path, &[("y".to_string(), foreign)].into()).unwrap();
    let (code, said) = ended(&words("explain", &[&bundle], &[case, "--got", path.to_str().unwrap()]));
    assert!(code == 4 && said.contains("missing ") && !said.contains("passes"), "{said}");
    fs::remove_dir_all(got).unwrap();
}

#[test]
fn parts_of_a_write_and_of_a_score_are_joined_to_the_whole() {
    let [whole, parts, one, many] =
        ["whole", "parts", "one", "many"].map(|name| folder(&format!("golden-{name}")));
    let write = |out: &Path, rest: &[&str]| {
        let out = out.to_str().unwrap();
        shown(&[&["golden", "write", "--tier", "smoke", "--case", "*.normal", "--out", out], rest].concat())
    };
    let line = |said: &str| said.lines().find(|line| line.starts_with("truth")).unwrap().to_string();
    write(&whole, &[]);
    let said = ["2/2", "1/2"].map(|part| write(&parts, &["--shard", part]));
    assert!(said[0].contains("part 2/2"), "{}", said[0]);
    let digest = |folder: &Path| fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert_eq!(digest(&whole), digest(&parts));
    assert!(digest(&whole).contains(line(&said[1]).split_whitespace().last().unwrap()));
    let score = |out: &Path, rest: &[&str]| {
        let flags = ["--profile", "f32", "--must-pass", "--matrix", out.to_str().unwrap()];
        assert_eq!(ended(&words("score", &[&whole], &[&flags, rest].concat())).0, 0);
    };
    score(&one, &[]);
    ["1/3", "3/3", "2/3"].iter().for_each(|part| score(&many, &["--shard", part]));
    for name in ["kill.json", "kill.md", "kill.svg"] {
        assert_eq!(fs::read(one.join(name)).unwrap(), fs::read(many.join(name)).unwrap(), "{name}");
    }
    assert_eq!(fs::read_dir(&many).unwrap().count(), 3, "the parts are gone");
    [whole, parts, one, many].iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
}

#[test]
fn steps_of_adamw_with_rounded_powers_pass_with_room() {
    let bundle = folder("golden-powers");
    let out = bundle.to_str().unwrap();
    shown(&["golden", "write", "--tier", "core", "--case", "optim.adamw.*", "--out", out]);
    for profile in ["f64", "f32"] {
        // A gate is a score of at most 0.7, also of the program that rounds `β^t`.
        let (code, said) = ended(&words("score", &[&bundle], &["--must-pass", "--profile", profile]));
        assert_eq!(code, 0, "{said}");
    }
    fs::remove_dir_all(bundle).unwrap();
}

#[test]
fn answers_are_compared_and_exported() {
    let (bundle, out) = (bundle(), folder("golden-export"));
    assert_eq!(ended(&words("diff", &[&bundle, &bundle], &[])).0, 0);
    let wrong = changed("golden-diff", |arrays| numbers(arrays, "main/out/p")[[1, 1]] += 1e-3);
    let path = wrong.join(format!("{CASE}.safetensors"));
    let (code, said) = ended(&words("diff", &[&path, &truth(CASE)], &["--top", "1"]));
    assert!(code == 1 && said.contains("main/out/p[1, 1]"), "{said}");
    shown(&words("export", &[&bundle], &["--case", CASE, "--npz", "--out", out.to_str().unwrap()]));
    let files: Vec<_> = fs::read_dir(&out).unwrap().collect();
    assert!(!files.is_empty());
    [wrong, out].iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
}
