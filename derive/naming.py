"""Names for inferred dimensions, after use and independent of the order of lines.

Read next: `derive.inference`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy

from derive.dimensions import dimension
from derive.equation import Equation
from derive.expr import Index, Op, Ref, refs


def dimension_names(
    final: Mapping[str, Any],
    origin: Mapping[sympy.Symbol, str],
    roles: Mapping[str, str],
    equations: Sequence[Equation],
) -> dict[sympy.Symbol, sympy.Symbol]:
    """Names for the sizes that inference left free.

    Args:
        final: shape of every quantity, in terms of the free sizes.
        origin: the quantity that each free size first belonged to.
        roles: role of every quantity.
        equations: of the system.

    Returns:
        Symbol of the named dimension for every free size.
    """
    states = {read.name for equation in equations for read in _shifted(equation.expr) if roles[read.name] == "defined"}
    members: dict[sympy.Symbol, list[str]] = {}
    for name, shape in final.items():
        for dim in shape:
            if dim in origin:
                members.setdefault(dim, []).append(name)
    free = {symbol for shape in final.values() for dim in shape for symbol in dim.free_symbols if symbol in origin}
    for symbol in free:
        members.setdefault(symbol, [origin[symbol]])

    def letter(names: list[str]) -> tuple[str, str]:
        kinds = [("H", [n for n in names if n in states])]
        kinds.append(("D", [n for n in names if roles[n] == "input"]))
        kinds.append(("O", [n for n in names if roles[n] == "defined"]))
        kinds.append(("K", names))
        return next((kind, min(found)) for kind, found in kinds if found)

    chosen = {symbol: letter(names) for symbol, names in members.items()}
    taken = {str(s) for shape in final.values() for dim in shape for s in dim.free_symbols if s not in origin}
    taken |= {index.axis.upper() for equation in equations for index in _indices(equation)}
    result: dict[sympy.Symbol, sympy.Symbol] = {}
    for symbol, (kind, member) in sorted(chosen.items(), key=lambda item: (item[1], str(item[0]))):
        rivals = sum(kind == other for other, _ in chosen.values())
        name = kind if rivals == 1 and kind not in taken else f"{kind}_{member}"
        while name in taken:
            name += "_"
        taken.add(name)
        result[symbol] = dimension(name)
    return result


def _indices(equation: Equation) -> Iterable[Index]:
    """When something is read or defined in an equation."""
    return [read.index for read in (equation.out, *refs(equation.expr)) if read.index is not None]


def _shifted(expr: sympy.Basic) -> Iterable[Ref]:
    if isinstance(expr, Ref):
        if getattr(expr.index, "shift", 0):
            yield expr
    elif isinstance(expr, Op):
        for operand in expr.operands:
            yield from _shifted(operand)
