"""NumPy: the module of `numeric.compile`, with a `check()` at its end.

Read next: `numeric.targets.torch`.
"""

from __future__ import annotations

from numeric.arrays import BATCH
from numeric.kernel import Kernel
from numeric.kernel import compile as compile_kernel
from numeric.targets.check import DRAWS, SEEDS, TOLERANCE, argument_lines, checked_names, sizes_of
from numeric.targets.plan import Plan


def numpy_source(plan: Plan) -> str:
    """The file."""
    kernel = compile_kernel(plan.system)
    return kernel.source + (f"\n\n{_check(plan, kernel)}\n" if plan.gradients else "")


def _check(plan: Plan, kernel: Kernel) -> str:
    numbers = sizes_of(plan)
    free = [(text, numbers[BATCH] if s is None else numbers[s]) for text, s in kernel._module.sizes]
    keywords = "".join(f", {text}={number}" for text, number in free)
    shown = ", ".join(f"{symbol} = {number}" for symbol, number in numbers.items())
    given = [f'weights["outputs", {name!r}]' for name in kernel.plan.upstream]
    for name, positions in kernel.plan.ends.items():
        whole = f'weights["final", {name!r}]'
        given += [f"*{whole}" if len(positions) > 1 else whole]
    return f'''SIZES = "{shown}"
CHECKED = {checked_names(plan)!r}


def example(seed):
    """Random arguments by name; positive ones for odd seeds."""
{DRAWS["numpy"]}
    return {{
{chr(10).join(argument_lines(plan))}
    }}


def check():
    """The largest error of the gradients, against differences of `forward` in float64 along random directions."""

    def results(values):
        outputs, final, _ = forward(*values.values(){keywords})
        parts = (("outputs", outputs), ("final", final))
        return {{(part, name): np.array(value) for part, found in parts for name, value in found.items()}}

    for seed in range({SEEDS}):
        values = example(seed)
        with np.errstate(all="ignore"):
            found = results(values)
        if all(np.isfinite(value).all() for value in found.values()):
            break
    source = np.random.default_rng(0)
    weights = {{key: source.standard_normal(value.shape) for key, value in found.items()}}

    def loss(values):
        return sum((value * weights[key]).sum() for key, value in results(values).items())

    _, _, saved = forward(*values.values(){keywords})
    parameters, inputs, initial = backward({", ".join(["saved", *given])})
    grads = {{**parameters, **inputs, **{{f"initial {{name}}": value for name, value in initial.items()}}}}
    worst, width = 0.0, 1e-4
    for name in CHECKED:
        direction = source.standard_normal(values[name].shape)

        def along(distance):
            return loss(values | {{name: values[name] + distance * direction}})

        outer_pair, inner_pair = along(2 * width) - along(-2 * width), along(width) - along(-width)
        slope, expected = np.sum(grads.get(name, 0.0) * direction), (8 * inner_pair - outer_pair) / (12 * width)
        error = abs(slope - expected) / max(1.0, abs(expected))
        worst = max(worst, error) if error == error else float("inf")
    print(f"{plan.system.name} at {{SIZES}}: largest error {{worst:.1e}}")
    return worst


if __name__ == "__main__":
    raise SystemExit(not check() <= {TOLERANCE})'''
