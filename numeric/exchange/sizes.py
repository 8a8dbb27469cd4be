"""Numbers for dimensions, from arrays of known shape.

Read next: `numeric.exchange.values`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy


@dataclass(frozen=True)
class Shaped:
    """Something with a shape: what it is called, its shape in symbols and in numbers."""

    name: str
    symbols: tuple[sympy.Expr, ...]
    numbers: tuple[int, ...]


def solved(shapes: Sequence[Shaped]) -> dict[sympy.Symbol, int]:
    """The numbers of all dimensions.

    Raises:
        ValueError: for the first shape that contradicts those that are simpler, with both shapes.
    """
    found: dict[sympy.Symbol, int] = {}
    waiting = [
        (one, *pair)
        for one in shapes
        if len(one.symbols) == len(one.numbers)
        for pair in zip(one.symbols, one.numbers, strict=True)
    ]
    waiting.sort(key=lambda item: not item[1].is_Symbol)
    for _ in range(len(waiting)):
        rest = []
        for one, dim, number in waiting:
            left = sympy.expand(dim.subs(found) - number)
            free = left.free_symbols
            if len(free) == 1:
                (symbol,) = free
                root = sympy.solve(left, symbol)
                if root and root[0].is_Integer and root[0] > 0:
                    found[symbol] = int(root[0])
            elif free:
                rest.append((one, dim, number))
        waiting = rest
    for one in shapes:
        if tuple(dim.subs(found) for dim in one.symbols) != one.numbers:
            raise ValueError(f"{one.name} has the shape {one.numbers}, expected {shown(one.symbols, found)}")
    return found


def shown(symbols: Sequence[sympy.Expr], found: Mapping[sympy.Symbol, int]) -> str:
    """``(H, D + H) = (3, 7)``."""
    texts = [tuple(map(str, symbols)), tuple(str(dim.subs(found)) for dim in symbols)]
    first, second = (f"({', '.join(text)}{',' if len(text) == 1 else ''})" for text in texts)
    return f"{first} = {second}" if first != second else first
