"""What to dump: the keys for a cell, and a script that writes them, for NumPy and for PyTorch.

Names, layouts and dtypes are the author's own; those in a script are only the library's.

Read next: `numeric.check.assertion`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derive.system import System

NUMPY = """\
import numpy as np

# forward(inputs, initial, parameters) -> outputs, backward(upstream) -> gradients: your code, dictionaries of arrays
dump = {{f"input/{{name}}": value for name, value in inputs.items()}}
dump |= {{f"initial/{{name}}": value for name, value in initial.items()}}  # leave out what is zero
dump |= {{f"param/{{name}}": value for name, value in parameters.items()}}
outputs = forward(inputs, initial, parameters)
dump |= {{f"output/{{name}}": value for name, value in outputs.items()}}
up = {{name: np.random.standard_normal(np.shape(value)) for name, value in outputs.items()}}
dump |= {{f"cotangent/{{name}}": value for name, value in up.items()}}
dump |= {{f"grad/{{name}}": value for name, value in backward(up).items()}}
np.savez("dump.npz", **dump)  # then: bptt check dump.npz --cell {cell}
"""
TORCH = """\
import numpy as np
import torch

# forward as above, of tensors; backward: the kernel, or .backward() of an autograd.Function and .grad of each leaf
groups = {{"input": inputs, "initial": initial, "param": parameters}}
outputs = forward(inputs, initial, parameters)
groups["output"] = outputs
groups["cotangent"] = {{name: torch.randn_like(value) for name, value in outputs.items()}}
groups["grad"] = backward(groups["cotangent"])
dump = {{f"{{kind}}/{{name}}": v for kind, group in groups.items() for name, v in group.items()}}
np.savez("dump.npz", **{{key: v.detach().cpu().numpy() for key, v in dump.items()}})  # keep the dtype
# then: bptt check dump.npz --cell {cell}; bfloat16: safetensors.torch.save_file(dump, FILE)
"""


def template(system: System) -> str:
    """The keys that a check of this cell reads, and two scripts that dump them."""
    rows = [f"keys for {system.name}, under your own names and in your own layout:", ""]
    for head, names, said in _keys(system):
        rows += [f"  {head + name:<18} {said(name)}" for name in names]
    rows += [
        "",
        "  What is absent is zero (initial/, cotangent/) or is not checked (grad/). Gates may be stacked, a bias may",
        "  stand in its matrix, a sequence may have T + 1 entries. Code that differentiates a loss has target/NAME,",
        "  and perhaps loss, instead of cotangents. Weights of about 0.5 and distinct sizes (B, T, D, H) show",
        "  mistakes best.",
    ]
    for name, script in (("NumPy", NUMPY), ("PyTorch", TORCH)):
        rows += ["", f"# {name}", script.format(cell=system.name).rstrip()]
    return "\n".join(rows)


def scripts(system: System) -> dict[str, str]:
    """The two scripts alone, by library."""
    return {name: text.format(cell=system.name) for name, text in (("numpy", NUMPY), ("torch", TORCH))}


def _keys(system: System) -> list[tuple[str, Sequence[str], Callable[[str], str]]]:
    def sized(name: str) -> str:
        return " × ".join(map(str, system.shapes[name])) or "a number"

    leaves = [*system.parameters, *system.inputs, *(f"{state}0" for state in system.states)]
    return [
        ("input/", system.inputs, lambda name: f"{sized(name)} at each of T steps, of B examples"),
        ("initial/", [f"{state}0" for state in system.states], lambda name: f"{sized(name[:-1])}, of B examples"),
        ("param/", system.parameters, sized),
        ("output/", system.states, lambda name: f"what your forward pass computed, {sized(name)} at each step"),
        ("cotangent/", system.states, lambda name: f"the upstream gradient of {name}"),
        ("grad/", leaves, lambda name: f"what your backward pass computed for {name}"),
    ]
