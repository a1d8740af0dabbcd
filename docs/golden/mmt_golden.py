"""Golden cases of mmt for any backend: one file, NumPy alone.

    import mmt_golden as golden

    for case in golden.load("golden-core", profile="f32", case="linear.*"):
        out = my_backend(case.op, case.config, case.inputs, case.params, case.cots)
        print(case.compare(out))                      # {"out/y": array, "grad_in/x": array, ..}

    golden.write("got/linear.affine.normal.safetensors", {"main/out/y": y})

A bundle is a folder: `manifest.json` and one safetensors file for each case. The format is small enough that this file
reads and writes it by itself. Two ways to judge a backend:

* in Python, with `Case.compare`, or as tests: `pytest -p mmt_golden --mmt-bundle DIR --mmt-backend module:function`;
* outside, by writing answers with `write` and calling `mmt golden check DIR --got ANSWERS`, which also explains.
"""

import fnmatch
import hashlib
import importlib
import json
import os
import struct
import traceback

import numpy as np

U_STORE = {"f64": 2.0**-53, "f32": 2.0**-24, "tf32": 2.0**-24, "bf16": 2.0**-8, "f16": 2.0**-11}
KAPPA_RMS = 4.0
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
ANSWERS = "float64, float32, float16 or bfloat16, and int64 or bool where the truth is that"


# --- files ------------------------------------------------------------------------------------------------------------


