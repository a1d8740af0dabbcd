"""Every operation of the golden cases in torch, forward only: autograd does the rest. See torch_backend.py."""

import math
import warnings

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

KERNELS = {
    "math": SDPBackend.MATH,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}

BUGS = (
    "no_scale scale_d causal_plus1 causal_topleft mask_neg10 mask_ignored softmax_axis heads_not_transposed "
    "ln_unbiased ln_eps6 ln_eps_outside ln_no_center bias_twice w_transposed gelu_tanh relu_for_gelu no_residual1 "
    "swap_norm drop_no_rescale mlm_all_tokens_mean kd_no_T2 patch_colmajor cls_last concat_order mbt_sum roi_sr1 "
    "sin_cos_swapped ehr_mean_codes adam_l2 clip_per_tensor"
).split()


class NoKernel(Exception):
    """The kernel that was asked for does not do this."""


class Run:
    """One case: settings, tensors by short key, and how to compute."""

    def __init__(self, config, tensors, dtype, fused=False, bug=None):
        self.config, self.tensors, self.dtype, self.fused, self.bug = config, tensors, dtype, fused, bug
        self.acts = {}

    def has(self, key):
        return key in self.tensors

    def i(self, name):
        return self.tensors[f"in/{name}"]

    def p(self, name):
        return self.tensors.get(f"param/{name}")

    def mask(self, name):
        return self.tensors.get(f"in/{name}")


def compute(op, run):
    """Outputs by key, or None for an operation that is not known."""
    function = OPS.get(op)
    if function is None:
        return None
    out = function(run)
    if not isinstance(out, dict):
        out = {NAMES.get(op, "out/y"): out}
    found = {(k if "/" in k else f"out/{k}"): v for k, v in out.items()}
    return found | {f"act/{k}": v for k, v in run.acts.items()}


# --- parts ------------------------------------------------------------------------------------------------------------


def wide(x):
    """In single precision at least: statistics, losses and whatever is made of several steps."""
    return x.float() if x is not None and x.dtype in (torch.bfloat16, torch.float16) else x


def same(run, y):
    """A result in the type of the run."""
    return y.to(run.dtype)


def linear(run, x, name=""):
    w, b = run.p(f"{name}weight"), run.p(f"{name}bias")
    if run.bug == "w_transposed" and w.shape[0] == w.shape[1]:
        w = w.T
    y = F.linear(x, w.T, b)
    return y + b if run.bug == "bias_twice" and b is not None else y


def layer_norm(run, x, name="", eps=None, affine=True):
    eps = run.config["eps"] if eps is None else eps
    gamma, beta = (run.p(f"{name}gamma"), run.p(f"{name}beta")) if affine else (None, None)
    eps, kind = 1e-6 if run.bug == "ln_eps6" else eps, x.dtype
    # Statistics in single precision: torch keeps them in half where the weights are, and loses half of a large mean.
    x, gamma, beta = wide(x), wide(gamma), wide(beta)
    if run.bug not in ("ln_unbiased", "ln_eps_outside", "ln_no_center"):
        return F.layer_norm(x, x.shape[-1:], gamma, beta, eps).to(kind)
    centered = x if run.bug == "ln_no_center" else x - x.mean(-1, keepdim=True)
    count = x.shape[-1] - (run.bug == "ln_unbiased")
    var = (centered * centered).sum(-1, keepdim=True) / count
    hat = centered / (var.sqrt() + eps) if run.bug == "ln_eps_outside" else centered / (var + eps).sqrt()
    return (hat if gamma is None else hat * gamma + beta).to(kind)


def activation(run, z, kind=None):
    kind = kind or run.config.get("activation") or run.config["kind"]
    if kind == "gelu":
        kind = {"gelu_tanh": "gelu_tanh", "relu_for_gelu": "relu"}.get(run.bug, kind)
    if kind == "quick_gelu":
        z = wide(z)
        return same(run, z * torch.sigmoid(1.702 * z))
    return {"relu": F.relu, "gelu": F.gelu, "gelu_tanh": lambda z: F.gelu(z, approximate="tanh")}[kind](z)


