"""`System`: named equations over time-indexed vectors, checked when built.

A recurrent network is a `System`; so are its gradient (`derive.adjoint`) and its forward-mode derivative
(`derive.tangent`).  Everything else in the project reads this one type.

A system promises: every quantity is bound once; shapes agree; along every axis the equations can be computed, and
`System.components` says in which order and direction.

Read next: `derive.adjoint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

import sympy

from derive.equation import Equation, Origin, Role, Var
from derive.errors import EquationError
from derive.expr import Fixed, Ref, Step, refs
from derive.order import Component, boundary_refs, components, contextual_refs
from derive.shapes import ShapeOf, pair
from derive.text import to_text

__all__ = ["Equation", "Origin", "Role", "System", "Var", "declaration_text", "system_text"]


@dataclass(frozen=True, eq=False)
class System:
    """Equations and the quantities in them.

    Attributes:
        equations: in the author's order.
        variables: every quantity by name.
        name, title, source, notes: of a library architecture; no part of its identity.
        warnings: what looks like a slip, one line each.

    Raises:
        EquationError: if a quantity is bound twice or not at all, shapes contradict, or there is no order in
            which the equations can be computed.
    """

    equations: tuple[Equation, ...]
    variables: Mapping[str, Var]
    name: str = "system"
    title: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", MappingProxyType(dict(self.variables)))
        _check_bindings(self)
        _check_shapes(self)
        _ = self.components

    # --- identity ------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, System):
            return NotImplemented
        return self.equations == other.equations and dict(self.variables) == dict(other.variables)

    def __hash__(self) -> int:
        return hash(self.equations)

    def __str__(self) -> str:
        return system_text(self)

    def __repr__(self) -> str:
        return f"derive.parse({system_text(self)!r})"

    def _repr_latex_(self) -> str:
        rows = r" \\ ".join(f"{sympy.latex(e.out)} &= {sympy.latex(e.expr)}" for e in self.equations)
        return rf"$\begin{{aligned}} {rows} \end{{aligned}}$"

    # --- quantities ----------------------------------------------------------------------------------------

    def _names(self, *roles: Role) -> tuple[str, ...]:
        return tuple(name for name, var in self.variables.items() if var.role in roles)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What differs from example to example and is given: sequences and time-free inputs."""
        return self._names("input")

    @property
    def parameters(self) -> tuple[str, ...]:
        """What is shared by all examples and learned."""
        return self._names("parameter")

    @property
    def constants(self) -> tuple[str, ...]:
        """What is shared by all examples and fixed."""
        return self._names("constant")

    @property
    def defined(self) -> tuple[str, ...]:
        """What has an equation, in the author's order."""
        return self._names("defined")

    @property
    def shapes(self) -> dict[str, tuple[sympy.Expr, ...]]:
        """Dimensions of one example by name."""
        return {name: var.shape for name, var in self.variables.items()}

    @cached_property
    def shape_of(self) -> ShapeOf:
        """Shape (rows, columns) of any expression over these quantities."""
        return ShapeOf({name: pair(var.shape) for name, var in self.variables.items()})

    @cached_property
    def components(self) -> tuple[Component, ...]:
        """Groups of equations in an order in which they can be computed."""
        return components(self.equations)

    @cached_property
    def states(self) -> tuple[str, ...]:
        """What a recurrence reads from another step: h and c of an LSTM."""
        read = {name for component in self.components for name in component.carried}
        return tuple(name for name in self.defined if name in read)

    @cached_property
    def boundaries(self) -> dict[str, tuple[Fixed, ...]]:
        """Positions outside 1…T that are read and have no equation: they are given at run time, default 0."""
        bound = {equation.out for equation in self.equations if equation.is_boundary}
        given: dict[str, list[Fixed]] = {}
        for read in boundary_refs(self.equations):
            if read not in bound and isinstance(read.index, Fixed):
                given.setdefault(read.name, []).append(read.index)
        order = {name: i for i, name in enumerate(self.variables)}
        return {
            name: tuple(sorted(positions, key=lambda p: (p.from_end, p.offset)))
            for name, positions in sorted(given.items(), key=lambda item: order[item[0]])
        }

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Defined quantities that no other equation reads at its own step; h of an LSTM."""
        read_now = {
            read.name
            for equation in self.equations
            for read, bound in contextual_refs(equation.expr)
            if not (isinstance(read.index, Step) and read.index.shift != 0) and read.name != equation.name
        }
        exposed = tuple(name for name in self.defined if name not in read_now)
        return exposed or self.states

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Time axes, in order of appearance."""
        return tuple(dict.fromkeys(var.axis for var in self.variables.values() if var.axis is not None))

    @cached_property
    def dimensions(self) -> tuple[sympy.Symbol, ...]:
        """Symbols of all dimensions, sorted by name."""
        found = {symbol for var in self.variables.values() for dim in var.shape for symbol in dim.free_symbols}
        return tuple(sorted(found, key=str))

    @cached_property
    def batched(self) -> frozenset[str]:
        """Quantities that differ from example to example.

        The gradient of something shared, such as a parameter, is shared too: it is the sum over the examples.
        """
        shared: set[str] = set()
        while True:
            found = set(self.inputs) | set(self.boundaries)
            found |= {name for name, var in self.variables.items() if var.axis and not var.is_leaf}
            grew = True
            while grew:
                more = {e.name for e in self.equations if any(read.name in found for read in refs(e.expr))}
                more -= found | shared
                found |= more
                grew = bool(more)
            origins = {name: var.origin for name, var in self.variables.items() if var.origin is not None}
            derived = ("cotangent", "tangent")  # the tangent of a shared gradient is shared, as it is
            sums = {n for n, o in origins.items() if o.kind in derived and o.of in self.variables} & found
            sums = {n for n in sums if origins[n].of not in found}
            if not sums:
                return frozenset(found)
            shared |= sums

    def equation(self, name: str) -> Equation:
        """The equation that defines `name` at every step (or once, without time)."""
        return next(e for e in self.equations if e.name == name and not e.is_boundary)

    def boundary_equations(self, name: str) -> tuple[Equation, ...]:
        """The equations for values of `name` outside 1…T."""
        return tuple(e for e in self.equations if e.name == name and e.is_boundary)

    def find(self, kind: str, of: str) -> Var | None:
        """The derived quantity of that origin, ``find("cotangent", "h")``; of several, that of the last derivation."""
        for var in reversed(self.variables.values()):
            if var.origin is not None and var.origin.kind == kind and var.origin.of == of:
                return var
        return None

    # --- what follows from the equations: functions of later modules, as methods --------------------------------

    def adjoint(
        self, outputs: Sequence[str] | None = None, wrt: Sequence[str] | None = None, final: Sequence[str] = ()
    ) -> System:
        """The system of its gradient; see `derive.adjoint.adjoint`."""
        from derive.adjoint import adjoint

        return adjoint(self, outputs, wrt, final)

    def tangent(self, wrt: Sequence[str] | None = None) -> System:
        """The system of its directional derivative; see `derive.tangent.tangent`."""
        from derive.tangent import tangent

        return tangent(self, wrt)

    def renamed(self, **about: object) -> System:
        """The same equations with another name, title, source, notes or warnings."""
        return replace(self, **about)  # type: ignore[arg-type]


