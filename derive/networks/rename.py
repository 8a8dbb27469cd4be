"""The same equations under other names: quantities, dimensions, time axes, and the other direction of time.

Everything that `derive.networks` builds is made of this and of `derive.networks.connect`: a layer is a cell renamed,
the backward half of a bidirectional network is a cell reversed, a decoder is a cell moved to another axis.

Read next: `derive.networks.connect`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace as change

import sympy

from derive.dimensions import length, read_dimensions
from derive.errors import EquationError
from derive.expr import Fixed, Index, Op, Ref, Step, apply, axis_symbol, fixed, ref, refs, step
from derive.primitives import TABLE
from derive.shapes import pair, unpair
from derive.system import Equation, Origin, System, Var
from derive.words import RESERVED

Dims = Mapping[sympy.Symbol, sympy.Expr]
OnIndex = Callable[[Index], Index]


def renamed(
    system: System,
    names: Mapping[str, str] | None = None,
    dimensions: Mapping[str, str] | None = None,
    axes: Mapping[str, str] | None = None,
) -> System:
    """The same system with other names.

    Args:
        system: any system.
        names: quantities, old → new.
        dimensions: old → new, the new one a name, a number, or a sum such as ``D + H``.
        axes: time axes, old → new; the length T of t becomes U with ``{"t": "u"}``.

    Raises:
        EquationError: if something to rename does not exist, or two things would get one name.
    """
    names, axes = dict(names or {}), dict(axes or {})
    known_dims = {str(symbol): symbol for symbol in system.dimensions}
    for kind, old, known in (
        ("quantity", names, set(system.variables)),
        ("time axis", axes, set(system.axes)),
        ("dimension", dict(dimensions or {}), set(known_dims)),
    ):
        for name in old:
            if name not in known:
                raise EquationError(f"{name} is no {kind} of {system.name}; there are {', '.join(sorted(known))}")
    _check_new("quantity", [names.get(name, name) for name in system.variables], RESERVED)
    _check_new("time axis", [axes.get(axis, axis) for axis in system.axes], RESERVED)
    dims = {known_dims[old]: dimension_text(new) for old, new in (dimensions or {}).items()}
    lengths = {length(axis_symbol(old)): length(axis_symbol(new)) for old, new in axes.items()}
    taken = {symbol for symbol in system.dimensions if symbol not in lengths} & set(lengths.values())
    if taken:
        raise EquationError(f"{min(map(str, taken))} would be the length of an axis, but is another dimension")
    return _rewritten(system, names, {**dims, **lengths}, lambda index: _along(index, axes))


def with_dimensions(system: System, dims: Dims) -> System:
    """The same system with dimensions replaced."""
    return _rewritten(system, {}, dims, lambda index: index) if dims else system


def resized(expr: sympy.Expr, dims: Dims) -> sympy.Expr:
    """An expression with dimensions replaced."""
    return _Rewrite({}, dims, lambda index: index)(expr)


def reverse(system: System, axis: str | None = None) -> System:
    """The same system with time running the other way: ``h[t-1]`` becomes ``h[t+1]``, ``h[0]`` becomes ``h[T+1]``.

    Position p becomes T + 1 − p, so ``h[T]`` becomes ``h[1]``.  What is read at its own step stays.

    Args:
        system: any system.
        axis: which one to reverse, if there are several.

    Raises:
        EquationError: if the columns of ``a[:]`` would stand in another order.
    """
    axis = only_axis(system, axis)
    for equation in system.equations:
        for call in operations(equation.expr):
            if call.primitive in ("stack", "unstack") and str(call.static[0]) == axis:
                raise EquationError(f"{equation} cannot be reversed: the columns of [:] have an order", equation.span)

    def turn(index: Index) -> Index:
        if index.axis != axis:
            return index
        if isinstance(index, Step):
            return step(axis, -index.shift)
        assert isinstance(index, Fixed)
        return fixed(axis, 1 - index.offset, from_end=not index.from_end)

    return _rewritten(system, {}, {}, turn)


def marked(
    system: System, mark: str, kind: str, at: int = 0, keep: Iterable[str] = (), taken: Iterable[str] = ()
) -> System:
    """A copy whose quantities carry a mark, ``h_2``, and remember by their origin what they were called.

    Args:
        system: any system.
        mark: what to append.
        kind: of the origin: "layer", "forward", "backward" or "decoder".
        at: number of the layer.
        keep: quantities that stay as they are, because all copies share them.
        taken: names that are in use elsewhere.
    """
    supply = Names({*keep, *taken})
    names = {name: supply.fresh(f"{name}_{mark}") for name in system.variables if name not in set(keep)}
    copy = renamed(system, names)
    origins = {new: Origin(kind, old, at) for old, new in names.items()}
    return change(
        copy, variables={n: change(v, origin=origins[n]) if n in origins else v for n, v in copy.variables.items()}
    )


class Names:
    """Fresh names: the wish, or the wish with the first free number."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken) | RESERVED

    def fresh(self, wish: str) -> str:
        """A name that nothing has yet."""
        name, number = wish, 1
        while name in self.taken:
            number += 1
            name = f"{wish}_{number}"
        self.taken.add(name)
        return name


