"""A ``torch.autograd.Function`` as a pair of NumPy functions, without importing PyTorch.

Read next: `numeric.check.calling.callables`.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np

from numeric.check.calling.calls import Code
from numeric.check.calling.signature import sketch
from numeric.check.foreign import as_array


def tensor_code(function: type) -> Code:
    """The forward and backward pass of a subclass of ``torch.autograd.Function``.

    Both are called through ``apply`` and autograd, as the class is when it is used; integers have no gradient.
    """
    torch: Any = sys.modules["torch"]
    names = [name for name in inspect.signature(function.forward).parameters if name != "ctx"]  # type: ignore[attr-defined]
    kept: dict[str, Any] = {}

    def forward(*arrays: Any) -> Any:
        tensors = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arrays]
        for tensor in tensors:
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                tensor.requires_grad_()
        results = function.apply(*tensors)  # type: ignore[attr-defined]
        kept["tensors"], kept["results"] = tensors, results if isinstance(results, tuple) else (results,)
        found = tuple(as_array(result)[0] for result in kept["results"])
        return found if isinstance(results, tuple) else found[0]

    def backward(*cotangents: Any) -> Any:
        leaves = [t for t in kept["tensors"] if isinstance(t, torch.Tensor) and t.requires_grad]
        ups = [torch.tensor(up) for up in cotangents]
        grads = iter(torch.autograd.grad(kept["results"][: len(ups)], leaves, ups, allow_unused=True))
        found = [next(grads) if any(t is leaf for leaf in leaves) else None for t in kept["tensors"]]
        return {f"d{name}": as_array(g)[0] for name, g in zip(names, found, strict=True) if g is not None}

    forward.__wrapped__ = function.forward  # type: ignore[attr-defined]
    results = [name.strip() for name in sketch(function.forward).results.split(",") if name.strip()]  # type: ignore[attr-defined]
    ups = [inspect.Parameter(f"d{name}", inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in results]
    backward.__signature__ = inspect.Signature(ups)  # type: ignore[attr-defined]
    return Code(backward, forward)
