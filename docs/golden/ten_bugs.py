"""Plants bugs in the torch backend and asks `mmt golden explain` for their names; prints a page.

    python ten_bugs.py BUNDLE path/to/mmt > transcript.md
"""

import os
import subprocess
import sys
import tempfile

import mmt_golden as golden
import torch_backend as backend

PLANTED = {
    "no_scale": "sdpa.self.normal",
    "causal_plus1": "sdpa.causal.square",
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

Made by `ten_bugs.py`: the torch backend with a bug answers a case, and `mmt golden explain` is asked what is wrong. It does not know
torch; it runs its own naive backend with every bug of the catalogue and looks for the same numbers.
"""


def main(bundle, mmt):
    print(TITLE)
    named = 0
    for bug, name in PLANTED.items():
        case = next(golden.load(bundle, case=name))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, f"{bug}.safetensors")
            golden.write(path, {f"main/{key}": x for key, x in backend.answer(case, bug=bug).items()})
            words = [mmt, "golden", "explain", bundle, name, "--got", path]
            told = subprocess.run(words, capture_output=True, text=True).stdout.rstrip()
        names = [line for line in told.splitlines() if line.startswith("  bug '")]
        named += bool(names) and f"'{bug}'" in names[0]
        print(f"```\n$ python torch_backend.py {case.entry['file']} {bug}.safetensors --bug {bug}")
        print(f"$ mmt golden explain golden-core {name} --got {bug}.safetensors\n{told}\n```\n")
    print(f"{named} of {len(PLANTED)} named.")


if __name__ == "__main__":
    main(*sys.argv[1:])
