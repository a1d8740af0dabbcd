"""Computes golden cases again with 200 bits, and compares every number bit for bit.

    python docs/golden/truth.py BUNDLE

Needs mpmath, numpy and safetensors. One case of each family, written down once more from the formulas, with nothing of
the crates in it: if a single bit differs, one of the two is wrong.
"""

import json
import pathlib
import sys

import numpy as np
from mpmath import mp, mpf
from safetensors import safe_open

mp.prec = 200
ONE, ZERO = mpf(1), mpf(0)


def exact(a):
    """The numbers of a file, without an error."""
    return np.vectorize(lambda x: mpf(float(x)), otypes=[object])(a)


def zeros(shape):
    return np.full(shape, ZERO, dtype=object)


def every(f, a):
    return np.vectorize(f, otypes=[object])(a)


def rows(a):
    return a.reshape(-1, a.shape[-1])


def linear(x, w, b=None):
    y = x.dot(w)
    return y if b is None else y + b


def layer_norm(x, gamma, beta, eps):
    d = x.shape[-1]
    mean = x.sum(axis=-1) / d
    centered = x - mean[:, None]
    rstd = every(lambda v: ONE / mp.sqrt(v + mpf(eps)), (centered * centered).sum(axis=-1) / d)
    hat = centered * rstd[:, None]
    return gamma * hat + beta, mean, rstd, hat


def layer_norm_backward(hat, rstd, gamma, dy):
    d = hat.shape[-1]
    g = dy * gamma
    mean = g.sum(axis=-1)[:, None] / d
    along = (g * hat).sum(axis=-1)[:, None] / d
    return (g - mean - hat * along) * rstd[:, None], (dy * hat).sum(axis=0), dy.sum(axis=0)


