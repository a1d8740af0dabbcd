"""Torch as a backend: every family of cases, eager or fused, on a CPU or a GPU, right or with a planted bug.

    python torch_backend.py BUNDLE --out GOT [--case GLOB] [--fused | --kernel flash] [--device cuda] [--bf16]
    python torch_backend.py CASE.safetensors ANSWER.safetensors [--fused] [--bug no_scale] [--layout sliced]

The first form answers all cases and prints what it thinks of them; the second is what `mmt golden run` calls with
`-- python torch_backend.py {case} {out}`. Needs torch 2.5 or newer, NumPy, and mmt_golden.py and torch_ops.py beside it.
"""

import argparse
import os
import sys

import torch

import mmt_golden as golden
import torch_ops

DTYPES = {"f64": torch.float64, "f32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


def answer(case, device="cpu", dtype=torch.float32, fused=False, bug=None, layout="contiguous"):
    """Outputs by forward, gradients by autograd; None for an operation that is not known. `fused` may name a kernel."""
    try:
        return computed(case, laid_out(inputs(case, device, dtype), layout), dtype, fused, bug)
    except (NotImplementedError, torch_ops.NoKernel):  # what torch lacks for this device, type and mask
        return None


def inputs(case, device, dtype):
    """What a kernel gets: data without a gradient (boxes, targets) keeps single precision at least."""
    tensors = case.tensors(device, dtype)
    data = case.tensors(device, torch.float32) if dtype.itemsize < 4 else tensors
    fixed = [key for key in tensors if key.startswith("in/") and key not in case.gradients]
    return tensors | {key: data[key] for key in fixed}


def laid_out(tensors, layout):
    """The same numbers in another layout."""
    if layout == "aliased":
        floats = {key: t for key, t in tensors.items() if t.is_floating_point() and t.dtype == tensors_type(tensors)}
        parts = torch.cat([t.reshape(-1) for t in floats.values()]).split([t.numel() for t in floats.values()])
        return tensors | {key: part.view(t.shape) for (key, t), part in zip(floats.items(), parts)}
    return {key: golden.relaid(t, layout) for key, t in tensors.items()}


def tensors_type(tensors):
    """The type of most of them."""
    kinds = [t.dtype for t in tensors.values() if t.is_floating_point()]
    return max(set(kinds), key=kinds.count, default=torch.float32)


def computed(case, tensors, dtype, fused, bug):
    leaves = {key: tensors[key].requires_grad_() for key in case.gradients}
    found = torch_ops.compute(case.op, torch_ops.Run(case.config, tensors, dtype, fused, bug))
    if found is None:
        return None
    objective = 0.0
    for key, out in found.items():
        section, name = key.split("/", 1)
        cot = tensors.get(f"cot/{name}")
        if cot is not None and section in ("out", "loss") and out.requires_grad:
            objective = objective + (out.double() * cot.double().reshape(out.shape)).sum()
    if leaves and torch.is_tensor(objective):
        grads = torch.autograd.grad(objective, list(leaves.values()), allow_unused=True)
        for (key, leaf), grad in zip(leaves.items(), grads):
            found[f"grad_{key}"] = torch.zeros_like(leaf) if grad is None else grad
    return {key: numbers(t) for key, t in found.items()}


def numbers(t):
    """As an array; bfloat16, which NumPy lacks, as float32."""
    t = t.detach().cpu()
    return (t.float() if t.dtype == torch.bfloat16 else t).contiguous().numpy()


def backend(case):
    """For pytest: `--mmt-backend torch_backend:backend`."""
    return answer(case, dtype=DTYPES[case.profile])


def fused(case):
    """The same with the fused attention."""
    return answer(case, dtype=DTYPES[case.profile], fused=True)


def main():
    parser = argparse.ArgumentParser(description="Torch as a backend of golden cases.")
    parser.add_argument("bundle", help="the folder of a bundle, or the file of one case")
    parser.add_argument("answer", nargs="?", help="where to write the answer of one case")
    parser.add_argument("--out", help="folder for the answers of a bundle")
    parser.add_argument("--case", default="*", help="which cases, with * and ?")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--layout", default="contiguous", help="contiguous, transposed, sliced or aliased")
    parser.add_argument("--fused", action="store_true", help="scaled_dot_product_attention, by the kernel that torch picks")
    parser.add_argument("--kernel", choices=torch_ops.KERNELS, help="the same, by this kernel")
    parser.add_argument("--bug", help="plant a bug: " + " ".join(torch_ops.BUGS))
    for name in ("f64", "tf32", "bf16", "f16"):
        parser.add_argument(f"--{name}", dest="profile", action="store_const", const=name, default="f32")
    args = parser.parse_args()
    if args.bug and args.bug not in torch_ops.BUGS:
        parser.error(f"no bug {args.bug}")
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.profile == "tf32"
    settings = dict(device=args.device, dtype=DTYPES[args.profile], fused=args.kernel or args.fused, bug=args.bug, layout=args.layout)
    if args.answer:
        got = answer(golden.find(args.bundle, args.profile), **settings)
        if got is None:
            sys.exit(77)  # not supported
        golden.write(args.answer, {f"main/{k}": v for k, v in got.items()})
        return
    sys.exit(0 if everything(args, settings) else 1)


def everything(args, settings):
    """Answers all cases of a bundle; prints the failures and a line of totals."""
    passed, skipped, failed, worst = 0, 0, 0, 0.0
    for case in golden.load(args.bundle, args.profile, args.case):
        got = answer(case, **settings)
        if got is None:
            skipped += 1
            continue
        if args.out:
            golden.write(os.path.join(args.out, f"{case.id}.safetensors"), {f"main/{k}": v for k, v in got.items()})
        report = case.compare(got)
        worst = max(worst, report.score)
        passed, failed = passed + report.ok, failed + (not report.ok)
        if not report.ok:
            print(report)
    where = torch.cuda.get_device_name() if args.device.startswith("cuda") else args.device
    kind = args.kernel or ("fused" if args.fused else "eager")
    print(
        f"torch {torch.__version__} {where} {kind} {args.profile}: "
        f"{passed} passed, {failed} failed, {skipped} not supported, worst score {worst:.3g}"
    )
    return failed == 0


if __name__ == "__main__":
    main()
