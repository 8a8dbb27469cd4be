"""`bptt stability`: how a gradient shrinks or grows with the lag, by the equations and in numbers.

Read next: `reports.commands.chain`.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np

import derive
from derive.bounds import Bound
from derive.stability import Recurrence, columns
from derive.stability import Stability as Analysis
from derive.stability import stability as analyse
from numeric.examples import example
from numeric.stability import Spectra, spectra
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.commands.systems import read_sizes, read_systems

LONGEST = 10_000  # steps
SHOWN = 16  # rows of a table of lags


def stability(
    argument: str, *, sizes: str, steps: int, scale: float | None, seed: int, as_json: bool, strict: bool
) -> int:
    """Print the state Jacobian, its bound, the direct paths, and norms by lag at random weights."""
    if not argument:
        raise Failure("stability needs a system, or --claims")
    (system,) = read_systems([argument], strict=strict)
    given = read_sizes(sizes, [system])
    if not 1 <= steps <= LONGEST:
        raise Failure(f"--steps: from 1 to {LONGEST:,}, not {steps}")
    if scale is not None and not 0 < scale < float("inf"):
        raise Failure(f"--scale: a positive norm, not {scale:g}")
    if seed < 0:
        raise Failure(f"--seed: 0 or more, not {seed}")
    try:
        analysis = analyse(system)
        case = example(system, steps, given, scale=scale, seed=seed)
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = spectra(system, case.parameters, case.inputs, None, case.steps)
    except (ValueError, derive.EquationError) as error:
        raise Failure(f"{system.name}: {error}") from error
    except MemoryError as error:
        raise Failure(f"{system.name}: arrays of these sizes do not fit into memory") from error
    if as_json:
        print_json(_record(analysis, numbers, steps, scale, seed))
    else:
        print_text(_text(analysis, numbers, steps, scale, seed))
    return 0


def _text(analysis: Analysis, numbers: list[Spectra], steps: int, scale: float | None, seed: int) -> str:
    weights = "as drawn" if scale is None else f"with spectral norm {scale:g}"
    parts = [analysis.name]
    for found in numbers:
        parts.append(_broken(str(found.recurrence)))
        parts.append(f"at random weights, recurrent ones {weights}, {steps} steps, seed {seed}\n" + _one_step(found))
        parts.append(_lags(found))
    parts += [f"{', '.join(states)}: not written out, {reason}" for states, reason in analysis.refused]
    return "\n\n".join(parts)


def _broken(text: str) -> str:
    """Long sums, one term a line: those of an LSTM have four."""
    limit = max(60, min(shutil.get_terminal_size((100, 24)).columns, 110))
    lines = []
    for line in text.splitlines():
        left = re.match(r".*?(?= [=≤] )", line)
        if left is not None and len(line) > limit:
            line = ("\n" + " " * (len(left[0]) + 1) + "+ ").join(_terms(line))
        lines.append(line)
    return "\n".join(lines)


def _terms(line: str) -> list[str]:
    """What stands between the plus signs that are in no parentheses."""
    depths = itertools.accumulate((char in "([") - (char in ")]") for char in line)
    places = [at for at, depth in enumerate(depths) if depth == 0 and line.startswith(" + ", at)]
    return [line[a:b] for a, b in zip([0, *(at + 3 for at in places)], [*places, len(line)], strict=True)]


def _one_step(found: Spectra) -> str:
    values, radii = found.singular_values[..., 0], found.radii
    rows = [
        ("", "smallest", "mean", "largest"),
        ("norm of a step", *_three(values)),
        ("radius of a step", *_three(radii)),
    ]
    return table(rows, "lrrr")


def _three(values: Any) -> tuple[str, str, str]:
    return _number(values.min()), _number(values.mean()), _number(values.max())


def _lags(found: Spectra) -> str:
    far = len(found.bounds) - 1
    chosen = range(far + 1) if far < SHOWN else sorted({round(far * n / (SHOWN - 1)) for n in range(SHOWN)})
    state = found.recurrence.states[0] if len(found.recurrence.states) == 1 else "s"
    head = ("lag k", f"‖∂{state}_T/∂{state}_(T-k)‖", "bound", f"‖∂L_T/∂{state}_(T-k)‖")
    rows = [(str(k), *map(_number, (found.norms[k].max(), found.bounds[k], found.gradients[k].max()))) for k in chosen]
    return table([head, *rows], "rrrr")


def _number(value: float) -> str:
    return f"{value:.3g}" if 0.001 <= value < 10_000 else "0" if value == 0 else f"{value:.1e}"


def _record(analysis: Analysis, numbers: list[Spectra], steps: int, scale: float | None, seed: int) -> dict[str, Any]:
    return {
        "name": analysis.name,
        "steps": steps,
        "scale": scale,
        "seed": seed,
        "recurrences": [{**_equations(found.recurrence), **_numbers(found)} for found in numbers],
        "refused": [{"states": list(states), "reason": reason} for states, reason in analysis.refused],
    }


def _equations(recurrence: Recurrence) -> Mapping[str, Any]:
    return {
        "states": list(recurrence.states),
        "axis": recurrence.axis,
        "direction": recurrence.direction,
        "blocks": [
            {"of": of, "wrt": wrt, "lag": lag, "jacobian": str(block), "bound": _sum(recurrence.bounds[of, wrt, lag])}
            for (of, wrt, lag), block in recurrence.jacobian.all_lags.items()
        ],
        "product": recurrence.product,
        "bound": columns(recurrence.lag_bound),
        "conditions": [columns(str(condition)) for condition in recurrence.conditions],
        "direct": [str(path) for path in recurrence.direct],
    }


def _sum(bounds: tuple[Bound, ...]) -> str:
    return columns(" + ".join(map(str, bounds)))


def _numbers(found: Spectra) -> Mapping[str, Any]:
    return {
        "norms": found.norms[:, 0].tolist(),
        "gradients": found.gradients[:, 0].tolist(),
        "bounds": found.bounds.tolist(),
        "step_norms": found.singular_values[:, 0, 0].tolist(),
        "step_radii": found.radii[:, 0].tolist(),
    }