def softmax(s):
    e = every(mp.exp, s - s.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_backward(p, dp):
    return p * (dp - (p * dp).sum(axis=-1, keepdims=True))


def phi(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def case_linear(t, c):
    x, w, b, dy = t["in/x"], t["param/weight"], t["param/bias"], t["cot/y"]
    return {"out/y": linear(x, w, b), "grad_in/x": dy.dot(w.T), "grad_param/weight": x.T.dot(dy),
            "grad_param/bias": dy.sum(axis=0)}


def case_layer_norm(t, c):
    y, mean, rstd, hat = layer_norm(t["in/x"], t["param/gamma"], t["param/beta"], c["eps"])
    dx, dgamma, dbeta = layer_norm_backward(hat, rstd, t["param/gamma"], t["cot/y"])
    return {"out/y": y, "act/mean": mean, "act/rstd": rstd, "grad_in/x": dx, "grad_param/gamma": dgamma,
            "grad_param/beta": dbeta}


def case_softmax(t, c):
    p = softmax(t["in/x"])
    return {"out/p": p, "grad_in/x": softmax_backward(p, t["cot/p"])}


def case_gelu(t, c):
    z = t["in/z"]
    return {"out/y": every(lambda x: x * phi(x), z),
            "grad_in/z": t["cot/y"] * every(lambda x: phi(x) + x * density(x), z)}


def case_sdpa(t, c):
    q, k, v, do = t["in/q"], t["in/k"], t["in/v"], t["cot/o"]
    out = {key: zeros(shape) for key, shape in [
        ("act/scores", q.shape[:3] + k.shape[2:3]), ("act/p", q.shape[:3] + k.shape[2:3]),
        ("out/o", do.shape), ("grad_in/q", q.shape), ("grad_in/k", k.shape), ("grad_in/v", v.shape)]}
    scale = ONE / mp.sqrt(q.shape[-1])
    for i in np.ndindex(q.shape[:2]):
        s = q[i].dot(k[i].T) * scale
        p = softmax(s)
        ds = softmax_backward(p, do[i].dot(v[i].T))
        out["act/scores"][i], out["act/p"][i], out["out/o"][i] = s, p, p.dot(v[i])
        out["grad_in/q"][i], out["grad_in/k"][i] = ds.dot(k[i]) * scale, ds.T.dot(q[i]) * scale
        out["grad_in/v"][i] = p.T.dot(do[i])
    return out


def case_mha(t, c):
    x, h = t["in/x"], c["heads"]
    b, n, d = x.shape
    w = {m: (t[f"param/w_{m}.weight"], t[f"param/w_{m}.bias"]) for m in "qkvo"}
    q, k, v = (linear(rows(x), *w[m]).reshape(b, n, h, d // h).transpose(0, 2, 1, 3) for m in "qkv")
    ctx = np.stack([np.stack([softmax(q[i, j].dot(k[i, j].T) / mp.sqrt(d // h)).dot(v[i, j]) for j in range(h)])
                    for i in range(b)])
    merged = ctx.transpose(0, 2, 1, 3).reshape(b * n, d)
    dy = rows(t["cot/y"])
    return {"act/c": merged.reshape(b, n, d), "out/y": linear(merged, *w["o"]).reshape(b, n, d),
            "grad_param/w_o.weight": merged.T.dot(dy), "grad_param/w_o.bias": dy.sum(axis=0)}


def case_embedding_sum(t, c):
    y, mean, rstd, hat = layer_norm(t["in/a"] + t["in/b"] + t["in/c"], t["param/norm.gamma"], t["param/norm.beta"], c["eps"])
    dx, dgamma, dbeta = layer_norm_backward(hat, rstd, t["param/norm.gamma"], t["cot/x"])
    return {"out/x": y, "act/mean": mean, "act/rstd": rstd, "grad_in/a": dx, "grad_param/norm.gamma": dgamma,
            "grad_param/norm.beta": dbeta}


def case_patch(t, c):
    images, p = t["in/images"], c["patch"]
    b, height, width, ch = images.shape
    x = images.reshape(b, height // p, p, width // p, p, ch)
    x = x.transpose(0, 1, 3, 5, 2, 4).reshape(-1, p * p * ch)  # channel, row, column
    dy = rows(t["cot/y"])
    y = linear(x, t["param/project.weight"], t["param/project.bias"])
    return {"out/y": y.reshape(b, -1, y.shape[1]), "grad_param/project.weight": x.T.dot(dy),
            "grad_param/project.bias": dy.sum(axis=0)}


def case_conv(t, c):
    x, w, bias = t["in/x"], t["param/weight"], t["param/bias"]
    (ph, pw), (kh, kw) = c["padding"], w.shape[2:]
    b, ch, height, width = x.shape
    padded = zeros((b, ch, height + 2 * ph, width + 2 * pw))
    padded[:, :, ph:ph + height, pw:pw + width] = x
    y = zeros((b, w.shape[0], padded.shape[2] - kh + 1, padded.shape[3] - kw + 1))
    for i, j in np.ndindex(y.shape[2:]):
        window = padded[:, :, i:i + kh, j:j + kw].reshape(b, -1)
        y[:, :, i, j] = linear(window, w.reshape(w.shape[0], -1).T, bias)
    return {"out/y": y, "grad_param/bias": t["cot/y"].sum(axis=(0, 2, 3))}


def case_cross_entropy(t, c):
    z, labels = t["in/z"], t["in/labels"]
    p, counted = softmax(z), [i for i, label in enumerate(labels) if label >= 0]
    loss = sum((-mp.log(p[i, labels[i]]) for i in counted), ZERO) / len(counted)
    dz = zeros(z.shape)
    for i in counted:
        dz[i] = p[i] / len(counted)
        dz[i, labels[i]] -= ONE / len(counted)
    return {"loss/loss": np.array(loss, dtype=object), "grad_in/z": dz * t["cot/loss"]}


def case_pooler(t, c):
    h, w = t["in/h"], t["param/dense.weight"]
    p = every(mp.tanh, linear(h[:, 0], w, t["param/dense.bias"]))
    da = t["cot/p"] * (ONE - p * p)
    dh = zeros(h.shape)
    dh[:, 0] = da.dot(w.T)
    return {"out/p": p, "grad_in/h": dh, "grad_param/dense.weight": h[:, 0].T.dot(da),
            "grad_param/dense.bias": da.sum(axis=0)}


def case_dropout(t, c):
    keep = every(lambda k: ONE / (ONE - mpf(c["p"])) if k else ZERO, t["in/mask"])
    return {"out/y": t["in/x"] * keep, "grad_in/x": t["cot/y"] * keep}


def case_adamw(t, c):
    b1, b2, lr, eps, decay = (mpf(c[k]) for k in ("beta_1", "beta_2", "lr", "eps", "weight_decay"))
    out = {}
    for name in ("weight", "bias"):
        x, g = t[f"param/{name}"], t[f"in/grad.{name}"]
        m, v = zeros(x.shape), zeros(x.shape)
        for step in range(1, c["steps"] + 1):
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
            if x.ndim > 1:
                x = x - lr * decay * x
            root = every(mp.sqrt, v / (1 - b2 ** step))
            x = x - lr * (m / (1 - b1 ** step)) / (root + eps)
        out |= {f"opt/{name}": x, f"opt/m.{name}": m, f"opt/v.{name}": v}
    return out


def case_ffn(t, c):
    x, dy = rows(t["in/x"]), rows(t["cot/y"])
    w1, w2 = t["param/w_1.weight"], t["param/w_2.weight"]
    z = linear(x, w1, t["param/w_1.bias"])
    h = every(lambda x: x * phi(x), z)
    dz = dy.dot(w2.T) * every(lambda x: phi(x) + x * density(x), z)
    shape = t["in/x"].shape[:2]
    batched = lambda a: a.reshape(shape + a.shape[1:])
    return {"act/z": batched(z), "act/h": batched(h), "out/y": batched(linear(h, w2, t["param/w_2.bias"])),
            "grad_in/x": batched(dz.dot(w1.T)), "grad_param/w_1.weight": x.T.dot(dz),
            "grad_param/w_2.weight": h.T.dot(dy), "grad_param/w_1.bias": dz.sum(axis=0)}


def taps(v, cells):
    """The cells on both sides of a coordinate, with their weights."""
    if v < -1 or v > cells:
        return []
    v = max(v, ZERO)
    low = int(mp.floor(v))
    return [(cells - 1, ONE)] if low >= cells - 1 else [(low, low + 1 - v), (low + 1, v - low)]


def case_roi_align(t, c):
    features, boxes, dy = t["in/features"], t["in/boxes"], t["cot/y"]
    (high, wide), g, shift = c["output"], c["sampling"], ONE / 2 if c["aligned"] else ZERO
    cells, y, dfeatures = features.shape[2:], zeros(dy.shape), zeros(features.shape)
    for n, (image, x1, y1, x2, y2) in enumerate(boxes):
        image = int(image)
        # Where bin `at` of `bins` takes sample `i` of an axis that begins at `low`.
        place = lambda low, size, bins, at, i: low + size / bins * (at + (i + ONE / 2) / g)
        edges = [(mpf(c["scale"]) * low - shift, mpf(c["scale"]) * (end - low)) for low, end in ((y1, y2), (x1, x2))]
        for p, q, i, j in np.ndindex(high, wide, g, g):
            vertical = taps(place(*edges[0], high, p, i), cells[0])
            for (a, u), (b, w) in ((a, b) for a in vertical for b in taps(place(*edges[1], wide, q, j), cells[1])):
                y[n, :, p, q] += u * w * features[image, :, a, b] / (g * g)
                dfeatures[image, :, a, b] += u * w * dy[n, :, p, q] / (g * g)
    return {"out/y": y, "grad_in/features": dfeatures}


def pre_ln(x, t, name, heads, eps):
    """A block with its norms first: the output, what is inside, and the function from its gradient to all others."""
    b, n, d = x.shape
    of = lambda part: t[f"param/{name}{part}"]
    split = lambda a: a.reshape(b, n, heads, d // heads).transpose(0, 2, 1, 3)
    join = lambda a: a.transpose(0, 2, 1, 3).reshape(b * n, d)
    each = lambda f, *arrays: np.stack([np.stack([f(*(a[i, j] for a in arrays)) for j in range(heads)]) for i in range(b)])
    scale = ONE / mp.sqrt(d // heads)
    u, mean_1, rstd_1, hat_1 = layer_norm(rows(x), of("norm_1.gamma"), of("norm_1.beta"), eps)
    q, k, v = (split(linear(u, of(f"attn.w_{m}.weight"), of(f"attn.w_{m}.bias"))) for m in "qkv")
    p = each(lambda q, k: softmax(q.dot(k.T) * scale), q, k)
    ctx = join(each(lambda p, v: p.dot(v), p, v))
    x1 = rows(x) + linear(ctx, of("attn.w_o.weight"), of("attn.w_o.bias"))
    w, mean_2, rstd_2, hat_2 = layer_norm(x1, of("norm_2.gamma"), of("norm_2.beta"), eps)
    z = linear(w, of("ffn.w_1.weight"), of("ffn.w_1.bias"))
    h = every(lambda a: a * phi(a), z)
    y = x1 + linear(h, of("ffn.w_2.weight"), of("ffn.w_2.bias"))
    batched = lambda a: a.reshape((b, n) + a.shape[1:])
    act = {"norm_1.mean": mean_1, "norm_1.rstd": rstd_1, "norm_2.mean": mean_2, "norm_2.rstd": rstd_2,
           "attn.q": join(q), "attn.k": join(k), "attn.v": join(v), "attn.c": ctx, "ffn.z": z, "ffn.h": h}
    act = {part: batched(a) for part, a in act.items()} | {"attn.p": p}

    def back(dy):
        grad = {"ffn.w_2.weight": h.T.dot(dy), "ffn.w_2.bias": dy.sum(axis=0)}
        dz = dy.dot(of("ffn.w_2.weight").T) * every(lambda a: phi(a) + a * density(a), z)
        grad |= {"ffn.w_1.weight": w.T.dot(dz), "ffn.w_1.bias": dz.sum(axis=0)}
        dx1, dgamma, dbeta = layer_norm_backward(hat_2, rstd_2, of("norm_2.gamma"), dz.dot(of("ffn.w_1.weight").T))
        grad |= {"norm_2.gamma": dgamma, "norm_2.beta": dbeta}
        dx1 = dx1 + dy
        grad |= {"attn.w_o.weight": ctx.T.dot(dx1), "attn.w_o.bias": dx1.sum(axis=0)}
        do = split(dx1.dot(of("attn.w_o.weight").T))
        ds = each(lambda p, do, v: softmax_backward(p, do.dot(v.T)), p, do, v)
        parts = {"q": each(lambda ds, k: ds.dot(k) * scale, ds, k), "k": each(lambda ds, q: ds.T.dot(q) * scale, ds, q),
                 "v": each(lambda p, do: p.T.dot(do), p, do)}
        du = zeros(u.shape)
        for m, part in parts.items():
            grad |= {f"attn.w_{m}.weight": u.T.dot(join(part)), f"attn.w_{m}.bias": join(part).sum(axis=0)}
            du = du + join(part).dot(of(f"attn.w_{m}.weight").T)
        dx, dgamma, dbeta = layer_norm_backward(hat_1, rstd_1, of("norm_1.gamma"), du)
        return dx + dx1, grad | {"norm_1.gamma": dgamma, "norm_1.beta": dbeta}

    return y, act, back


def case_early_sum(t, c):
    """Two streams added up, and one stack of one block on the sum."""
    weights, gamma = [mpf(w) for w in c["weights"]], t["param/joint.norm.gamma"]
    x = weights[0] * t["in/a"] + weights[1] * t["in/b"]
    y, act, back = pre_ln(x, t, "joint.blocks.0.", c["heads"], c["eps"])
    z, _, rstd, hat = layer_norm(y, gamma, t["param/joint.norm.beta"], c["eps"])
    dy, dgamma, dbeta = layer_norm_backward(hat, rstd, gamma, rows(t["cot/z"]))
    dx, grad = back(dy)
    dx = dx.reshape(x.shape)
    out = {"out/z": z.reshape(x.shape), "grad_in/a": weights[0] * dx, "grad_in/b": weights[1] * dx,
           "grad_param/joint.norm.gamma": dgamma, "grad_param/joint.norm.beta": dbeta}
    out |= {f"act/joint.blocks.0.{part}": a for part, a in act.items()}
    return out | {f"grad_param/joint.blocks.0.{part}": a for part, a in grad.items()}


CASES = {
    "linear.affine.normal": case_linear, "norm.layer.normal": case_layer_norm, "softmax.rows.normal": case_softmax,
    "act.gelu.sweep": case_gelu, "sdpa.self.normal": case_sdpa, "mha.self.normal": case_mha,
    "embed.sum.normal": case_embedding_sum, "patch.image.chw": case_patch, "conv.plane.normal": case_conv,
    "loss.ce.normal": case_cross_entropy, "pool.first.normal": case_pooler, "drop.mask.half": case_dropout,
    "optim.adamw.step1": case_adamw, "block.ffn.gelu": case_ffn, "roi.align.aligned": case_roi_align,
    "topology.early_sum.fixed": case_early_sum,
}


def rounded(x):
    with mp.workprec(53):
        return float(+x) + 0.0


def check(folder, case):
    # Tolerances are bf16, which NumPy does not have.
    with safe_open(folder / case["file"], "np") as file:
        short = {k.removeprefix("main/"): file.get_tensor(k) for k in file.keys() if "/tol/" not in k}
    given = {k: exact(v) if v.dtype == np.float64 else v for k, v in short.items()}
    numbers = 0
    for key, values in CASES[case["id"]](given, case["config"]).items():
        want = short[key]
        assert values.shape == want.shape, (case["id"], key, values.shape, want.shape)
        for index in np.ndindex(want.shape):
            x, y = values[index], float(want[index])
            same = rounded(x) == y or (y == 0.0 and abs(x) < mpf(2) ** -90)
            assert same, f"{case['id']} {key}{list(index)}: {y!r} stored, {rounded(x)!r} with 200 bits"
            numbers += 1
    return numbers


def main():
    folder = pathlib.Path(sys.argv[1])
    cases = {case["id"]: case for case in json.loads((folder / "manifest.json").read_text())["cases"]}
    done = [name for name in CASES if name in cases]
    for name in done:
        print(f"{name:28} {check(folder, cases[name]):5} numbers, the same bits")
    print(f"{len(done)} cases of {len(CASES)} in the bundle")


if __name__ == "__main__":
    main()
