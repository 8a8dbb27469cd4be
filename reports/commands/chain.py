"""`bptt chain`: the gradient of a weight as a sum over paths, one group of terms for every word.

Read next: `reports.commands.code`.
"""

from __future__ import annotations

import math
from typing import Any

import derive
from derive.chain import chain, chain_at, scalar_losses
from derive.jacobian import edge_jacobian
from derive.networks import head, loss
from derive.stability import columns
from derive.terms import Chain, Term
from numeric.floats import gaussian
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.commands.systems import read_sizes, read_systems

LONGEST = 100  # steps


def chain_of(
    argument: str, *, of: str, steps: int, at: str, sizes: str, limit: int, as_json: bool, strict: bool
) -> int:
    """Print every path from the loss to every use of a weight.

    Returns:
        0 if the sum over all paths is the derived gradient, exactly; else 1.
    """
    (system,) = read_systems([argument], strict=strict)
    if not 1 <= steps <= LONGEST:
        raise Failure(f"--steps: from 1 to {LONGEST}, not {steps}")
    try:
        whole, name, added = _with_loss(system, at)
        given = read_sizes(sizes, [whole])
        weight = of or next(iter(system.parameters), "")
        lengths: dict[str, Any] = {"steps": steps, "limit": limit, "sizes": given or None}
        found = chain(whole, name, weight, **lengths)
        sizes_of_terms = chain_at(gaussian(), whole, name, weight, **lengths)
    except (ValueError, derive.EquationError) as error:
        raise Failure(f"{system.name}: {error}") from error
    if as_json:
        print_json(_record(system, found, sizes_of_terms, added))
    else:
        print_text(_text(whole, found, sizes_of_terms, added))
    return 0 if found.holds else 1


def _with_loss(system: derive.System, at: str) -> tuple[derive.System, str, str]:
    """The system with a loss, the loss, and what was added to have one."""
    losses = scalar_losses(system)
    if losses:
        return system, losses[-1], ""
    where = "last" if at == "last" else "every"
    added = {"last": "a read-out y of the last state", "every": "a read-out y at every step"}[where]
    net = loss(head(system, at=where), "squared")
    return net, scalar_losses(net)[-1], f"{added}, and L = ½‖y − target‖²" + (" summed" if where == "every" else "")


def _text(system: derive.System, found: Chain[int], numbers: Chain[float], added: str) -> str:
    lines = [f"{system.name}: ∂{found.loss}/∂{found.parameter}, T = {', '.join(map(str, found.steps.values()))}"]
    lines += [f"with {added}"] if added else []
    used = [e for e in system.equations if found.parameter in {str(symbol) for symbol in e.expr.free_symbols}]
    lines += ["", f"{found.parameter} is used in", *(f"  {equation}" for equation in used)]
    lines += ["", "Every factor is a direct derivative: all other quantities on paths are held fixed.", ""]
    rows = [("word", f"∂{found.loss}/∂{found.parameter} = the sum of", "norm at random weights")]
    for use, terms in found.words.items():
        for place, (term, number) in enumerate(zip(terms, numbers.words[use], strict=True)):
            label = ("–" if use is None else str(use)) if place == 0 else ""
            rows.append((label, str(term), f"{_norm(number):.3g}"))
        if len(terms) > 1:
            rows.append(("", "  together", f"{_size(numbers.total(numbers.words[use])):.3g}"))
    lines += [table(rows, "rlr"), "", *_factors(system, found)]
    outcome = "equals" if found.holds else "DOES NOT EQUAL"
    lines.append(f"The sum of all {len(found.terms)} paths {outcome} the derived gradient, exactly (modulo 2^61 - 1).")
    return "\n".join(lines)


def _factors(system: derive.System, found: Chain[int]) -> list[str]:
    """What the factors are, as far as they are products of matrices."""
    nodes = tuple(dict.fromkeys(node[0] for term in found.terms for node in term.path[:-1]))
    edges = dict.fromkeys(
        (later, earlier)
        for term in found.terms
        for later, earlier in zip(term.path[:-2], term.path[1:-1], strict=True)
        if system.variables[later[0]].axis is not None and later[1] is not None and earlier[1] is not None
    )
    lines = []
    for of, wrt, lag in dict.fromkeys((a[0], b[0], (a[1] or 0) - (b[1] or 0)) for a, b in edges):
        axis = system.variables[of].axis
        try:
            block = edge_jacobian(system, of, wrt, lag, nodes)
        except ValueError:
            continue  # no product of matrices: it has a value all the same
        below = f"{axis}{-lag:+d}" if lag else axis
        lines.append(f"  ∂{of}[{axis}]/∂{wrt}[{below}] = {columns(str(block))}")
    return ["where", *lines, ""] if lines else []


def _norm(term: Term[float]) -> float:
    return _size(term.value)


def _size(value: Any) -> float:
    return math.sqrt(sum(entry * entry for entry in value.values()))


def _record(system: derive.System, found: Chain[int], numbers: Chain[float], added: str) -> dict[str, Any]:
    return {
        "name": system.name,
        "loss": found.loss,
        "added": added,
        "parameter": found.parameter,
        "steps": dict(found.steps),
        "paths": len(found.terms),
        "words": [
            {
                "word": use,
                "terms": [
                    {"path": [list(node) for node in term.path], "text": str(term), "norm": _norm(number)}
                    for term, number in zip(terms, numbers.words[use], strict=True)
                ],
                "norm": _size(numbers.total(numbers.words[use])),
            }
            for use, terms in found.words.items()
        ],
        "equals_derived_gradient": found.holds,
    }
