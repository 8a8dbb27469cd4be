r"""PyTorch's names, found by structure: W_{if} multiplies what comes in, W_{hf} the state, for gate f.

A cell of the library has one matrix W_f that multiplies [h; x]; PyTorch has two, and two biases b_{if}, b_{hf} of
which only the sum matters (documentation of `torch.nn.RNN`, `LSTM` and `GRU`). So W_f is written [W_{hf} W_{if}], its
product with [h; x] is written W_{hf} h + W_{if} x, and b_f is written b_{if} + b_{hf}; the gradient by this sum is
that by either. The system stays as it is.

The first letter is i for what comes from outside of the recurrence, or the letter of the state that is read; the rest
says what is computed. Cells that PyTorch does not have are written in the same way, with the one bias that they have.
A matrix that is used twice, or reads two things from outside, keeps its name.

Read next: `reports.notation`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import sympy

from derive.conventions import layers_of, pytorch
from derive.entrywise import NoLayer
from derive.equation import PRIMAL, Equation
from derive.expr import Op, Ref, Step, is_op, refs
from derive.spelling import Symbol, compose, spell
from derive.system import System

INPUT, STATE = "i", "h"


@dataclass(frozen=True)
class TorchNames:
    """What is written differently.

    Attributes:
        blocks: of a matrix before a concatenation, the symbol of the columns for each part.
        single: of a matrix before one vector, or a bias that only one side has.
        double: of a bias that stands for two, the two.
        is_torch: whether the system is made of layers that PyTorch has.
    """

    blocks: dict[str, tuple[Symbol, ...]] = field(default_factory=dict)
    single: dict[str, Symbol] = field(default_factory=dict)
    double: dict[str, tuple[Symbol, Symbol]] = field(default_factory=dict)
    is_torch: bool = False


@dataclass(frozen=True)
class _Use:
    """A matrix that multiplies, or a bias that is added, in the equation of a quantity."""

    name: str
    target: str
    letters: tuple[str, ...]  # of what is multiplied; of a bias those of the products beside it
    labels: tuple[str, ...] = ()  # what is multiplied, as columns are named elsewhere


def torch_names(system: System, but: Collection[str] = ()) -> TorchNames:
    """Which matrices and biases PyTorch would call otherwise, and how; all but those that have a name already."""
    found = _Finder(system)
    uses = [use for equation in found.recurrent for use in found.uses(equation)]
    free = [use for use in uses if use.name not in but and found.may_be_renamed(use.name, use.target)]
    once = [use for use in free if found.count(use.name) == 1]
    clear = [use for use in once if use.letters and len({*use.letters}) == len(use.letters)]
    symbols = {use.name: _symbols(use, found) for use in clear}
    others = [compose(spell(name), "") for name in system.variables if name not in symbols]
    others += [
        compose(spell(use.name).marked(label), "") for use in uses if use.name not in symbols for label in use.labels
    ]
    for clashes in (_clashing(symbols, []), _clashing(symbols, others)):  # with letters of their own, or not at all
        for name in clashes:
            symbols[name] = tuple(replace(symbol, base=spell(name).base) for symbol in symbols[name])
    for name in _clashing(symbols, others):
        del symbols[name]
    table = TorchNames(is_torch=found.has_torch_layers)
    for name, pieces in symbols.items():
        if len(pieces) == 1:
            table.single[name] = pieces[0]
        elif len(system.variables[name].shape) == 2:
            table.blocks[name] = pieces
        else:
            table.double[name] = (pieces[0], pieces[1])
    return table


def _symbols(use: _Use, found: _Finder) -> tuple[Symbol, ...]:
    target = spell(use.target)
    letters, base = use.letters, "W"
    if len(found.system.variables[use.name].shape) == 1:
        base = spell(use.name).base
        if not found.has_torch_layers:
            return (spell(use.name),)
        letters = (INPUT, STATE) if len(letters) > 1 else letters
    return tuple(Symbol(base, (letter, target.base, *target.marks)) for letter in letters)


def _clashing(symbols: Mapping[str, Sequence[Symbol]], others: Sequence[str]) -> list[str]:
    texts = [*others, *(compose(symbol, "") for pieces in symbols.values() for symbol in pieces)]
    return [n for n, pieces in symbols.items() if any(texts.count(compose(symbol, "")) > 1 for symbol in pieces)]


class _Finder:
    def __init__(self, system: System) -> None:
        self.system = system
        self.primal = [e for e in system.equations if _kind(system, e.name) in ("", *PRIMAL)]
        names = {e.name for e in self.primal}
        loops = [c for c in system.components if c.direction and any(e.name in names for e in c.equations)]
        self.carried = {name for c in loops for name in c.carried}
        self.recurrent = [e for c in loops for e in c.equations if e in self.primal and not e.is_boundary]

    def count(self, name: str) -> int:
        """How often a quantity is read in the primal."""
        return sum(read.name == name for e in self.primal for read in refs(e.expr))

    def uses(self, equation: Equation) -> Iterator[_Use]:
        """Matrices that multiply vectors, and biases beside them."""
        origin = self.system.variables[equation.name].origin
        target = origin.of if origin is not None and origin.kind in PRIMAL[:2] else equation.name
        for matrix, vector in _matrices(equation.expr):
            if self._is_parameter(matrix, 2):
                parts = vector.operands if is_op(vector, "concat") else (vector,)
                labels = tuple(compose(spell(read.name), "") for part in parts for read in self.source(part))
                yield _Use(matrix.name, target, tuple(map(self.letter, parts)), labels)
        for sum_ in _sums(equation.expr):
            beside = [v for term in sum_.operands if is_op(term, "matmul") for _, v in _matrices(term)]
            parts = [part for v in beside for part in (v.operands if is_op(v, "concat") else (v,))]
            letters = tuple(dict.fromkeys(map(self.letter, parts)))
            for term in sum_.operands:
                if isinstance(term, Ref) and self._is_parameter(term, 1):
                    yield _Use(term.name, target, letters)

    def letter(self, part: sympy.Expr) -> str:
        """i, or the letter of the state that is read."""
        for read in self.source(part):
            if read.name in self.carried and isinstance(read.index, Step) and read.index.shift != 0:
                return spell(read.name).base
        return INPUT

    def source(self, part: sympy.Expr) -> list[Ref]:
        """What a part reads, through named products; nothing if that is a number."""
        last = list(refs(part))[-1:]
        if last and _kind(self.system, last[0].name) == "operand":
            return self.source(self.system.equation(last[0].name).expr)
        return last

    def may_be_renamed(self, name: str, target: str) -> bool:
        """Not where its mark could be one of many that a letter runs over, and is not that of the target."""
        base, _, mark = name.rpartition("_")
        if not base or mark == target.rpartition("_")[2]:
            return True
        shape = self.system.variables[name].shape
        return not any(
            other != name and other.rpartition("_")[0] == base and var.shape == shape
            for other, var in self.system.variables.items()
        )

    @cached_property
    def has_torch_layers(self) -> bool:
        """Whether the system is made of layers that PyTorch has."""
        variables = {n: v for n, v in self.system.variables.items() if _kind(self.system, n) in ("", *PRIMAL)}
        try:
            layers, _ = layers_of(System(tuple(self.primal), variables))
        except NoLayer:
            return False
        return bool(layers) and all(pytorch(layer) is not None for layer in layers)

    def _is_parameter(self, read: Ref, rank: int) -> bool:
        var = self.system.variables[read.name]
        return var.role == "parameter" and len(var.shape) == rank


def _kind(system: System, name: str) -> str:
    origin = system.variables[name].origin
    return "" if origin is None else origin.kind


def _matrices(expr: sympy.Expr) -> Iterator[tuple[Ref, sympy.Expr]]:
    """Products of two: a quantity without time, and what it multiplies."""
    if isinstance(expr, Op):
        for operand in expr.operands:
            yield from _matrices(operand)
        if expr.primitive == "matmul" and len(expr.operands) == 2:
            left, right = expr.operands
            if isinstance(left, Ref) and left.index is None:
                yield left, right


def _sums(expr: sympy.Expr) -> Iterator[Op]:
    if isinstance(expr, Op):
        for operand in expr.operands:
            yield from _sums(operand)
        if expr.primitive == "plus":
            yield expr
