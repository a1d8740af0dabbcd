"""NumPy in single precision as a backend: forward and backward by hand, one function for each operation.

    python numpy_backend.py BUNDLE [--case GLOB]
    python numpy_backend.py CASE.safetensors ANSWER.safetensors

The second form is what `mmt golden run BUNDLE --profile f32 -- python numpy_backend.py {case} {out}` calls.
"""

import math
import sys

import numpy as np

import mmt_golden as golden

ERF = np.vectorize(math.erf, otypes=[np.float32])


def linear(c, x, p, d):
    w, dy = p["weight"], d["y"]
    rows, drows = x["x"].reshape(-1, w.shape[0]), dy.reshape(-1, w.shape[1])
    out = {"out/y": x["x"] @ w, "grad_in/x": dy @ w.T, "grad_param/weight": rows.T @ drows}
    if "bias" in p:
        out["out/y"] = out["out/y"] + p["bias"]
        out["grad_param/bias"] = drows.sum(0)
    return out


def layer_norm(c, x, p, d):
    x, dy = x["x"], d["y"]
    mean = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + np.float32(c["eps"]))
    hat = (x - mean) * rstd
    dhat = dy * p["gamma"] if "gamma" in p else dy
    inner = dhat - dhat.mean(-1, keepdims=True) - hat * (dhat * hat).mean(-1, keepdims=True)
    out = {"out/y": hat, "grad_in/x": inner * rstd, "act/mean": mean[..., 0], "act/rstd": rstd[..., 0]}
    if "gamma" in p:
        rows = tuple(range(x.ndim - 1))
        out["out/y"] = hat * p["gamma"] + p["beta"]
        out |= {"grad_param/gamma": (dy * hat).sum(rows), "grad_param/beta": dy.sum(rows)}
    return out


def soft(z, keep=None):
    z = z if keep is None else np.where(keep, z, -np.inf)
    m = z.max(-1, keepdims=True)
    e = np.exp(z - np.where(np.isfinite(m), m, 0))  # a row that sees nothing has no maximum
    return e / np.maximum(e.sum(-1, keepdims=True), np.finfo(np.float32).tiny)


def soft_backward(p, dp):
    return p * (dp - (p * dp).sum(-1, keepdims=True))


def softmax(c, x, p, d):
    y = soft(x["x"], x.get("mask"))
    return {"out/p": y, "grad_in/x": soft_backward(y, d["p"])}


def log_softmax(c, x, p, d):
    z = x["z"] - x["z"].max(-1, keepdims=True)
    l = z - np.log(np.exp(z).sum(-1, keepdims=True))
    return {"out/l": l, "grad_in/z": d["l"] - np.exp(l) * d["l"].sum(-1, keepdims=True)}


def activation(c, x, p, d):
    z, one = x["z"], np.float32(1)
    if c["kind"] == "relu":
        y, slope = np.maximum(z, 0), (z > 0).astype(np.float32)
    elif c["kind"] == "gelu":
        phi = (one + ERF(z * np.float32(math.sqrt(0.5)))) / 2
        y, slope = z * phi, phi + z * np.exp(-z * z / 2) * np.float32(1 / math.sqrt(2 * math.pi))
    elif c["kind"] == "quick_gelu":
        s = one / (one + np.exp(-np.float32(1.702) * z))
        y, slope = z * s, s * (one + np.float32(1.702) * z * (one - s))
    else:
        k = np.float32(math.sqrt(2 / math.pi))
        t = np.tanh(k * (z + np.float32(0.044715) * z**3))
        y = z / 2 * (one + t)
        slope = (one + t) / 2 + z / 2 * (one - t * t) * k * (one + np.float32(3 * 0.044715) * z * z)
    return {"out/y": y, "grad_in/z": d["y"] * slope}


def sdpa(c, x, p, d):
    q, k, v, do = x["q"], x["k"], x["v"], d["o"]
    n, m, scale = q.shape[2], k.shape[2], np.float32(1 / math.sqrt(q.shape[3]))
    s, keep = scale * (q @ k.swapaxes(-1, -2)), np.ones((1, 1, n, m), bool)
    if "key_mask" in x:
        keep = keep & x["key_mask"][:, None, None, :]
    if "causal" in c["mask"]:
        keep = keep & (np.arange(m) <= np.arange(n)[:, None] + c["causal_offset"])
    pr = soft(s + x["bias"] if "bias" in x else s, keep)
    seen = keep.any(-2)[..., None]  # what nobody sees may hold anything
    v, k_seen = np.where(seen, v, 0), np.where(seen, k, 0)
    ds = soft_backward(pr, do @ v.swapaxes(-1, -2))
    return {
        "out/o": pr @ v, "act/p": pr, "act/scores": s, "grad_in/v": pr.swapaxes(-1, -2) @ do,
        "grad_in/q": scale * (ds @ k_seen), "grad_in/k": scale * (ds.swapaxes(-1, -2) @ q),
    }  # fmt: skip


def cross_entropy(c, x, p, d):
    z, labels = x["z"], x["labels"]
    counted, probabilities = labels >= 0, soft(z)
    n = np.float32(max(counted.sum(), 1))
    top = z.max(-1)
    lse = top + np.log(np.exp(z - top[:, None]).sum(-1))
    hit = np.take_along_axis(z, np.maximum(labels, 0)[:, None], 1)[:, 0]
    wanted = np.eye(z.shape[1], dtype=np.float32)[np.maximum(labels, 0)]
    dz = (probabilities - wanted) * counted[:, None] / n * d["loss"]
    return {"loss/loss": ((lse - hit) * counted).sum() / n, "grad_in/z": dz}


def mse(c, x, p, d):
    e = x["y"] - x["t"]
    return {"loss/loss": (e * e).mean(), "grad_in/y": 2 * e / np.float32(e.size) * d["loss"]}


def embedding(c, x, p, d):
    grad = np.zeros_like(p["table"])
    np.add.at(grad, x["ids"], d["y"])
    if c.get("padding") is not None:
        grad[c["padding"]] = 0
    return {"out/y": p["table"][x["ids"]], "grad_param/table": grad}


def dropout(c, x, p, d):
    keep = x["mask"] / np.float32(1 - c["p"])
    return {"out/y": x["x"] * keep, "grad_in/x": d["y"] * keep}


OPS = {f.__name__: f for f in (linear, layer_norm, softmax, log_softmax, activation, sdpa, cross_entropy, mse, embedding, dropout)}


def backend(case):
    """The answer to a case, or None for an operation that is not in the list."""
    single = lambda part: {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in part.items()}
    if case.op not in OPS:
        return None
    with np.errstate(invalid="ignore"):
        out = OPS[case.op](case.config, single(case.inputs), single(case.params), single(case.cots))
    return {k: np.asarray(v, np.float32) for k, v in out.items()}


def main(path, *rest):
    if path.endswith(".safetensors"):
        out = backend(golden.find(path))
        if out is None:
            sys.exit(77)
        return golden.write(rest[0], {f"main/{k}": v for k, v in out.items()})
    ran = [(case.id, golden.run(case, backend)) for case in golden.load(path, case=rest[1] if rest else "*")]
    reports = [r[0] for _, r in ran if r is not None]
    for report in reports:
        if not report.ok:
            print(report)
    failed = sum(not r.ok for r in reports)
    print(f"numpy {np.__version__} f32: {len(reports) - failed} passed, {failed} failed, {len(ran) - len(reports)} not supported")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
