"""Runs the torch backend through `mmt golden run`, right and with planted bugs, and prints a page.

    python ten_bugs.py BUNDLE path/to/mmt [SMALL BUNDLE] > transcript.md

Every case of the small bundle is answered by a right program, eager and with fused attention; a bug is planted in one case of
the large one. A process of Python for every case: some minutes.
"""

import subprocess
import sys

PLANTED = {
    "no_scale": "sdpa.self.normal",
    "causal_plus1": "sdpa.causal.square",
    "mask_neg10": "sdpa.keys.padright",
    "softmax_axis": "sdpa.cross.normal",
    "heads_not_transposed": "mha.self.normal",
    "ln_eps_outside": "norm.layer.tinyvar",
    "ln_unbiased": "norm.layer.normal",
    "bias_twice": "linear.affine.normal",
    "gelu_tanh": "act.gelu.normal",
    "no_residual1": "block.pre.normal",
    "patch_colmajor": "patch.image.chw",
    "roi_sr1": "roi.align.aligned",
    "mlm_all_tokens_mean": "loss.ce.ignore",
    "kd_no_T2": "loss.kd.normal",
    "mbt_sum": "topology.bottleneck_layer.equal",
}

TITLE = """# Bugs planted in torch, and their names

Made by `ten_bugs.py`. `mmt golden run` calls the torch backend for every case, compares what it wrote, and with `--explain` is asked
what is wrong. It does not know torch; it runs its own naive backend with every bug of the catalogue and looks for the same numbers.

## Right
"""

PROGRAM = ["--", sys.executable, "torch_backend.py", "{case}", "{out}"]


def run(mmt, bundle, shown, rest, bug=()):
    """Runs the program; prints the command as a reader would type it, and what was said."""
    words = [mmt, "golden", "run", bundle, "--profile", "f32", "--quiet", "--timeout", "600", *rest, *PROGRAM, *bug]
    done = subprocess.run(words, capture_output=True, text=True)
    typed = ["mmt", "golden", "run", shown, "--profile", "f32", *rest, "--", "python", *PROGRAM[2:], *bug]
    said = (done.stdout + done.stderr).rstrip()
    print("```\n$ " + " ".join(typed) + f"\n{said}\n$ echo $?\n{done.returncode}\n```\n", flush=True)
    return done.returncode, said


def main(bundle, mmt, small="../../tests/golden"):
    print(TITLE)
    for fused in ([], ["--fused"]):
        code, said = run(mmt, small, "tests/golden", [], fused)
        assert code == 0, said
    print("## Wrong\n")
    named = 0
    for bug, name in PLANTED.items():
        code, said = run(mmt, bundle, "golden-core", ["--case", name, "--explain"], ["--bug", bug])
        named += code == 1 and f"matches bug '{bug}'" in said
    print(f"{named} of {len(PLANTED)} named.")


if __name__ == "__main__":
    main(*sys.argv[1:])