def only_axis(system: System, axis: str | None = None) -> str:
    """The time axis meant.

    Raises:
        EquationError: if there is no such axis, or several and none is named.
    """
    if axis is None and len(system.axes) == 1:
        return system.axes[0]
    if axis not in system.axes:
        found = ", ".join(system.axes) or "none"
        raise EquationError(f"{system.name} has the time axes {found}; say which, not {axis}")
    return axis


def operations(expr: sympy.Expr) -> Iterable[Op]:
    """All primitives applied in an expression."""
    if isinstance(expr, Op):
        yield expr
        for operand in expr.operands:
            yield from operations(operand)


def assembled(equations: Iterable[Equation], variables: Mapping[str, Var], like: System) -> System:
    """A system of these equations, its quantities in the order in which they appear; `like` lends its name."""
    equations = tuple(equations)
    mentioned = dict.fromkeys(name for e in equations for name in (e.name, *(read.name for read in refs(e.expr))))
    return System(equations, {name: variables[name] for name in mentioned}, like.name, like.title, like.source)


# --- expressions --------------------------------------------------------------------------------------------------


def _rewritten(system: System, names: Mapping[str, str], dims: Dims, on_index: OnIndex) -> System:
    rewrite = _Rewrite(names, dims, on_index)
    equations = tuple(Equation(rewrite.read(e.out), rewrite(e.expr), e.span) for e in system.equations)
    variables = {}
    for var in system.variables.values():
        shape = tuple(rewrite.dim(dim) for dim in var.shape)
        axis = None if var.axis is None else on_index(step(var.axis)).axis
        variables[names.get(var.name, var.name)] = change(
            var,
            name=names.get(var.name, var.name),
            shape=shape if shape == var.shape else unpair(pair(shape)),
            axis=axis,
            classes=None if var.classes is None else rewrite.dim(var.classes),
        )
    return change(system, equations=equations, variables=variables)


class _Rewrite:
    """Rebuilds expressions with other names, dimensions and indices; their structure stays."""

    def __init__(self, names: Mapping[str, str], dims: Dims, on_index: OnIndex) -> None:
        self.names, self.dims, self.on_index = names, dims, on_index

    def __call__(self, expr: sympy.Expr) -> sympy.Expr:
        if isinstance(expr, Ref):
            return self.read(expr)
        if not isinstance(expr, Op):
            return expr
        kinds = TABLE[expr.primitive].static
        static = tuple(self._static(kind, value) for kind, value in zip(kinds, expr.static, strict=True))
        return apply(expr.primitive, *map(self, expr.operands), static=static).at(expr.span)

    def read(self, read: Ref) -> Ref:
        name = self.names.get(read.name, read.name)
        return ref(name, None if read.index is None else self.on_index(read.index)).at(read.span)

    def dim(self, dim: sympy.Expr) -> sympy.Expr:
        return sympy.expand(sympy.sympify(dim).subs(dict(self.dims), simultaneous=True))

    def _static(self, kind: str, value: sympy.Basic) -> sympy.Basic:
        if kind == "axis":
            return axis_symbol(self.on_index(step(str(value))).axis)
        if kind == "position":
            assert isinstance(value, Fixed)
            return self.on_index(value)
        if kind == "slice":
            return sympy.Tuple(*map(self.dim, value.args))
        return self.dim(value) if kind == "dim" else value


def _along(index: Index, axes: Mapping[str, str]) -> Index:
    axis = axes.get(index.axis, index.axis)
    if isinstance(index, Step):
        return step(axis, index.shift)
    assert isinstance(index, Fixed)
    return fixed(axis, index.offset, from_end=index.from_end)


def dimension_text(text: str) -> sympy.Expr:
    """A dimension from its text.

    Raises:
        EquationError: if it is none.
    """
    try:
        return sympy.expand(read_dimensions(str(text)))
    except ValueError as error:
        raise EquationError(str(error)) from None


def _check_new(kind: str, names: list[str], reserved: frozenset[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise EquationError(f"two quantities would be called {name}" if kind == "quantity" else f"two axes {name}")
        if name in reserved or not name.isidentifier() or "__" in name:
            raise EquationError(f"{name!r} is no name for a {kind}")