def system_text(system: System) -> str:
    """The system in the equation language: a declaration for every leaf, then the equations."""
    lines = [declaration_text(var) for var in system.variables.values() if var.is_leaf]
    return "\n".join([*lines, *map(str, system.equations)]) + "\n"


def declaration_text(var: Var) -> str:
    """``W : H, D``, ``x[t] : D``, ``const A : N, N``, ``input v : D``, ``j[t] : index V``, ``dt : scalar``."""
    prefix = {"constant": "const ", "input": "" if var.axis else "input "}.get(var.role, "")
    index = f"[{var.axis}]" if var.axis else ""
    shape = ", ".join(map(str, var.shape)) or "scalar"
    return f"{prefix}{var.name}{index} : {shape if var.classes is None else f'index {var.classes}'}"


def _check_bindings(system: System) -> None:
    seen: set[Ref] = set()
    for equation in system.equations:
        var = system.variables.get(equation.name)
        if var is None or (var.is_leaf and not equation.is_boundary):
            raise EquationError(f"{equation.name} has an equation but is not a defined quantity", equation.span)
        if equation.out in seen:
            raise EquationError(f"{to_text(equation.out)} is defined twice", equation.span)
        seen.add(equation.out)
        for read in _all_refs(equation):
            known = system.variables.get(read.name)
            if known is None:
                raise EquationError(f"{read.name} is not defined", read.span or equation.span)
            axis = read.index.axis if read.index is not None else None
            if axis != known.axis:
                raise EquationError(_axis_reason(read, known), read.span or equation.span)
    for name, var in system.variables.items():
        if not var.is_leaf and not any(e.name == name and not e.is_boundary for e in system.equations):
            raise EquationError(f"{name} has a boundary value but no equation")


def _axis_reason(read: Ref, known: Var) -> str:
    if known.axis is None:
        return f"{read.name} has no time; it is read as {to_text(read)}"
    if read.index is None:
        return f"{read.name} is a sequence along {known.axis}; read one step, as in {read.name}[{known.axis}]"
    return f"{read.name} is a sequence along {known.axis}, but is read along {read.index.axis}"


def _all_refs(equation: Equation) -> Iterator[Ref]:
    yield equation.out
    for read, axes in contextual_refs(equation.expr):
        yield read
        if isinstance(read.index, Step) and read.index.axis not in (*axes, equation.axis):
            raise EquationError(
                f"{to_text(read)} needs a step {read.index.axis}, but {to_text(equation.out)} has none",
                read.span or equation.span,
            )


def _check_shapes(system: System) -> None:
    for equation in system.equations:
        wanted, found = system.shape_of(equation.out), system.shape_of(equation.expr)
        if wanted != found and not (equation.is_boundary and equation.expr.is_number):
            raise EquationError(
                f"{to_text(equation.out)} is {_shape_text(wanted)} but its equation gives {_shape_text(found)}",
                equation.span,
            )


def _shape_text(shape: Iterable[sympy.Expr]) -> str:
    return " × ".join(map(str, shape))