def read(path, size=None, sha256=None):
    """The arrays of a safetensors file by name; BF16 becomes float32. With a size and a hash: of this file and no other."""
    with open(path, "rb") as file:
        data = file.read()
    if size is not None and len(data) != size:
        raise ValueError(f"{path}: {len(data)} bytes, the manifest says {size}")
    if sha256 is not None and f"sha256:{hashlib.sha256(data).hexdigest()}" != sha256:
        raise ValueError(f"{path}: expected the hash {sha256} of the manifest, got sha256:{hashlib.sha256(data).hexdigest()}")
    if len(data) < 8:
        raise ValueError(f"{path}: too short for a header")
    (length,) = struct.unpack("<Q", data[:8])
    if length > len(data) - 8:
        raise ValueError(f"{path}: a header of {length} bytes in a file of {len(data)}")
    body = memoryview(data)[8 + length :]
    try:
        header = json.loads(data[8 : 8 + length], object_pairs_hook=unique)
        header.pop("__metadata__", None)
        return {name: array(name, info, body) for name, info in whole(header, len(body))}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: the header is not that of the format ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def unique(pairs):
    """The members of an object of JSON, none of them twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def whole(header, size):
    """The entries of a header, whose places lie side by side and fill the file."""
    end = 0
    for name, info in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = info["data_offsets"]
        if first != end or last < first:
            raise ValueError(f"`{name}` overlaps another array or leaves a gap")
        end = last
        yield name, info
    if end != size:
        raise ValueError("the arrays do not end where the file ends")


def array(name, info, body):
    """One array of a file."""
    (first, last), dtype = info["data_offsets"], info["dtype"]
    raw = body[first:last]
    if dtype == "BF16" and len(raw) % 2 == 0:
        found = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
    elif dtype in DTYPES and len(raw) % np.dtype(DTYPES[dtype]).itemsize == 0:
        found = np.frombuffer(raw, DTYPES[dtype])
    else:
        raise ValueError(f"`{name}` has the type {dtype} and {len(raw)} bytes")
    count = 1
    for n in info["shape"]:  # whole numbers of any size
        count *= n
    if count != found.size or any(n < 0 for n in info["shape"]):
        raise ValueError(f"the shape of `{name}` is not that of its bytes")
    return found.reshape(info["shape"])


def computed(name, value):
    """What a program computed as an array of NumPy: tensors of torch leave their graph and their device, bfloat16 becomes float32."""
    if value is None:
        raise ValueError(f"`{name}` is None: nothing was computed")
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in str(value.dtype) else value
        found = np.asarray(value)
    except Exception as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"`{name}` is no array, but {type(value).__name__} ({why})") from None
    if found.dtype.name == "bfloat16":
        found = found.astype(np.float32)
    if found.dtype.kind not in "fiub":
        raise ValueError(f"`{name}` has the type {found.dtype}: an answer holds {ANSWERS}")
    return found


def write(path, arrays):
    """Writes arrays as a safetensors file, to a temporary name first."""
    kinds = {np.dtype(v): k for k, v in DTYPES.items()}
    header, body = {}, b""
    for name in sorted(arrays):
        array = computed(name, arrays[name])
        if array.dtype not in kinds:
            raise ValueError(f"`{name}` has the type {array.dtype}: an answer holds {ANSWERS}")
        raw = array.tobytes()  # row-major, whatever the strides
        header[name] = {
            "dtype": kinds[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(f"{path}.part", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
    os.replace(f"{path}.part", path)


# --- cases ------------------------------------------------------------------------------------------------------------


class Case:
    """One computation: what goes in, and what has to come out."""

    def __init__(self, folder, entry, profile="f32", layout="mmt"):
        self.entry, self.profile, self.layout = entry, profile, layout
        self.id, self.op, self.config = entry["id"], entry["op"], entry["config"]
        self.path = os.path.join(folder, entry["file"])
        found = read(self.path, entry["bytes"], entry["sha256"])
        arrays = {key[5:]: array for key, array in found.items() if key.startswith("main/")}
        self.tolerances = {key: array for key, array in arrays.items() if key.startswith("tol/")}
        self.arrays = {key: array for key, array in arrays.items() if not key.startswith("tol/")}

    def __repr__(self):
        return f"<{self.id} {self.profile}>"

    def section(self, name):
        """The arrays of a section by name: `in`, `param`, `buf`, `cot`, `out`, `act`, `grad_in`, .."""
        cut = len(name) + 1
        found = {k[cut:]: v for k, v in self.arrays.items() if k.startswith(f"{name}/")}
        turned = self.layout == "torch" and name in ("param", "grad_param")
        return {k: v.T if turned and linear_weight(k, v) else v for k, v in found.items()}

    inputs = property(lambda self: self.section("in"))
    params = property(lambda self: self.section("param"))
    buffers = property(lambda self: self.section("buf"))
    cots = property(lambda self: self.section("cot"))

    @property
    def wanted(self):
        """The keys that an answer has to have: outputs and gradients, without intermediates."""
        tensors = self.entry.get("tensors", [])
        listed = [t["key"][5:] for t in tensors if t.get("required_at", "never") != "never"]
        sections = ("out/", "loss/", "grad_in/", "grad_param/", "opt/")
        return listed or [key for key in self.arrays if key.startswith(sections)]

    @property
    def gradients(self):
        """Names of inputs and parameters that have a gradient: `in/x`, `param/weight`."""
        return [key[5:] for key in self.arrays if key.startswith("grad_in/") or key.startswith("grad_param/")]

    def checked(self):
        """The keys that this profile has tolerances for."""
        head = f"tol/{self.profile}/"
        return [key[len(head) :] for key in self.tolerances if key.startswith(head)]

    def tolerance(self, key):
        """The tolerance of every element of a tensor; None where the profile does not check it."""
        tol = self.tolerances.get(f"tol/{self.profile}/{key}")
        return None if tol is None else np.broadcast_to(tol.astype(np.float64), self.arrays[key].shape)

    def tensors(self, device="cpu", dtype=None, framework="torch"):
        """All inputs, parameters, buffers and cotangents as tensors of torch or arrays of jax."""
        keys = [k for k in self.arrays if k.split("/")[0] in ("in", "param", "buf", "cot")]
        if framework == "jax":
            import jax.numpy as jnp

            return {k: jnp.asarray(self.arrays[k], dtype if self.arrays[k].dtype.kind == "f" else None) for k in keys}
        import torch

        def tensor(array):
            t = torch.from_numpy(array.copy())
            return t.to(device, dtype if t.is_floating_point() else None)

        return {k: tensor(self.arrays[k]) for k in keys}

    def compare(self, answer, missing="fail"):
        """Holds an answer, short keys or with `main/`, against the truth; with `missing="skip"` what it has of it, at least one array."""
        if missing not in ("fail", "skip"):
            raise ValueError(f'missing={missing!r}: "fail" or "skip"')
        answer = {k[5:] if k.startswith("main/") else k: v for k, v in answer.items()}
        given = [k for k in answer if k.split("/")[0] in ("in", "param", "buf", "cot", "tol")]
        if given:
            raise ValueError(f"`{given[0]}` is given: an answer is what a program computed, not the file of the case")
        rows = []
        for key in sorted(set(self.wanted) | (set(answer) & set(self.arrays)), key=self.order):
            if self.tolerance(key) is None:
                continue
            if key in answer:
                rows.append(self.one(key, computed(key, answer[key])))
            elif missing == "fail":
                rows.append({"key": key, "status": "missing", "score": float("inf")})
        if not rows:
            rows.append({"key": ", ".join(sorted(self.wanted)), "status": "missing", "score": float("inf")})
        rows += [{"key": k, "status": "extra", "score": 0.0} for k in sorted(set(answer) - set(self.arrays))]
        return Report(self, rows)

    def order(self, key):
        """Forward first, as it was computed; then gradients from the end to the start."""
        keys = list(self.arrays)
        return (key.startswith("grad"), keys.index(key) if key in keys else len(keys))

    def one(self, key, got):
        want, tol = self.arrays[key], self.tolerance(key)
        if self.layout == "torch" and key.startswith("grad_param/") and linear_weight(key[11:], want):
            got = got.T
        if got.shape != want.shape:
            return {"key": key, "status": "shape", "score": float("inf"), "got": got.shape, "want": want.shape}
        if want.dtype.kind in "ib":
            bad = int(np.sum(got != want))
            return {"key": key, "status": "fail" if bad else "pass", "score": float("inf") if bad else 0.0}
        x, y = got.astype(np.float64), want
        with np.errstate(all="ignore"):
            error = np.abs(x - y)
            score = np.where(error == 0, 0.0, error / tol)
        same = (np.isnan(x) & np.isnan(y)) | (np.isinf(y) & (x == y))
        score = np.where(same, 0.0, np.where(np.isnan(score), np.inf, score))
        worst = int(np.argmax(score)) if score.size else 0
        index = tuple(int(i) for i in np.unravel_index(worst, y.shape)) if y.ndim else ()
        top = float(score.reshape(-1)[worst]) if score.size else 0.0
        row = {"key": key, "score": top, "n_bad": int(np.sum(score > 1)), "n": int(y.size), "index": index}
        row["rms"] = self.rms(key, error, y)
        row["status"] = "fail" if top > 1 or row["rms"] > 1 else "pass"
        if score.size:
            row.update(got=float(x[index]), want=float(y[index]), tol=float(tol[index]))
        if row["status"] == "fail":
            row["hint"] = hint(x, y, self.config)
        return row

    def rms(self, key, error, y):
        """The second check, for 64 elements or more: the mean error beyond rounding, in units of four sigmas."""
        stats = [t for t in self.entry.get("tensors", []) if t["key"] == f"main/{key}"]
        sigma = stats[0].get("profiles", {}).get(self.profile, {}).get("rms_sigma") if stats else None
        if not sigma or y.size < 64 or not np.all(np.isfinite(error)):
            return 0.0
        beyond = np.maximum(error - U_STORE[self.profile] * np.abs(y), 0)
        return float(np.sqrt(np.mean(beyond**2)) / (KAPPA_RMS * sigma))

    def blank(self, key):
        """Where an answer can be written to: NaN, so that what is forgotten shows."""
        return np.full(self.arrays[key].shape, np.nan, np.float64 if self.profile == "f64" else np.float32)

    def layouts(self):
        """The inputs through other strides: `contiguous`, `transposed`, `sliced` with NaN between the numbers, `aliased` in one buffer."""
        yield "contiguous", self.inputs
        yield "transposed", {k: strided(v, "transposed") for k, v in self.inputs.items()}
        yield "sliced", {k: strided(v, "sliced") for k, v in self.inputs.items()}
        yield "aliased", aliased(self.inputs)


def relaid(array, layout):
    """A tensor of torch with the same numbers behind other strides: `transposed`, or `sliced` with NaN between them."""
    if not array.is_floating_point() or array.ndim < 2 or layout not in ("transposed", "sliced"):
        return array
    if layout == "transposed":
        return array.transpose(-1, -2).contiguous().transpose(-1, -2)
    wide = array.new_full((*array.shape[:-1], 2 * array.shape[-1] + 1), float("nan"))
    wide[..., 1::2] = array
    return wide[..., 1::2]


def linear_weight(name, array):
    """Weights of linear maps, which torch keeps as [out, in]."""
    return array.ndim == 2 and (name == "weight" or name.endswith(".weight"))


def strided(array, layout):
    """The same numbers behind other strides."""
    if array.dtype.kind != "f" or array.ndim < 2:
        return array
    if layout == "transposed":
        return np.ascontiguousarray(array.swapaxes(-1, -2)).swapaxes(-1, -2)
    wide = np.full(array.shape[:-1] + (2 * array.shape[-1] + 1,), np.nan, array.dtype)
    wide[..., 1::2] = array
    return wide[..., 1::2]


def aliased(arrays):
    """The same numbers as views of one buffer, one array after the other."""
    floats = {k: v for k, v in arrays.items() if v.dtype.kind == "f"}
    if not floats:
        return dict(arrays)
    buffer, views, at = np.concatenate([v.ravel() for v in floats.values()]), dict(arrays), 0
    for k, v in floats.items():
        views[k] = buffer[at : at + v.size].reshape(v.shape)
        at += v.size
    return views


def hint(x, y, config):
    """What a wrong tensor looks like, in a few words; empty if like nothing known."""
    if not np.all(np.isfinite(x)):
        return f"{int(np.sum(~np.isfinite(x)))} numbers are not finite"
    if not np.any(x):
        return "all zero"
    if x.size > 1 and np.ptp(x) == 0:
        return "constant"
    if np.allclose(x, -y, rtol=1e-4):
        return "negated"
    for axis in range(y.ndim):
        for step in (-1, 1):
            if y.shape[axis] > 2 and np.allclose(x, np.roll(y, step, axis), rtol=1e-4):
                return f"shifted by {step} along axis {axis}"
    size = float(np.sum(y * y))
    c = float(np.sum(x * y)) / size if size else 0.0
    if size and np.allclose(x, c * y, rtol=1e-3, atol=1e-3 * np.sqrt(size / y.size)):
        numbers = {f"{n}^{p}": v**p for n, v in config.items() if type(v) in (int, float) and v for p in (0.5, -0.5, 1, -1, 2)}
        near = [name for name, value in numbers.items() if abs(value - c) < 1e-3 * abs(c)]
        return "" if abs(c - 1) < 1e-3 else f"{c:.4g} x want" + (f" = {near[0]}" if near else "")
    return ""


class Report:
    """What came of one case."""

    def __init__(self, case, rows):
        self.case, self.rows = case, rows

    ok = property(lambda self: all(r["status"] in ("pass", "extra") for r in self.rows))
    score = property(lambda self: max((r["score"] for r in self.rows), default=0.0))
    right = property(lambda self: [r["key"] for r in self.rows if r["status"] == "pass"])
    wrong = property(lambda self: [r["key"] for r in self.rows if r["status"] not in ("pass", "missing", "extra")])

    @property
    def summary(self):
        """Which arrays are right, in one line; empty if none is wrong, or if there is one alone."""
        if not self.wrong or len(self.wrong) == 1 and not self.right:
            return ""
        output = ("out/", "loss/", "opt/")
        there = {r["key"] for r in self.rows if r["status"] != "missing"}
        missing = [key for key in self.case.wanted if key not in there]
        outputs = any(k.startswith(output) for k in self.right) and not any(k.startswith(output) for k in self.wrong + missing)
        if outputs and all(k.startswith("grad_") for k in self.wrong):
            return f"all outputs right, only gradients are wrong: {names(self.wrong)}"
        if outputs:
            return f"all outputs right; wrong: {names(self.wrong)}"
        return f"right: {names(self.right)}; wrong: {names(self.wrong)}" if self.right else "no array is right"

    def __str__(self):
        word = "pass" if self.ok else "FAIL"
        lines = [f"{word} {self.case.id}  {self.case.profile}  score {self.score:.3g}"]
        lines += [f"  {self.summary}"] if self.summary else []
        for r in [r for r in self.rows if r["status"] != "pass"]:
            where = f" at {r['index']} got {r['got']:.9g} want {r['want']:.9g}" if "tol" in r else ""
            mean = f" mean error {r['rms']:.3g}" if r.get("rms", 0) > 1 else ""
            lines.append(f"  {r['key']:<24} {r['status']:<8} score {r['score']:.3g}{mean}{where}")
            if r.get("hint"):
                lines.append(f"    looks like: {r['hint']}")
        return "\n".join(lines)


def names(keys, most=8):
    """Names one after the other, of many the first."""
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")


def manifest(folder):
    """The manifest of a bundle, of a version that this file reads, if its digest is that of its text."""
    with open(os.path.join(folder, "manifest.json"), "rb") as file:
        text = file.read()
    try:
        m = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{os.path.join(folder, 'manifest.json')}: {error}") from None
    if m.get("schema") != "mmt-golden/1":
        raise ValueError(f"{folder}: schema {m.get('schema')!r}, known is mmt-golden/1")
    said = str(m.get("digest_manifest", ""))
    plain = text.replace(said.encode(), b"sha256:" + b"0" * 64) if len(said) == 71 else text
    got = f"sha256:{hashlib.sha256(plain).hexdigest()}"
    if got != said:
        path = os.path.join(folder, "manifest.json")
        raise ValueError(f"{path}: the digest of the manifest: expected {said or 'nothing'}, got {got}")
    for entry in m["cases"]:
        if entry["file"].startswith("/") or ".." in entry["file"]:
            raise ValueError(f"{folder}: a file outside the bundle: {entry['file']}")
    return m


def load(folder, profile="f32", case="*", level=None, family=None, tier=None, layout="mmt", shuffle=None):
    """The cases of a bundle that have tolerances for a profile, one after the other, or shuffled by a seed."""
    if profile not in U_STORE or layout not in ("mmt", "torch"):
        raise ValueError(f"profile={profile!r}, layout={layout!r}: {' '.join(U_STORE)}, and mmt or torch")
    entries = manifest(folder)["cases"]
    if not any(fits(entry, case, level, family, tier) for entry in entries):
        raise ValueError(f"{folder}: no case fits case={case!r}, level={level!r}, family={family!r}, tier={tier!r}")
    return chosen(folder, entries, profile, layout, shuffle, lambda entry: fits(entry, case, level, family, tier))


def fits(entry, case, level, family, tier):
    """Whether a case is one of those that are asked for."""
    wanted = ((level, "level"), (family, "family"), (tier, "tier"))
    active = entry.get("status", "active") == "active"
    return active and all(not w or entry[k] == w for w, k in wanted) and fnmatch.fnmatch(entry["id"], case)


def chosen(folder, entries, profile, layout, shuffle, asked):
    """The cases one after the other, those that a profile has."""
    if shuffle is not None:
        np.random.default_rng(shuffle).shuffle(entries)
    for entry in entries:
        if asked(entry):
            found = Case(folder, entry, profile, layout)
            if found.checked():
                yield found


def find(path, profile="f32"):
    """The case of one file of a bundle: the manifest lies in a folder above it."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.isfile(os.path.join(folder, "manifest.json")):
        if folder == os.path.dirname(folder):
            raise ValueError(f"{path}: no manifest.json above it")
        folder = os.path.dirname(folder)
    name = os.path.relpath(os.path.abspath(path), folder).replace(os.sep, "/")
    entries = [e for e in manifest(folder)["cases"] if e["file"] == name]
    if not entries:
        raise ValueError(f"{path}: not in the manifest")
    return Case(folder, entries[0], profile)


