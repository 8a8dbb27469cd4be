"""Files for other frameworks: they stand alone, run, and their gradients are right.

The files of the LSTM are kept in ``tests/golden``.  After a change that is meant,
``BPTT_GOLDEN=write pytest tests/numeric/test_targets.py`` writes them anew; look at the difference.
"""

import ast
import os
from pathlib import Path

import numpy as np
import pytest

import derive
from derive.networks import NAMED, build
from numeric.kernel import compile as compile_kernel
from numeric.targets.source import TARGETS, source

GOLDEN = Path(__file__).parents[1] / "golden"
ALL = [*derive.names(), *(name for name in NAMED if name not in derive.names())]
LAG = "h[t] = tanh(A @ h[t-1] + C @ h[t-2] + W @ x[t])\nq[t] = tanh(U @ q[t+1] + V @ h[t])"


def system(name: str) -> derive.System:
    return derive.load(name) if name in derive.names() else build(name)


def module(text: str) -> dict:
    namespace = {"__name__": "generated"}
    exec(compile(text, "generated", "exec"), namespace)
    return namespace


def test_the_file_for_numpy_is_the_kernel_and_a_check():
    text, kernel = source(derive.load("lstm"), "numpy"), compile_kernel(derive.load("lstm")).source
    assert text.startswith(kernel)
    functions = [node.name for node in ast.parse(text.removeprefix(kernel)).body if isinstance(node, ast.FunctionDef)]
    assert "check" in functions
    assert not {"forward", "backward"} & set(functions)


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "numpy"])
def test_golden(target):
    text = source(derive.load("lstm"), target)
    file = GOLDEN / f"{target}_lstm.{'c' if target == 'c' else 'py'}"
    if os.environ.get("BPTT_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "c"])
@pytest.mark.parametrize("name", ["lstm", "tagger", "encoder-decoder-free", "glove"])
def test_a_file_imports_nothing_of_this_project(target, name):
    tree = ast.parse(source(system(name), target))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {a.name for n in imported if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in imported if isinstance(n, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= {"numpy", "torch", "jax", "functools"}


@pytest.mark.parametrize("name", ALL)
def test_numpy_checks_itself(name):
    assert module(source(system(name), "numpy"))["check"]() <= 1e-7


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", ALL)
def test_torch_checks_itself_and_agrees_with_autograd(name):
    import torch

    made = module(source(system(name), "torch"))
    assert made["check"]() <= 1e-7
    values = {n: v.requires_grad_(v.is_floating_point()) for n, v in made["example"](1).items()}
    wanted = [value for value in values.values() if value.requires_grad]
    sizes = free_sizes(name)
    results = made["Function"].apply(*values.values(), *sizes), made["forward"](*values.values(), *sizes)[0]
    weights = [torch.cos(torch.arange(r.numel(), dtype=r.dtype)).reshape(r.shape) for r in results[0]]
    totals = [sum((r * w).sum() for r, w in zip(found, weights, strict=True)) for found in results]
    derived, automatic = (
        torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True) for total in totals
    )
    constants = set(system(name).constants)
    names = [n for n, value in values.items() if value.requires_grad]
    for leaf, ours, theirs in zip(names, derived, automatic, strict=True):
        if leaf not in constants:
            assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-9 * (1 + float(theirs.abs().max()))), leaf


def free_sizes(name: str) -> list[int]:
    from numeric.targets.check import sizes_of
    from numeric.targets.plan import Plan

    plan = Plan(system(name))
    return [sizes_of(plan)[symbol] for symbol in plan.known_sizes()[1]]


@pytest.mark.needs("torch")
def test_torch_agrees_with_the_kernel():
    lstm = derive.load("lstm")
    made = module(source(lstm, "torch"))
    values = {n: v.requires_grad_() for n, v in made["example"](0).items()}
    made["apply"](**values)[0].sum().backward()
    arrays = {n: v.detach().numpy() for n, v in values.items()}
    kernel = compile_kernel(lstm)
    states = {"h": arrays.pop("h_0"), "c": arrays.pop("c_0")}
    run = kernel.forward({n: arrays[n] for n in lstm.parameters}, {"x": arrays["x"]}, states)
    found = kernel.backward(run, {"h": np.ones_like(run.outputs["h"])})
    for name, gradient in {**found.parameters, **found.inputs}.items():
        np.testing.assert_allclose(values[name].grad.numpy(), gradient, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(values["c_0"].grad.numpy(), found.initial["c"], rtol=1e-12, atol=1e-12)


@pytest.mark.needs("jax")
@pytest.mark.parametrize("text", ["lstm", LAG])  # a compilation is a second or two, so not all of them
def test_jax_checks_itself(text):
    chosen = derive.parse(text) if "=" in text else system(text)
    assert module(source(chosen, "jax"))["check"]() <= 1e-7


@pytest.mark.needs("torch")
@pytest.mark.parametrize("target", ["numpy", "torch"])
def test_lags_and_both_directions(target):
    assert module(source(derive.parse(LAG), target))["check"]() <= 1e-7


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("target", "right", "wrong"), [("torch", "(1 - g[t]**2)", "(1 - g[t])")])
def test_a_wrong_gradient_fails_the_check(target, right, wrong):
    text = source(derive.load("lstm"), target)
    assert text.count(right + "  #") == 1
    assert not module(text.replace(right + "  #", wrong + "  #"))["check"]() <= 1e-7


def test_a_wrong_gradient_fails_the_check_of_numpy():
    text = source(derive.load("lstm"), "numpy")
    wrong = text.replace("subtract(1, dz_g_by, dz_g_by)", "pass")
    assert wrong != text
    assert not module(wrong)["check"]() <= 1e-7


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match="no target is called 'cuda'; there are numpy, torch, jax, c"):
        source(derive.load("rnn"), "cuda")
