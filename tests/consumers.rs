//! The examples of `docs/golden` on the committed bundle. Each runs where what it needs is installed, and says so where it
//! is not. `MMT_PYTHON` names another Python than `python3`.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs};

use mmt_tests::root;

fn bundle() -> PathBuf {
    root().join("tests/golden")
}

fn python() -> Command {
    let mut command = Command::new(env::var_os("MMT_PYTHON").unwrap_or_else(|| "python3".into()));
    command.current_dir(root().join("docs/golden")).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Whether Python has these modules; says which test is left out if not.
fn has(test: &str, modules: &str) -> bool {
    let found = python().args(["-c", &format!("import {modules}")]).output();
    let found = found.is_ok_and(|out| out.status.success());
    if !found {
        eprintln!("{test}: left out, no Python with {modules}");
    }
    found
}

fn run(arguments: &[&str]) -> Output {
    python().args(arguments).arg(bundle()).output().expect("Python runs")
}

#[track_caller]
fn passes(out: &Output) {
    let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains(" 0 failed"), "{text}");
    assert!(!text.contains(" 0 passed"), "nothing was checked: {text}");
}

/// Runs a script, which is given the folder of the bundle.
#[track_caller]
fn succeeds(script: &str) {
    let out = run(&["-c", script]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn numpy_passes() {
    if has("numpy_passes", "numpy") {
        passes(&run(&["numpy_backend.py"]));
    }
}

/// One process: torch takes its time to start.
#[test]
fn torch_passes_and_its_bugs_do_not() {
    if !has("torch_passes_and_its_bugs_do_not", "numpy, torch") {
        return;
    }
    let script = r#"
import sys, mmt_golden as golden, torch_backend as backend
bundle = sys.argv[1]
for profile, fused in (("f32", False), ("f32", True), ("f64", False)):
    n = 0
    for case in golden.load(bundle, profile):
        report = case.compare(backend.answer(case, dtype=backend.DTYPES[profile], fused=fused))
        assert report.ok, str(report)
        n += 1
    assert n > 20, n
for bug in "no_scale causal_plus1 ln_eps_outside bias_twice gelu_tanh no_residual1 patch_colmajor roi_sr1 cls_last adam_l2".split():
    reports = [case.compare(backend.answer(case, bug=bug)) for case in golden.load(bundle)]
    assert not all(r.ok for r in reports), bug
"#;
    succeeds(script);
}

#[test]
fn pytest_has_a_test_for_every_case() {
    if !has("pytest_has_a_test_for_every_case", "numpy, pytest") {
        return;
    }
    let mut command = python();
    command.args(["-m", "pytest", "-q", "-p", "mmt_golden", "-p", "no:cacheprovider", "--mmt-bundle"]);
    command.arg(bundle()).args(["--mmt-backend", "numpy_backend:backend"]).env("PYTHONPATH", ".");
    let out = command.output().expect("Python runs");
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("passed") && text.contains("skipped"), "{text}");
}

#[test]
fn layouts_hold_the_same_numbers() {
    if !has("layouts_hold_the_same_numbers", "numpy") {
        return;
    }
    let script = r#"
import mmt_golden as golden, numpy as np, sys
names = set()
for case in golden.load(sys.argv[1], case="sdpa.*"):
    for name, inputs in case.layouts():
        names.add(name)
        assert all(np.array_equal(inputs[k], v) for k, v in case.inputs.items()), (case.id, name)
        if name == "aliased":
            assert np.shares_memory(inputs["q"].base, inputs["v"].base)
        if name == "sliced":
            assert np.isnan(inputs["q"].base).any() and not inputs["q"].flags.contiguous
assert names == {"contiguous", "transposed", "sliced", "aliased"}, names
"#;
    succeeds(script);
}

/// A reader of files from anywhere: short, lying and torn ones give one line.
#[test]
fn python_refuses_broken_files() {
    if !has("python_refuses_broken_files", "numpy") {
        return;
    }
    let script = r#"
import mmt_golden as g, numpy as np, os, struct, sys, tempfile
path = os.path.join(tempfile.mkdtemp(), "x.safetensors")
g.write(path, {"main/out/y": np.arange(6.0).reshape(2, 3), "main/out/z": np.float32(1.5)})
whole = open(path, "rb").read()
assert np.array_equal(g.read(path)["main/out/y"], np.arange(6.0).reshape(2, 3))
lie = whole.replace(b"[0,48]", b"[0,96]")
for bad in [whole[:5], whole[:40], whole[:-1], struct.pack("<Q", 1 << 62) + whole[8:], lie]:
    open(path, "wb").write(bad)
    try:
        g.read(path)
    except ValueError as e:
        assert "\n" not in str(e)
    else:
        sys.exit("read a broken file")
"#;
    succeeds(script);
}

/// A manifest or a file that was changed is not the bundle.
#[test]
fn python_refuses_a_bundle_that_was_changed() {
    if !has("python_refuses_a_bundle_that_was_changed", "numpy") {
        return;
    }
    let script = r#"
import mmt_golden as g, os, shutil, sys, tempfile
copy = os.path.join(tempfile.mkdtemp(), "bundle")
shutil.copytree(sys.argv[1], copy)
def refused(name, change, why):
    path = os.path.join(copy, name)
    good = open(path, "rb").read()
    bad = change(good)
    assert bad != good
    open(path, "wb").write(bad)
    try:
        list(g.load(copy, case="softmax.rows.normal"))
    except ValueError as e:
        assert why in str(e) and "\n" not in str(e), e
    else:
        sys.exit(f"{name}: {why}")
    open(path, "wb").write(good)
assert len(list(g.load(copy, case="softmax.rows.normal"))) == 1
refused("manifest.json", lambda b: b.replace(b'"required_at":"L0"', b'"required_at":"L5"', 1), "digest of the manifest")
refused("manifest.json", lambda b: b.replace(b'"strong"', b'"weak"', 1), "digest of the manifest")
refused("manifest.json", lambda b: b.replace(b'"digest_manifest": "sha256:', b'"digest_manifest": "sha2', 1), "digest of the manifest")
file = "ops/softmax.rows.normal.safetensors"
refused(file, lambda b: b[:-1] + bytes([b[-1] ^ 1]), "hash")
refused(file, lambda b: b + b"0", "bytes, the manifest says")
shutil.rmtree(os.path.dirname(copy))
"#;
    succeeds(script);
}

#[test]
fn formulas_with_200_bits_give_the_same_bits() {
    if !has("formulas_with_200_bits_give_the_same_bits", "mpmath, numpy, safetensors") {
        return;
    }
    let out = run(&["truth.py"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    let same = text.lines().filter(|line| line.ends_with("numbers, the same bits")).count();
    assert!(same >= 10, "{text}");
}

#[test]
fn cpp_passes() {
    let folder = env::temp_dir().join(format!("mmt-consumers-{}", std::process::id()));
    let (binary, answers) = (folder.join("naive"), folder.join("got"));
    fs::create_dir_all(&answers).unwrap();
    let mut compiler = Command::new(env::var_os("CXX").unwrap_or_else(|| "g++".into()));
    compiler.args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&binary);
    match compiler.arg(root().join("docs/golden/naive.cpp")).output() {
        Err(_) => eprintln!("cpp_passes: left out, no C++ compiler"),
        Ok(out) => {
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let out = Command::new(&binary).arg(bundle()).arg(&answers).output().unwrap();
            passes(&out);
            let written = fs::read_dir(&answers).unwrap().count();
            assert!(written > 3, "{written} answers");
        }
    }
    fs::remove_dir_all(folder).unwrap();
}