def digest(arrays):
    """A fingerprint of arrays, to see whether a backend writes to its inputs."""
    text = hashlib.sha256()
    for key in sorted(arrays):
        text.update(key.encode() + np.ascontiguousarray(computed(key, arrays[key])).tobytes())
    return text.hexdigest()


def run(case, backend):
    """Runs a backend twice: the report, and what is suspicious about it. None if it does not know the operation."""
    notes, before = [], digest(case.arrays)
    answer = backend(case)
    if answer is None:
        return None
    if digest(case.arrays) != before:
        raise AssertionError(f"{case.id}: the backend writes to its inputs")
    again = backend(case)
    if digest(answer) != digest(again):
        notes.append("not the same bits twice")
    return case.compare(answer), notes


# --- pytest -----------------------------------------------------------------------------------------------------------


def pytest_addoption(parser):
    group = parser.getgroup("mmt-golden")
    group.addoption("--mmt-bundle", help="folder of a bundle")
    group.addoption("--mmt-backend", help="module:function from a case to its answer, or None")
    group.addoption("--mmt-profile", default="f32", help="f64, f32, tf32, bf16 or f16")
    group.addoption("--mmt-case", default="*", help="which cases, with * and ?")


def named(backend):
    """The function of `module:function`."""
    module, _, name = (backend or "").partition(":")
    if not module or not name:
        raise ValueError(f"--mmt-backend {backend or 'is missing'}: expected module:function")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        hint = "; its folder belongs in PYTHONPATH" if error.name == module.split(".")[0] else ""
        raise ValueError(f"--mmt-backend {backend}: no module `{error.name}`{hint}") from None
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(f"--mmt-backend {backend}: {last.filename}:{last.lineno}: {why}") from None
    if not callable(found):
        raise ValueError(f"--mmt-backend {backend}: no function `{name}` in {module}")
    return found


def pytest_collection(session):
    """One test for each case, without any test file."""
    import pytest

    option = session.config.getoption
    if not option("--mmt-bundle"):
        return
    try:
        backend = named(option("--mmt-backend"))
        cases = list(load(option("--mmt-bundle"), option("--mmt-profile"), option("--mmt-case")))
    except (OSError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None

    class Item(pytest.Item):
        def runtest(self):
            ran = run(self.case, backend)
            if ran is None:
                pytest.skip("not supported")
            if not ran[0].ok:
                raise AssertionError(str(ran[0]))

        def repr_failure(self, info):
            return str(info.value)

        def reportinfo(self):
            return self.case.path, None, self.case.id

    session.items = [_item(Item, session, case) for case in cases]
    session.testscollected = len(session.items)
    return True


def _item(kind, session, case):
    item = kind.from_parent(session, name=case.id)
    item.case = case
    return item