def visible(run, n, m, keys=None, causal=None, device=None):
    """True where a query may see a key, or None if everywhere: [B, 1, n, m] or [n, m]."""
    keep = None
    if causal is not None:
        causal = {"causal_plus1": causal + 1, "causal_topleft": 0}.get(run.bug, causal)
        i, j = torch.arange(n, device=device)[:, None], torch.arange(m, device=device)[None]
        keep = j <= i + causal
    if keys is not None and run.bug != "mask_ignored":
        keys = keys[:, None, None, :]
        keep = keys.expand(-1, 1, n, m) if keep is None else keep & keys
    return keep


def sdpa(run, q, k, v, keep=None, bias=None):
    """softmax(q k' / sqrt(d)) v of all heads; a query that sees no key gets zero."""
    if keep is not None and run.bug != "mask_neg10":
        # A key that nobody sees may hold anything, and torch reads it: zero times it is not zero if it is no number.
        hidden = ~keep.any(-2).unsqueeze(-1)
        k, v = k.masked_fill(hidden & k.isnan(), 0.0), v.masked_fill(hidden & v.isnan(), 0.0)
    d = q.shape[-1]
    scale = {"no_scale": 1.0, "scale_d": 1 / d}.get(run.bug, 1 / math.sqrt(d))
    if run.fused and run.bug not in ("softmax_axis", "mask_neg10"):
        if run.fused in KERNELS:
            return one_kernel(KERNELS[run.fused], q, k, v, keep, bias, scale)
        if bias is None:
            return fused_sdpa(q, k, v, keep, scale)
    s = wide(q) @ wide(k).transpose(-1, -2) * scale  # factors of few bits, products and sums of many
    run.acts["scores"] = s
    if bias is not None:
        s = s + bias
    if keep is not None:
        s = s - 10.0 * ~keep if run.bug == "mask_neg10" else s.masked_fill(~keep, -math.inf)
    dead = torch.isneginf(s).all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(dead, 0.0), -2 if run.bug == "softmax_axis" else -1).masked_fill(dead, 0.0)
    run.acts["p"] = p
    if keep is not None and run.bug != "mask_neg10":
        # A key that nobody sees may hold anything: zero times it is not zero if it is no number.
        v = v.masked_fill(~keep.any(-2).unsqueeze(-1).expand(v.shape), 0.0)
    return p.to(q.dtype) @ v


def fused_sdpa(q, k, v, keep, scale):
    dead = None if keep is None else ~keep.any(-1, keepdim=True)
    if dead is not None and dead.any():
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep | dead, scale=scale)
        return y.masked_fill(dead, 0.0)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keep, scale=scale)


