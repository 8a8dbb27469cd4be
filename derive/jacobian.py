"""Jacobians between named quantities, as sums of products of diagonal and full matrices.

∂(h_t, c_t)/∂(h_{t−1}, c_{t−1}) of an LSTM comes out as ``∂c/∂c = diag(f[t])`` and ``∂c/∂h = diag(…) U_f + …``: gates
keep their names, and a weight that multiplies ``[h, x]`` contributes its block of columns.  Terms are collected by
forward accumulation, equation by equation.

Read next: `derive.paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sympy

from derive.expr import Ref, Step, ref, step
from derive.factors import Factor, Product, compose, derivatives, product_text
from derive.operands import name_operands
from derive.reach import dependent
from derive.rewrite import replace
from derive.system import System

LIMIT = 1000  # terms of one block


@dataclass(frozen=True)
class Block:
    """∂of[t]/∂wrt[t−lag] = Σ of products.

    Attributes:
        of, wrt: names.
        lag: in steps; negative for what runs backward in time.
        terms: products of factors, left to right; the empty product is the identity, no terms are zero.
    """

    of: str
    wrt: str
    lag: int
    terms: tuple[Product, ...]

    @property
    def is_zero(self) -> bool:
        """Whether there is no path."""
        return not self.terms

    @property
    def is_diagonal(self) -> bool:
        """Whether every term is diagonal: an elementwise path, such as diag(f) of an LSTM."""
        return bool(self.terms) and len(self.direct) == len(self.terms)

    @property
    def direct(self) -> tuple[Product, ...]:
        """The diagonal terms alone: diag(1 − z) of a GRU."""
        return tuple(term for term in self.terms if all(factor.kind == "diag" for factor in term))

    def __str__(self) -> str:
        return " + ".join(map(product_text, self.terms)) or "0"


@dataclass(frozen=True)
class Jacobian(Mapping[tuple[str, str], Block]):
    """Blocks by name: ``jacobian["c", "h"]`` at the smallest lag; `all_lags` has the others.

    Attributes:
        all_lags: every block that is not zero, by (of, wrt, lag).
        of, wrt: names of rows and columns.
    """

    all_lags: Mapping[tuple[str, str, int], Block]
    of: tuple[str, ...]
    wrt: tuple[str, ...]

    def __getitem__(self, key: tuple[str, str]) -> Block:
        of, wrt = key
        if of not in self.of or wrt not in self.wrt:
            raise KeyError(key)
        lags = sorted((lag for a, b, lag in self.all_lags if (a, b) == key), key=abs)
        return self.all_lags[of, wrt, lags[0]] if lags else Block(of, wrt, 1, ())

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((a, b) for a in self.of for b in self.wrt)

    def __len__(self) -> int:
        return len(self.of) * len(self.wrt)

    def __str__(self) -> str:
        rows = [f"∂{a}/∂{b} = {self[a, b]}" for a, b in self]
        return "\n".join(rows)


def jacobian(system: System, of: Sequence[str] | None = None, wrt: Sequence[str] | None = None) -> Jacobian:
    """Blocks of ∂of[t]/∂wrt[t−1], everything computed at step t taken into account.

    Args:
        system: the primal.
        of: rows; default the states.
        wrt: columns; default the states.  Inputs too: ``jacobian(lstm, wrt=["x"])`` is at lag 0.

    Returns:
        The blocks.

    Raises:
        ValueError: if a name does not exist, or a quantity on the way is a matrix.
    """
    rows = tuple(system.states if of is None else of)
    columns = tuple(system.states if wrt is None else wrt)
    _known(system, (*rows, *columns))

    def stops(read: Ref, within: frozenset[str]) -> bool:
        shifted = isinstance(read.index, Step) and read.index.shift != 0
        return shifted or (read.name in columns and read.name not in within)

    return Jacobian(_collect(system, rows, columns, stops), rows, columns)


def edge_jacobian(system: System, of: str, wrt: str, lag: int, nodes: Sequence[str]) -> Block:
    """The direct Jacobian ∂⁺of[t]/∂wrt[t−lag]: along paths that meet none of `nodes` in between.

    Args:
        system: the primal.
        of, wrt, lag: the edge.
        nodes: quantities that keep their name, such as the states.

    Returns:
        The block; zero if there is no such path.

    Raises:
        ValueError: if a name does not exist, or a quantity on the way is a matrix.
    """
    _known(system, (of, wrt, *nodes))
    blocks = _collect(system, (of,), (wrt,), lambda read, within: read.name in nodes or read.name == wrt)
    return blocks.get((of, wrt, lag), Block(of, wrt, lag, ()))


def _known(system: System, names: Sequence[str]) -> None:
    for name in names:
        if name not in system.variables:
            raise ValueError(f"{name} is no quantity of {system.name}; there are {', '.join(system.variables)}")


def _collect(
    system: System, rows: Sequence[str], columns: Sequence[str], stops: Callable[[Ref, frozenset[str]], bool]
) -> dict[tuple[str, str, int], Block]:
    """Forward accumulation: derivatives of every quantity by the reads at which paths stop."""
    named = name_operands(system)
    equations = {e.name: e for e in named.equations if not e.is_boundary}
    within = {e.name: frozenset(m.name for m in c.equations) for c in named.components for e in c.equations}
    sources = dependent(named, columns)
    done: dict[str, dict[tuple[str, int], list[Product]]] = {}

    def of(name: str) -> dict[tuple[str, int], list[Product]]:
        if name in done:
            return done[name]
        total: dict[tuple[str, int], list[Product]] = {}
        for read, product in derivatives(equations[name], named.shape_of, sources):
            shift = read.index.shift if isinstance(read.index, Step) else 0
            if stops(read, within[name]):
                total.setdefault((read.name, shift), []).append(product)
            elif read.name in equations:
                for (source, further), inner in of(read.name).items():
                    chained = [compose(product, moved(term, shift), named.shape_of) for term in inner]
                    total.setdefault((source, shift + further), []).extend(c for c in chained if c is not None)
        if any(len(terms) > LIMIT for terms in total.values()):
            raise ValueError(f"the Jacobian of {name} has more than {LIMIT} terms")
        done[name] = total
        return total

    return {
        (name, source, -shift): Block(name, source, -shift, tuple(terms))
        for name in rows
        if name in equations
        for (source, shift), terms in of(name).items()
        if source in columns and terms
    }


def moved(product: Product, shift: int) -> Product:
    """The same factors, read `shift` steps later."""
    if shift == 0:
        return product

    def later(read: Ref) -> sympy.Expr:
        index = read.index
        return ref(read.name, step(index.axis, index.shift + shift)) if isinstance(index, Step) else read

    return tuple(Factor(f.kind, replace(f.expr, later), f.part) for f in product)
