"""`System`: named equations over time-indexed vectors, checked when built.

A recurrent network is a `System`; so are its gradient (`derive.adjoint`) and its forward-mode derivative
(`derive.tangent`).  Everything else in the project reads this one type.

A system promises: every quantity is bound once; shapes agree; along every axis the equations can be computed, and
`System.components` says in which order and direction.

Read next: `derive.adjoint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import sympy

from derive.checks import check_bindings, check_shapes
from derive.equation import Equation, Origin, Role, Var
from derive.expr import Fixed, Step, refs
from derive.order import Component, boundary_refs, components, contextual_refs
from derive.shapes import ShapeOf, pair, unpair

if TYPE_CHECKING:  # functions of later modules, offered as methods, and imported when first used
    from derive.jacobian import Jacobian
    from derive.unroll import Unrolled

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
        check_bindings(self.equations, self.variables)
        check_shapes(self.equations, self.variables, self.shape_of)
        _ = self.components

    # --- identity ------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, System):
            return NotImplemented
        if self is other:
            return True
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
        """Defined quantities that no other equation reads at its own step; h of an LSTM.

        The copies that a truncated gradient goes through (`derive.policies`) are none: their values are those of h.
        """
        origins = {name: var.origin for name, var in self.variables.items()}
        copies = {name for name, origin in origins.items() if origin is not None and origin.kind == "truncated"}
        read_now = {
            read.name
            for equation in self.equations
            for read, bound in contextual_refs(equation.expr)
            if not (isinstance(read.index, Step) and read.index.shift != 0)
            and not (isinstance(read.index, Fixed) and read.index.is_boundary)
            and read.name != equation.name
            and equation.name not in copies
        }
        exposed = tuple(name for name in self.defined if name not in read_now | copies)
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
        derived = ("cotangent", "tangent")  # the tangent of a shared gradient is shared, as it is
        origins = {name: var.origin for name, var in self.variables.items() if var.origin is not None}
        of = {name: o.of for name, o in origins.items() if o.kind in derived and o.of in self.variables}
        shared: set[str] = set()
        while True:
            found = set(self.inputs) | set(self.boundaries)
            found |= {name for name, var in self.variables.items() if var.axis and not var.is_leaf}
            grew = True
            while grew:
                more = {e.name for e in self.equations if any(read.name in found for read in refs(e.expr))}
                more |= {name for name, other in of.items() if other in found}  # also a gradient that is zero
                more -= found | shared
                found |= more
                grew = bool(more)
            sums = {name for name, other in of.items() if name in found and other not in found}
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
        for var in reversed(tuple(self.variables.values())):
            if var.origin is not None and var.origin.kind == kind and var.origin.of == of:
                return var
        return None

    def ends(self, of: str) -> tuple[str, ...]:
        """The inputs that are cotangents of the last values of `of`, oldest first."""
        found = [v for v in self.variables.values() if v.origin and (v.origin.kind, v.origin.of) == ("final", of)]
        return tuple(var.name for var in sorted(found, key=lambda var: var.origin.at if var.origin else 0))

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

    def unroll(self, steps: int | Mapping[str, int], sizes: Mapping[str, int] | None = None) -> Unrolled:
        """The system written out step by step; see `derive.unroll.unroll`."""
        from derive.unroll import unroll

        return unroll(self, steps, sizes)

    def jacobian(self, of: Sequence[str] | None = None, wrt: Sequence[str] | None = None) -> Jacobian:
        """Blocks of ∂(state at t)/∂(state at t−1) by name; see `derive.jacobian.jacobian`."""
        from derive.jacobian import jacobian

        return jacobian(self, of, wrt)

    def parameter_count(self) -> sympy.Expr:
        """How many numbers are learned, a polynomial in the sizes; see `derive.counts.parameter_count`."""
        from derive.counts import parameter_count

        return parameter_count(self)

    def renamed(self, **about: object) -> System:
        """The same equations with another name, title, source, notes or warnings."""
        return replace(self, **about)  # type: ignore[arg-type]


def system_text(system: System) -> str:
    """The system in the equation language: declarations of all that is not inferred, then the equations."""
    variables = system.variables.values()
    stated = [v for v in variables if v.is_leaf or v.declared or v.shape != unpair(pair(v.shape))]
    lines = [declaration_text(var) for var in stated]
    return "\n".join([*lines, *map(str, system.equations)]) + "\n"


def declaration_text(var: Var) -> str:
    """``W : H, D``, ``x[t] : D``, ``const A : N, N``, ``input v : D``, ``j[t] : index V``, ``dt : scalar``."""
    prefix = {"constant": "const ", "input": "" if var.axis else "input "}.get(var.role, "")
    index = f"[{var.axis}]" if var.axis else ""
    shape = ", ".join(map(str, var.shape)) or "scalar"
    return f"{prefix}{var.name}{index} : {shape if var.classes is None else f'index {var.classes}'}"
