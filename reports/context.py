"""What all sections of a report read: one system, seen from all sides, each side computed once.

A section is a function from a `Context` to blocks. It asks the context for the adjoint, for the equations as they are
to be printed, for their groups, and for the label under which an equation can be referred to. Nothing here depends on
which architecture it is.

Read next: `reports.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from derive.equation import PRIMAL, Equation
from derive.evidence import Evidence
from derive.expr import Fixed
from derive.reach import default_wrt
from derive.simplify import for_reading
from derive.system import System
from reports.derivation import Readings
from reports.grouping import Group, group_equations
from reports.notation import Notation, SystemNames


@dataclass(frozen=True)
class Context:
    """A system and how to write about it.

    Attributes:
        system: as its author wrote it.
        notation: how quantities are written.
        sizes: numbers for the dimensions in the count, by name.
        evidence: what was checked; empty if nothing was.
        outputs: whose gradient; empty for all outputs of the system.
        path: the path in the unrolled picture: the step of a loss, and the step it leads to; empty for a usual one.
    """

    system: System
    notation: Notation = field(default_factory=Notation)
    sizes: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    outputs: tuple[str, ...] = ()
    path: tuple[int, ...] = ()

    @cached_property
    def adjoint(self) -> System:
        """The gradient of the outputs by everything that has one, every intermediate named."""
        return self.system.adjoint(self.outputs or None, default_wrt(self.system))

    @cached_property
    def reading(self) -> System:
        """The same, as it is printed."""
        return for_reading(self.adjoint)

    @cached_property
    def names(self) -> SystemNames:
        """How the quantities of the adjoint, which include all others, are written."""
        return self.notation.names(self.adjoint)

    @cached_property
    def readings(self) -> Readings:
        """Who reads what, and what flows back."""
        return Readings(self.adjoint, frozenset(equation.name for equation in self.reading.equations))

    # --- equations by kind ----------------------------------------------------------------------------------

    def kind(self, name: str) -> str:
        """Kind of origin of a quantity; "" for the author's own."""
        origin = self.adjoint.variables[name].origin
        return origin.kind if origin is not None else ""

    def of(self, name: str) -> str:
        """What a derived quantity belongs to."""
        origin = self.adjoint.variables[name].origin
        return origin.of if origin is not None else name

    @cached_property
    def forward(self) -> tuple[Equation, ...]:
        """The primal, boundary equations included; zeros beyond the ends, which only the adjoint reads, are not."""
        own = {equation.out for equation in self.adjoint.equations}
        return tuple(e for e in self.reading.equations if self.kind(e.name) in ("", *PRIMAL) and e.out in own)

    @cached_property
    def backward(self) -> tuple[Equation, ...]:
        """Derived equations in reading order."""
        return tuple(e for e in self.reading.equations if self.kind(e.name) not in ("", *PRIMAL))

    @cached_property
    def recursion(self) -> tuple[Equation, ...]:
        """Backward equations of what is computed, at every step or without time."""
        return tuple(e for e in self.backward if not e.is_boundary and not self._of_leaf(e))

    @cached_property
    def zeros(self) -> tuple[Equation, ...]:
        """Boundary conditions of the recursion."""
        return tuple(e for e in self.backward if e.is_boundary and e.expr == 0)

    @cached_property
    def at_start(self) -> tuple[Equation, ...]:
        """Gradients of values outside 1…T."""
        return tuple(e for e in self.backward if e.is_boundary and e.expr != 0)

    @cached_property
    def of_parameters(self) -> tuple[Equation, ...]:
        """Gradients of parameters."""
        return tuple(
            e for e in self.backward if self._of_leaf(e) and self.adjoint.variables[self.of(e.name)].role == "parameter"
        )

    @cached_property
    def of_inputs(self) -> tuple[Equation, ...]:
        """Gradients of inputs."""
        return tuple(e for e in self.backward if self._of_leaf(e) and e not in self.of_parameters and not e.is_boundary)

    def _of_leaf(self, equation: Equation) -> bool:
        of = self.of(equation.name)
        cotangent = self.kind(equation.name) == "cotangent"
        return cotangent and of in self.adjoint.variables and self.adjoint.variables[of].is_leaf

    # --- groups and labels ----------------------------------------------------------------------------------

    def groups(self, equations: tuple[Equation, ...]) -> list[Group]:
        """Equations that are equal up to names, together."""
        return group_equations(self.adjoint, equations)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Under which label the equation of a quantity at every step is printed."""
        found: dict[str, str] = {}
        for equations in (self.forward, self.recursion, self.of_inputs, self.of_parameters):
            core = tuple(e for e in equations if not e.is_boundary)
            for group in self.groups(core):
                label = label_of(core[group.first])
                found.update({core[member].name: label for member in group.members})
        return found

    def link(self, name: str) -> str:
        """A reference to the equation of a quantity, as text with marks."""
        return f"{{eq:{self.labels[name]}}}"


def label_of(equation: Equation) -> str:
    """The label of an equation: the quantity, and for a boundary its position."""
    index = equation.out.index
    if not isinstance(index, Fixed):
        return f"eq-{equation.name}"
    end = "end" if index.from_end else "at"
    return f"eq-{equation.name}-{end}{'m' if index.offset < 0 else ''}{abs(index.offset)}"
