"""Times PyTorch on the cases of `mmt bench`, in eager mode: the same names, shapes and passes, one JSON line each.

usage: torch_peer.py [--case NAME,NAME] [--pass fwd,fwdbwd,step] [--budget SECONDS] [--threads N]

A call is timed inside the process; three calls are not counted, then the median of at least seven is taken. `fwd` builds
no graph, `fwdbwd` computes the gradients of all inputs and parameters, `step` adds AdamW.
"""

import argparse
import json
import time

import torch
from torch import nn
from torch.nn import functional as F


def median_ms(call, budget):
    """Median milliseconds of a call."""
    for _ in range(3):
        call()
    times, start = [], time.perf_counter()
    while len(times) < 7 or time.perf_counter() - start < budget:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return sorted(times)[len(times) // 2] * 1e3


class PreLn(nn.Module):
    """A block that normalizes first, with GELU and an inner width of four times the width."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        samples, n, width = x.shape
        h = self.norm_1(x)
        cut = lambda y: y.view(samples, n, self.heads, width // self.heads).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(cut(self.q(h)), cut(self.k(h)), cut(self.v(h)))
        u = x + self.o(mixed.transpose(1, 2).reshape(samples, n, width))
        return u + self.ffn(self.norm_2(u))


class Tiny(nn.Module):
    """A class token, 64 patches and 16 words in one sequence, four blocks of width 64, ten answers."""

    def __init__(self):
        super().__init__()
        self.words, self.patches = nn.Embedding(1000, 64), nn.Linear(192, 64)
        self.first, self.places = nn.Parameter(torch.zeros(1, 1, 64)), nn.Parameter(torch.randn(1, 81, 64))
        self.blocks = nn.Sequential(*(PreLn(64, 4) for _ in range(4)))
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 10)

    def forward(self, ids, patches):
        first = self.first.expand(len(ids), -1, -1)
        x = torch.cat([first, self.patches(patches), self.words(ids)], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


def passes(parameters, forward, gradient=None):
    """The calls of the three passes. `gradient` is that of the output; a loss needs none."""

    def fwd():
        with torch.no_grad():
            forward()

    def fwdbwd():
        for p in parameters:
            p.grad = None
        forward().backward(gradient)

    optimizer = torch.optim.AdamW(parameters, lr=1e-5, weight_decay=0.01)

    def step():
        fwdbwd()
        optimizer.step()

    return {"fwd": fwd, "fwdbwd": fwdbwd, "step": step}


def block(samples, n, width, heads):
    model, x = PreLn(width, heads), torch.randn(samples, n, width)
    return passes(list(model.parameters()), lambda: model(x), torch.randn(samples, n, width) / 1024)


def tiny():
    model = Tiny()
    ids, patches, answers = torch.randint(0, 1000, (32, 16)), torch.randn(32, 64, 192), torch.randint(0, 10, (32,))
    return passes(list(model.parameters()), lambda: F.cross_entropy(model(ids, patches), answers))


def operation(function, *shapes):
    """An operation on random arrays; its output has the shape of the gradient."""
    inputs = [torch.randn(shape).requires_grad_() for shape in shapes]
    both = passes(inputs, lambda: function(*inputs), torch.randn_like(function(*inputs)))
    return {name: both[name] for name in ("fwd", "fwdbwd")}


def cross_entropy():
    z, labels = torch.randn(1024, 30522).requires_grad_(), torch.randint(0, 30522, (1024,))
    both = passes([z], lambda: F.cross_entropy(z, labels))
    return {name: both[name] for name in ("fwd", "fwdbwd")}


def adamw(fused):
    parameter = nn.Parameter(torch.randn(10_000_000))
    parameter.grad = torch.randn(10_000_000)
    return {"step": torch.optim.AdamW([parameter], lr=1e-5, weight_decay=0.01, fused=fused).step}


def causal(n):
    attend = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return operation(attend, *[(1, 8, n, 64)] * 3)


def product(name):
    """`nn_1024x768x768`, or `nt_b48_197x64x197` for 48 of them; `t` stands for a factor that is transposed."""
    kind, *count, shape = name.split("_")
    n, k, m = map(int, shape.split("x"))
    many = [int(c[1:]) for c in count]
    draw = lambda letter, rows, columns: (
        torch.randn(*many, columns, rows).mT if letter == "t" else torch.randn(*many, rows, columns)
    )
    a, b = draw(kind[0], n, k), draw(kind[1], k, m)
    return {"fwd": lambda: a @ b}


PRODUCTS = (
    "nn_32x64x64 nn_128x256x256 nn_1024x768x768 nn_1024x768x3072 nn_1024x3072x768 tn_768x1024x768 "
    "tn_768x1024x3072 nt_1024x768x768 nt_1024x3072x768 nt_b48_197x64x197 nn_b48_197x197x64"
).split()
ROWS = (1024, 3072)
CASES = {
    **{name: lambda name=name: product(name) for name in PRODUCTS},
    "layernorm": lambda: operation(lambda x, g, b: F.layer_norm(x, ROWS[1:], g, b), ROWS, ROWS[1:], ROWS[1:]),
    "softmax": lambda: operation(lambda x: torch.softmax(x, -1), ROWS),
    "gelu": lambda: operation(F.gelu, ROWS),
    "xent": cross_entropy,
    "conv2d": lambda: operation(
        lambda x, w, b: F.conv2d(x, w, b, 2, 3), (4, 3, 224, 224), (64, 3, 7, 7), (64,)
    ),
    "conv3d": lambda: operation(
        lambda x, w, b: F.conv3d(x, w, b, 1, 1), (2, 3, 16, 64, 64), (32, 3, 3, 3, 3), (32,)
    ),
    "attn1024_flash": lambda: causal(1024),
    "attn4096_flash": lambda: causal(4096),
    "block_a": lambda: block(8, 128, 256, 8),
    "block_b": lambda: block(4, 197, 768, 12),
    "adamw10m": lambda: adamw(False),
    "adamw10m_fused": lambda: adamw(True),
    "tiny": tiny,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", default=",".join(CASES))
    parser.add_argument("--pass", dest="passes", default="fwd,fwdbwd,step")
    parser.add_argument("--budget", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    for case in arguments.case.split(","):
        for name, call in CASES[case]().items():
            if name in arguments.passes.split(","):
                result = {"case": case, "pass": name, "median_ms": median_ms(call, arguments.budget)}
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