def one_kernel(kernel, q, k, v, keep, bias, scale):
    """By one of torch's kernels and no other. A causal mask is said in a word: flash takes no mask."""
    if keep is not None and bias is not None:
        raise NoKernel("a mask and a bias")
    causal = keep is not None and torch.equal(keep, torch.ones_like(keep).tril())
    with sdpa_kernel([kernel]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # why a kernel does not do it
        try:
            if causal or bias is not None:
                bias = None if bias is None else bias.to(q.dtype)  # cuDNN's reads another type as if it were this one
                return F.scaled_dot_product_attention(q, k, v, bias, is_causal=causal, scale=scale)
            return fused_sdpa(q, k, v, keep, scale)
        except RuntimeError as error:
            if "No available kernel" in str(error) or "No viable backend" in str(error):
                raise NoKernel(kernel) from None
            raise


def heads(run, x, h):
    return x.reshape(*x.shape[:-1], h, x.shape[-1] // h).transpose(1, 2)


def merge(run, o):
    b, h, n, w = o.shape
    return (o if run.bug == "heads_not_transposed" else o.transpose(1, 2)).reshape(b, n, h * w)


def multi_head(run, x, keys, values, name="", key_mask=None, causal=None, bias=None, h=None, act=True):
    h = h or run.config["heads"]
    q, k, v = linear(run, x, f"{name}w_q."), linear(run, keys, f"{name}w_k."), linear(run, values, f"{name}w_v.")
    keep = visible(run, q.shape[1], k.shape[1], key_mask, causal, q.device)
    o = sdpa(run, heads(run, q, h), heads(run, k, h), heads(run, v, h), keep, bias)
    c = merge(run, o)
    run.acts.pop("scores", None)
    p = run.acts.pop("p", None)
    if act:
        run.acts.update({f"{name}q": q, f"{name}k": k, f"{name}v": v, f"{name}c": c})
        if p is not None:
            run.acts[f"{name}p"] = p
    return linear(run, c, f"{name}w_o.")


def ffn(run, x, name=""):
    return linear(run, activation(run, linear(run, x, f"{name}w_1."), run.config["activation"]), f"{name}w_2.")


def layer(run, x, norm, inner, pre):
    """A layer with its shortcut and norm."""
    pre = pre != (run.bug == "swap_norm")
    y = inner(layer_norm(run, x, norm) if pre else x)
    y = y if run.bug == "no_residual1" and norm.endswith("norm_1.") else x + y
    return y if pre else layer_norm(run, y, norm)


def block(run, x, name="", pre=True, context=None, key_mask=None, causal=None, bias=None):
    def attend(h):
        other = h if context is None else context
        return multi_head(run, h, other, other, f"{name}attn.", key_mask, causal, bias, act=False)

    x = layer(run, x, f"{name}norm_1.", attend, pre)
    return layer(run, x, f"{name}norm_2.", lambda h: ffn(run, h, f"{name}ffn."), pre)


def stack(run, x, name="", layers=1, repeats=1, pre=True, **masks):
    for i in range(layers * repeats):
        x = block(run, x, f"{name}blocks.{i % layers}.", pre, **masks)
    return layer_norm(run, x, f"{name}norm.") if pre else x


def masks(run):
    """Key mask, causal offset and bias of a configuration."""
    word = run.config.get("mask") or "none"
    causal = (run.config.get("causal_offset") or 0) if "causal" in word else None
    return dict(
        key_mask=run.mask("key_mask") if "keys" in word else None,
        causal=causal,
        bias=run.i("bias") if word == "bias" else None,
    )


# --- operations -------------------------------------------------------------------------------------------------------


def op_sdpa(run):
    q, k, v, m = run.i("q"), run.i("k"), run.i("v"), masks(run)
    keep = visible(run, q.shape[2], k.shape[2], m["key_mask"], m["causal"], q.device)
    return {"o": sdpa(run, q, k, v, keep, m["bias"])}


def op_mha(run):
    x = run.i("x")
    keys = run.i("keys") if run.has("in/keys") else (run.i("context") if run.has("in/context") else x)
    return multi_head(run, x, keys, run.i("values") if run.has("in/values") else keys, **masks(run))


def op_softmax(run):
    x, mask = wide(run.i("x")), run.mask("mask")
    return {"p": same(run, torch.softmax(x if mask is None else x.masked_fill(~mask, -math.inf), -1))}


def op_l2(run):
    x = wide(run.i("x"))
    return {"u": same(run, x / x.norm(dim=-1, keepdim=True).clamp_min(run.config.get("eps") or 0.0))}


def op_fused_qkv(run):
    return dict(zip("qkv", linear(run, run.i("x")).chunk(3, -1)))


def op_lookup(run):
    return same(run, F.embedding(run.i("ids"), wide(run.p("table")), padding_idx=run.config.get("padding")))


def op_sinusoid(run):
    """The angles in double precision: in single precision a large one has lost its fraction."""
    x, halves = run.i("x"), run.config["kind"] == "t2t_concat"
    n, pairs = x.shape[1], x.shape[2] // 2
    exponent = torch.arange(pairs, dtype=torch.float64) / (max(pairs - 1, 1) if halves else pairs)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * 10000.0**-exponent
    parts = [angle.sin(), angle.cos()][:: -1 if run.bug == "sin_cos_swapped" else 1]
    table = torch.cat(parts, 1) if halves else torch.stack(parts, 2).reshape(n, -1)
    return same(run, wide(x) + table.to(x.device, wide(x).dtype))


def look(run, ids, name):
    """Rows of a table; sums of them, and of their gradients, in single precision."""
    return F.embedding(ids, wide(run.p(f"{name}.table")))


def op_text(run):
    ids, segments = run.i("ids"), run.i("segments")
    x = look(run, ids, "word") + wide(run.p("position.table"))[: ids.shape[1]] + look(run, segments, "segment")
    return {"x": same(run, layer_norm(run, x, "sum.norm."))}


def op_patient(run):
    parts = (("codes", "code"), ("visits", "visit"), ("places", "place"))
    return {"x": same(run, layer_norm(run, sum(look(run, run.i(ids), t) for ids, t in parts), "sum.norm."))}


def op_code_sum(run):
    codes = run.i("codes")
    kept = (codes != 0).unsqueeze(-1)
    y = (F.embedding(codes, run.p("table")) * kept).sum(-2)
    return y / kept.sum(-2).clamp_min(1) if run.bug == "ehr_mean_codes" else y


def op_patch(run):
    x = run.i("videos") if run.has("in/videos") else run.i("images").unsqueeze(1)  # [B, T, H, W, C]
    b, t, h, w, c = x.shape
    f, p = run.config.get("frames", 1), run.config["patch"]
    x = x.reshape(b, t // f, f, h // p, p, w // p, p, c)
    outer = (0, 1, 5, 3) if run.bug == "patch_colmajor" else (0, 1, 3, 5)
    x = x.permute(*outer, *((7, 2, 4, 6) if run.config["order"] == "chw" else (2, 4, 6, 7)))
    return linear(run, x.reshape(b, (t // f) * (h // p) * (w // p), -1), "project.")


def op_conv(run):
    c, x, w, b = run.config, run.i("x"), run.p("weight"), run.p("bias")
    function = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[x.dim()]
    return function(x, w, b, c["stride"], c["padding"], c["dilation"], c["groups"])


def op_max_pool(run):
    c, x = run.config, run.i("x")
    return {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}[x.dim()](x, c["kernel"], c["stride"], c["padding"])


def op_avg_pool(run):
    c, x = run.config, run.i("x")
    function = {3: F.avg_pool1d, 4: F.avg_pool2d, 5: F.avg_pool3d}[x.dim()]
    return function(x, c["kernel"], c["stride"], c["padding"], count_include_pad=c.get("divisor") == "window")


def op_roi_align(run):
    """Bilinear samples by gathering, sample by sample: torch has none without torchvision."""
    c, maps, boxes = run.config, wide(run.i("features")), run.i("boxes").tolist()
    (high, width), (_, _, rows, columns) = c["output"], maps.shape
    out = []
    for image, x1, y1, x2, y2 in boxes:
        down = roi_weights(run, y1, y2, high, rows, maps)
        right = roi_weights(run, x1, x2, width, columns, maps)
        out.append(torch.einsum("pr,crk,qk->cpq", down, maps[int(image)], right))
    return same(run, torch.stack(out))


def roi_weights(run, low, high, bins, size, like):
    """The share of every cell in every bin along one axis: [bins, cells]."""
    c = run.config
    start = c["scale"] * low - (0.5 if c["aligned"] else 0.0)
    length = c["scale"] * (high - low)
    length = length if c["aligned"] else max(length, 1.0)
    n = 1 if run.bug == "roi_sr1" else c["sampling"] or max(1, math.ceil(length / bins))
    weights = torch.zeros(bins, size, dtype=torch.float64)
    for p in range(bins):
        for i in range(n):
            v = start + length / bins * (p + (i + 0.5) / n)
            if v < -1 or v > size:
                continue
            v = min(max(v, 0.0), size - 1.0)
            cell = min(int(v), size - 1)
            weights[p, cell] += (1 - (v - cell)) / n
            if cell + 1 < size:
                weights[p, cell + 1] += (v - cell) / n
    return weights.to(like.device, wide(like).dtype)


def op_geometry(run):
    boxes, sizes = run.i("boxes"), run.i("sizes")
    g = boxes[:, 1:] / sizes[boxes[:, 0].long()].repeat(1, 2)
    return {"g": torch.cat([g, ((g[:, 2] - g[:, 0]) * (g[:, 3] - g[:, 1]))[:, None]], 1)}


def op_region(run):
    x = linear(run, run.i("v"), "feature.") + linear(run, run.i("g"), "geometry.")
    return {"x": layer_norm(run, x, "norm.")}


def cross_entropy(run, z, labels, eps=0.0):
    z, count = wide(z), (labels >= 0).sum()
    total = F.cross_entropy(z, labels, ignore_index=-1, reduction="sum", label_smoothing=eps)
    return total / (labels.numel() if run.bug == "mlm_all_tokens_mean" else count.clamp_min(1))


def op_kl(run, entropy=True):
    z, t = wide(run.i("z")), wide(run.i("t"))
    loss = -(t * torch.log_softmax(z, -1)).sum(-1)
    return (loss + torch.xlogy(t, t).sum(-1) if entropy else loss).mean()


def op_symmetric_kl(run):
    p, q = torch.log_softmax(wide(run.i("z")), -1), torch.log_softmax(wide(run.i("w")), -1)
    return ((p.exp() - q.exp()) * (p - q)).sum(-1).mean()


def op_hinge(run, hardest=False):
    s = wide(run.i("s"))
    own = torch.eye(len(s), dtype=torch.bool, device=s.device)
    if hardest:
        return F.relu(run.config["margin"] + s.masked_fill(own, -math.inf).max(1).values - s.diagonal()).mean()
    return F.relu(run.config["margin"] + s - s.diagonal()[:, None]).masked_fill(own, 0.0).sum(1).mean()


def op_distill(run):
    z, v, t, alpha = wide(run.i("z")), wide(run.i("v")), run.config["temperature"], run.config["alpha"]
    soft = F.kl_div(torch.log_softmax(z / t, -1), torch.softmax(v / t, -1), reduction="batchmean")
    factor = 1.0 if run.bug == "kd_no_T2" else t * t
    return alpha * factor * soft + (1 - alpha) * cross_entropy(run, z, run.i("labels"))


def op_class_token(run):
    x = run.i("x")
    token = run.p("class").expand(len(x), 1, -1)
    return {"z": torch.cat([x, token] if run.bug == "cls_last" else [token, x], 1) + run.p("position")[: x.shape[1] + 1]}


def op_dropout(run):
    x, keep = run.i("x"), run.mask("mask")
    return x * keep if run.bug == "drop_no_rescale" else x * keep / (1 - run.config["p"])


def joint_mask(run, a, b):
    parts = [run.mask("a_mask"), run.mask("b_mask")]
    if parts[0] is None and parts[1] is None:
        return None
    full = [torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if m is None else m for x, m in zip((a, b), parts)]
    return torch.cat(full[::-1] if run.bug == "concat_order" else full, 1)


def joined(run, a, b):
    return torch.cat([b, a] if run.bug == "concat_order" else [a, b], 1)


def stream(run, x, name, key_mask=None):
    return stack(run, x, f"{name}.", run.config.get("layers", 1), key_mask=key_mask)


def op_early_sum(run):
    kind, given = run.config.get("kind", "fixed"), run.p("weights")
    u, w = run.config["weights"] if kind == "fixed" else (given.softmax(0) if kind == "softmax" else given)
    return {"z": stream(run, u * run.i("a") + w * run.i("b"), "joint", run.mask("a_mask"))}


def op_early_concat(run):
    a, b = run.i("a"), run.i("b")
    return {"z": stream(run, joined(run, a, b), "joint", joint_mask(run, a, b))}


def op_one_to_many(run):
    a, b = run.i("a"), run.i("b")
    u = stream(run, joined(run, a, b), "joint", joint_mask(run, a, b))
    return {"a": stream(run, u[:, : a.shape[1]], "a"), "b": stream(run, u[:, a.shape[1] :], "b")}


def op_many_to_one(run):
    a, b = run.i("a"), run.i("b")
    u = joined(run, stream(run, a, "a"), stream(run, b, "b"))
    return {"z": stream(run, u, "joint", joint_mask(run, a, b))}


def crossed(run, name=""):
    a, b, pre = run.i("a"), run.i("b"), run.config.get("order") == "pre"
    z_a = block(run, a, f"{name}a.", pre, context=b, key_mask=run.mask("b_mask"))
    return z_a, block(run, b, f"{name}b.", pre, context=a, key_mask=run.mask("a_mask"))


def op_cross(run):
    z_a, z_b = crossed(run)
    return {"a": z_b, "b": z_a} if run.config.get("exchange") == "queries" else {"a": z_a, "b": z_b}


def op_cross_concat(run):
    z_a, z_b = crossed(run, "cross.")
    return {"z": stream(run, joined(run, z_a, z_b), "joint", joint_mask(run, run.i("a"), run.i("b")))}


def exchange(run, x, f, names):
    """One layer of bottleneck fusion: each stream over itself and the shared tokens, which are averaged."""
    y = [stack(run, torch.cat([s, f], 1), f"{name}.") for s, name in zip(x, names)]
    f = sum(part[:, s.shape[1] :] for s, part in zip(x, y)) / (1 if run.bug == "mbt_sum" else len(x))
    return [part[:, : s.shape[1]] for s, part in zip(x, y)], f


def op_bottleneck_layer(run):
    (a, b), f = exchange(run, [run.i("a"), run.i("b")], run.i("f"), ["streams.0", "streams.1"])
    return {"a": a, "b": b, "f": f}


def op_bottleneck(run):
    x = [stream(run, run.i(s), f"alone.{i}") for i, s in enumerate("ab")]
    f = run.p("tokens").expand(len(x[0]), -1, -1)
    for i in range(run.config["fused"]):
        x, f = exchange(run, x, f, [f"fused.{i}.streams.{s}" for s in (0, 1)])
    return {"a": x[0], "b": x[1]}


def op_three_streams(run):
    h, letters, out = run.config["heads"], "abc", {}
    kv = {s: [heads(run, linear(run, run.i(s), f"{s}.w_{n}."), h) for n in "kv"] for s in letters}
    for s in letters:
        x, (i, j) = run.i(s), [o for o in letters if o != s]
        q = heads(run, linear(run, x, f"{s}.w_q."), h)
        o = sdpa(run, q, *(torch.cat([kv[i][n], kv[j][n]], -1) for n in (0, 1)))
        u = layer_norm(run, linear(run, merge(run, o), f"{s}.w_o.") + x, f"{s}.norm_1.")
        out[s] = layer_norm(run, ffn(run, u, f"{s}.ffn.") + u, f"{s}.norm_2.")
    run.acts.clear()
    return out


def op_bidirectional(run):
    h, x = run.config["heads"], {s: run.i(s) for s in "ab"}
    normed = {s: layer_norm(run, x[s], f"{s}.norm_1.") for s in "ab"}
    qkv = {s: [heads(run, linear(run, normed[s], f"attn.{s}.w_{n}."), h) for n in "qkv"] for s in "ab"}
    out = {}
    for s, other in ("ab", "ba"):
        parts = []
        for of in (s, other):
            keep = visible(run, x[s].shape[1], x[of].shape[1], run.mask(f"{of}_mask"), None, x[s].device)
            parts.append(merge(run, sdpa(run, qkv[s][0], *qkv[of][1:], keep)))
        y = x[s] + linear(run, (parts[0] + parts[1]) / 2, "attn.w_o.")
        out[s] = y + ffn(run, layer_norm(run, y, f"{s}.norm_2."), f"{s}.ffn.")
    run.acts.clear()
    return out


def op_late(run):
    means = [stream(run, run.i(s), f"streams.{i}.stream").mean(1) for i, s in enumerate("ab")]
    return sum(linear(run, m, f"streams.{i}.head.") for i, m in enumerate(means)) / 2


def op_decoder(run):
    x, memory, pre = run.i("x"), run.i("memory"), run.config.get("order") == "pre"
    offset = run.config.get("causal_offset") or 0
    attend = lambda h: multi_head(run, h, h, h, "attn.", causal=offset, key_mask=run.mask("key_mask"), act=False)
    look = lambda h: multi_head(run, h, memory, memory, "cross.", key_mask=run.mask("memory_mask"), act=False)
    x = layer(run, x, "norm_1.", attend, pre)
    x = layer(run, x, "norm_2.", look, pre)
    return layer(run, x, "norm_3.", lambda h: ffn(run, h, "ffn."), pre)


def op_optim(run, kind):
    """Steps of torch's own optimizers."""
    c, names = run.config, ("weight", "bias")
    p = {n: wide(run.p(n)).detach().clone().requires_grad_() for n in names}  # masters in single precision
    decay = c["weight_decay"]
    if kind == "adamw":
        betas = (c["beta_1"], c["beta_2"])
        groups = [{"params": [p["weight"]], "weight_decay": decay}, {"params": [p["bias"]], "weight_decay": 0.0}]
        maker = torch.optim.Adam if run.bug == "adam_l2" else torch.optim.AdamW
        optimizer = maker(groups, lr=c["lr"], betas=betas, eps=c["eps"])
    else:
        optimizer = torch.optim.SGD(list(p.values()), lr=c["lr"], momentum=c["momentum"], weight_decay=decay)
    for _ in range(c["steps"]):
        for n in names:
            p[n].grad = wide(run.i(f"grad.{n}")).detach().clone()
        optimizer.step()
    out = {f"opt/{n}": p[n] for n in names}
    for n in names:
        state = optimizer.state[p[n]]
        if kind == "adamw":
            out |= {f"opt/m.{n}": state["exp_avg"], f"opt/v.{n}": state["exp_avg_sq"]}
        else:  # without momentum there is no buffer: it would be the gradient
            buffer = state.get("momentum_buffer")
            out[f"opt/sum.{n}"] = wide(run.i(f"grad.{n}")) + decay * wide(run.p(n)) if buffer is None else buffer
    return out


def op_clip(run):
    g, most = {n: wide(run.i(f"grad.{n}")) for n in ("weight", "bias")}, run.config["max_norm"]
    norm = torch.sqrt(sum((x * x).sum() for x in g.values()))
    scale = {n: (most / ((x.norm() if run.bug == "clip_per_tensor" else norm) + 1e-6)).clamp_max(1) for n, x in g.items()}
    return {f"opt/grad.{n}": x * scale[n] for n, x in g.items()} | {"opt/norm": norm}


OPS = {
    "linear": lambda r: linear(r, r.i("x")),
    "fused_qkv": op_fused_qkv,
    "layer_norm": lambda r: layer_norm(r, r.i("x"), affine=r.config["affine"]),
    "l2_normalize": op_l2,
    "softmax": op_softmax,
    "log_softmax": lambda r: {"l": same(r, torch.log_softmax(wide(r.i("z")), -1))},
    "log_sum_exp": lambda r: {"s": same(r, torch.logsumexp(wide(r.i("z")), -1))},
    "activation": lambda r: activation(r, r.i("z")),
    "sdpa": op_sdpa,
    "mha": op_mha,
    "mha_split": op_mha,
    "embedding": op_lookup,
    "learned_position": lambda r: r.i("x") + r.p("table")[: r.i("x").shape[1]],
    "sinusoid": op_sinusoid,
    "embedding_sum": lambda r: {"x": same(r, layer_norm(r, wide(r.i("a")) + wide(r.i("b")) + wide(r.i("c")), "norm."))},
    "text_embedding": op_text,
    "patient_embedding": op_patient,
    "code_sum": op_code_sum,
    "patch": op_patch,
    "tubelet": op_patch,
    "roi_align": op_roi_align,
    "region_geometry": op_geometry,
    "region_embedding": op_region,
    "conv": op_conv,
    "max_pool": op_max_pool,
    "avg_pool": op_avg_pool,
    "global_avg_pool": lambda r: r.i("x").mean(tuple(range(2, r.i("x").dim()))),
    "cross_entropy": lambda r: cross_entropy(r, r.i("z"), r.i("labels")),
    "label_smoothing": lambda r: cross_entropy(r, r.i("z"), r.i("labels"), r.config["eps"]),
    "bce": lambda r: F.binary_cross_entropy_with_logits(
        wide(r.i("x")), wide(r.i("t")), reduction=r.config.get("reduction", "mean")
    ),
    "mse": lambda r: F.mse_loss(wide(r.i("y")), wide(r.i("t"))),
    "l1": lambda r: F.l1_loss(wide(r.i("y")), wide(r.i("t"))),
    "smooth_l1": lambda r: F.smooth_l1_loss(wide(r.i("y")), wide(r.i("t")), beta=r.config["beta"]),
    "kl": op_kl,
    "soft_cross_entropy": lambda r: op_kl(r, entropy=False),
    "symmetric_kl": op_symmetric_kl,
    "hinge": op_hinge,
    "hardest_hinge": lambda r: op_hinge(r, hardest=True),
    "distill": op_distill,
    "class_token": op_class_token,
    "pooler": lambda r: {"p": torch.tanh(linear(r, r.i("h")[:, 0], "dense."))},
    "dropout": op_dropout,
    "adamw": lambda r: op_optim(r, "adamw"),
    "sgd": lambda r: op_optim(r, "sgd"),
    "clip_norm": op_clip,
    "ffn": lambda r: ffn(r, r.i("x")),
    "pre_ln": lambda r: block(r, r.i("x"), pre=True, **masks(r)),
    "post_ln": lambda r: block(r, r.i("x"), pre=False, **masks(r)),
    "cross_block": lambda r: block(
        r, r.i("x"), pre=r.config.get("order") == "pre", context=r.i("context"), key_mask=r.mask("key_mask")
    ),
    "decoder_block": op_decoder,
    "stack": lambda r: stack(
        r, r.i("x"), "", r.config["layers"], r.config.get("repeats", 1), r.config.get("order") == "pre", **masks(r)
    ),
    "co_attention": op_cross,
    "cross_attention": op_cross,
    "early_sum": op_early_sum,
    "early_concat": op_early_concat,
    "one_to_many": op_one_to_many,
    "many_to_one": op_many_to_one,
    "cross_concat": op_cross_concat,
    "bottleneck_layer": op_bottleneck_layer,
    "bottleneck": op_bottleneck,
    "three_streams": op_three_streams,
    "bidirectional": op_bidirectional,
    "late": op_late,
}

LOSSES = "cross_entropy label_smoothing bce mse l1 smooth_l1 kl soft_cross_entropy symmetric_kl hinge hardest_hinge distill"
NAMES = {op: "loss/loss" for op in LOSSES.split()}
