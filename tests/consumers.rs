//! The examples of `docs/golden` on the committed bundle. Each runs where what it needs is installed, and says so where it
//! is not. `MMT_PYTHON` names another Python than `python3`.

use std::path::{Path, PathBuf};
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

/// Arguments that name nothing are told in one line, without a trace of calls.
#[test]
fn pytest_says_what_is_wrong_with_its_options() {
    if !has("pytest_says_what_is_wrong_with_its_options", "numpy, pytest") {
        return;
    }
    let (right, nowhere) = (bundle(), PathBuf::from("/nowhere"));
    for (bundle, backend, profile, why) in [
        (&right, "no_module:backend", "f32", "no module `no_module`"),
        (&right, "numpy_backend:no_function", "f32", "no function `no_function` in numpy_backend"),
        (&right, "numpy_backend", "f32", "expected module:function"),
        (&nowhere, "numpy_backend:backend", "f32", "/nowhere/manifest.json"),
        (&right, "numpy_backend:backend", "f8", "profile='f8'"),
    ] {
        let mut command = python();
        command.args(["-m", "pytest", "-q", "-p", "mmt_golden", "-p", "no:cacheprovider", "--mmt-bundle"]);
        command.arg(bundle).args(["--mmt-backend", backend, "--mmt-profile", profile]).env("PYTHONPATH", ".");
        let out = command.output().expect("Python runs");
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("ERROR: ")).collect();
        assert!(
            out.status.code() == Some(4) && errors.len() == 1 && errors[0].contains(why),
            "{backend} {said}"
        );
        assert!(!said.contains("Traceback") && !said.contains("INTERNALERROR"), "{said}");
    }
}

/// An answer may be of any numbers; one of anything else is refused in a line. A report says which arrays are right.
#[test]
fn python_takes_numbers_of_any_kind_and_says_which_are_right() {
    if !has("python_takes_numbers_of_any_kind_and_says_which_are_right", "numpy") {
        return;
    }
    let script = r#"
import mmt_golden as g, numpy as np, sys
case = next(g.load(sys.argv[1], case="linear.affine.normal"))
right = {key: case.arrays[key] for key in case.wanted}
assert case.compare(right).ok and case.compare(right).summary == ""
def said(**changed):
    answer = dict(right)
    answer.update({key.replace("__", "/"): x for key, x in changed.items()})
    return case.compare(answer).summary
wrong = np.zeros_like(right["grad_param/weight"])
assert said(grad_param__weight=wrong) == "all outputs right, only gradients are wrong: grad_param/weight"
assert said(out__y=0 * right["out/y"]) == "right: grad_in/x, grad_param/bias, grad_param/weight; wrong: out/y", said(out__y=0 * right["out/y"])
assert "only gradients are wrong" in str(case.compare(dict(right, **{"grad_in/x": 0 * right["grad_in/x"]})))
half = next(g.load(sys.argv[1], case="topology.cross.*"))
answer = {key: half.arrays[key] for key in half.wanted}
del answer["out/b"]
answer["grad_in/a"] = 2 * answer["grad_in/a"]
assert half.compare(answer, missing="skip").summary.startswith("right: "), half.compare(answer, missing="skip").summary
for bad in ("text", np.zeros(3, complex), {"a": 1}, [[1], [1, 2]], None):
    try:
        case.compare({"out/y": bad}, missing="skip")
    except ValueError as e:
        assert "\n" not in str(e) and "`out/y`" in str(e), e
    else:
        sys.exit(f"took {bad!r}")
try:
    import torch
except ImportError:
    sys.exit(0)
bent = {key: torch.tensor(x).requires_grad_() * 1.0 for key, x in right.items()}
assert case.compare(bent).ok and g.run(case, lambda case: bent)[0].ok
half = next(g.load(sys.argv[1], "bf16", case="linear.affine.normal"))
assert half.compare({key: x.bfloat16() for key, x in bent.items()}).ok
"#;
    succeeds(script);
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
refused("manifest.json", lambda b: b.replace(b'"required_at":"L0"', b'"required_at":"L5"', 1), "manifest.json: the digest of the manifest: expected sha256:")
refused("manifest.json", lambda b: b.replace(b'"strong"', b'"weak"', 1), "digest of the manifest")
refused("manifest.json", lambda b: b.replace(b'"digest_manifest": "sha256:', b'"digest_manifest": "sha2', 1), "digest of the manifest")
file = "ops/softmax.rows.normal.safetensors"
refused(file, lambda b: b[:-1] + bytes([b[-1] ^ 1]), "expected the hash sha256:")
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

/// A folder and what is in it.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() { copied(&path, &place) } else { fs::copy(&path, place).map(|_| ()).unwrap() }
    }
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
            // A case of which one bit was changed, a manifest in which a word was, and one without a digest.
            let (case, manifest) = ("ops/linear.affine.normal.safetensors", "manifest.json");
            let flip = |mask: u8| move |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= mask;
            let unseal = |bytes: &mut Vec<u8>| {
                let text = String::from_utf8(bytes.clone()).unwrap();
                let key = "\"digest_manifest\": \"sha256:";
                let at = text.find(key).unwrap() + key.len();
                bytes[at..at + 64].fill(b'0');
            };
            refused(&binary, case, &flip(1), "expected the hash sha256:");
            refused(&binary, manifest, &flip(b'\n' ^ b' '), "the digest of the manifest");
            refused(&binary, manifest, &unseal, "the digest of the manifest");
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

/// The program refuses, in one line that says why, a copy of the bundle in which one file was changed.
fn refused(binary: &Path, name: &str, change: &dyn Fn(&mut Vec<u8>), why: &str) {
    let copy = binary.with_file_name("changed");
    copied(&bundle(), &copy);
    let mut bytes = fs::read(copy.join(name)).unwrap();
    change(&mut bytes);
    fs::write(copy.join(name), bytes).unwrap();
    let out = Command::new(binary).arg(&copy).arg(copy.join("got")).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    let line = said.contains(why) && said.contains(name) && said.lines().count() == 1;
    assert!(out.status.code() == Some(3) && line, "{said}");
    fs::remove_dir_all(copy).unwrap();
}
