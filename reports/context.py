"""What all sections of a report read: one system, seen from all sides, each side computed once.

A section is a function from a `Context` to blocks. It asks the context for the adjoint, for the equations as they are
to be printed, for their groups, and for the label under which an equation can be referred to. Nothing here depends on
which architecture it is.

Read next: `reports.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Literal

from derive.chain import scalar_losses
from derive.equation import PRIMAL, Equation
from derive.evidence import Evidence
from derive.expr import Fixed, Ref, Step, ref
from derive.operands import name_operands
from derive.reach import default_wrt, dependent
from derive.simplify import for_reading
from derive.system import System
from reports.derivation import Edge, Readings
from reports.forms import jacobian
from reports.grouping import Group, group, group_equations
from reports.notation import Notation, SystemNames
from reports.parts import Part, parts

Detail = Literal["full", "brief"]
DETAILS: tuple[Detail, ...] = ("full", "brief")


@dataclass(frozen=True)
class Local:
    """A local derivative ∂r/∂v, or several that are equal up to names.

    Attributes:
        edges: from v to its reader r; the first is printed.
        group: what varies over them.
        label: of the row that prints it.
    """

    edges: tuple[Edge, ...]
    group: Group
    label: str


@dataclass(frozen=True)
class Context:
    """A system and how to write about it.

    Attributes:
        system: as its author wrote it.
        notation: how quantities are written.
        sizes: numbers for the dimensions in the count, by name.
        evidence: what was checked; empty if nothing was.
        outputs: whose gradient; empty for the loss, if the system computes one, else all outputs.
        example: which worked example: default, none, or one of lecture notes (`numeric.pocket_notes`).
        detail: "full" has every step of the derivation, "brief" the equations, each with one reason.
        path: the path in the unrolled picture: the step of a loss, and the step it leads to; empty for a usual one.
    """

    system: System
    notation: Notation = field(default_factory=Notation)
    sizes: Mapping[str, int] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    outputs: tuple[str, ...] = ()
    example: str = "default"
    detail: Detail = "full"
    path: tuple[int, ...] = ()

    @cached_property
    def loss(self) -> str:
        """The output that is the loss, whose gradient by itself is 1; empty if the loss is not part of the system."""
        found = loss_of(self.system)
        return found[0] if found and self.outputs in ((), found) else ""

    @cached_property
    def primal(self) -> System:
        """The system with every intermediate named."""
        return _primal(self.system, self.system.name)

    @cached_property
    def adjoint(self) -> System:
        """The gradient of the outputs by everything that has one, every intermediate named."""
        return _adjoint(self.system, self.system.name, self.outputs or ((self.loss,) if self.loss else None))

    @cached_property
    def reading(self) -> System:
        """The same, as it is printed."""
        return _reading(self.adjoint, self.system.name)

    @cached_property
    def names(self) -> SystemNames:
        """How the quantities of the adjoint, which include all others, are written."""
        return replace(self.notation.names(self.adjoint), loss=self.loss)

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
        return tuple(e for e in self.backward if e.is_boundary and e.expr == 0 and e not in self.computed_starts)

    @cached_property
    def at_start(self) -> tuple[Equation, ...]:
        """Gradients of given values outside 1…T."""
        return tuple(e for e in self.backward if e.is_boundary and e.expr != 0 and e not in self.computed_starts)

    @cached_property
    def computed_starts(self) -> tuple[Equation, ...]:
        """Cotangents of values outside 1…T that the system computes, such as a decoder's first state."""
        known = {equation.out for equation in self.forward}
        return tuple(e for e in self.backward if e.is_boundary and ref(self.of(e.name), e.out.index) in known)

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
        return group_equations(self.adjoint, equations, apart=self.names.spellings.apart)

    def parts(self, equations: tuple[Equation, ...]) -> list[Part]:
        """Equations by recurrence and axis, in order."""
        return parts(self.primal, equations, self.of)

    @cached_property
    def local(self) -> tuple[Local, ...]:
        """Local derivatives that are matrices, in the order of the forward equations."""
        found = [
            edge
            for name in self.readings.cotangent
            if self.adjoint.variables[name].role == "defined" or self.adjoint.variables[name].axis
            for edge in self.readings.edges(name)
            if jacobian(edge, self.readings.cotangent[edge.reader.name], self.names) is not None
        ]
        order = {equation.out: place for place, equation in enumerate(self.forward)}
        found.sort(key=lambda edge: order.get(edge.reader.out, len(order)))
        grouped = group(
            self.adjoint, [(e.reader.out, e.read, e.contribution) for e in found], apart=self.names.spellings.apart
        )
        return tuple(Local(tuple(found[m] for m in g.members), g, _local_label(found[g.first])) for g in grouped)

    @cached_property
    def local_labels(self) -> dict[tuple[Ref, Ref], str]:
        """Under which label ∂r/∂v is printed; none in a brief report."""
        rows = self.local if self.detail == "full" else ()
        return {(edge.reader.out, edge.read): row.label for row in rows for edge in row.edges}

    @cached_property
    def labels(self) -> dict[str, str]:
        """Under which label the equation of a quantity at every step is printed."""
        found: dict[str, str] = {}
        for equations in (self.forward, self.recursion, self.of_inputs, self.of_parameters):
            for part in self.parts(equations):
                core = tuple(e for e in part.equations if not e.is_boundary)
                for alike in self.groups(core):
                    label = label_of(core[alike.first])
                    found.update({core[member].name: label for member in alike.members})
        return found

    def link(self, name: str) -> str:
        """A reference to the equation of a quantity, as text with marks."""
        return f"{{eq:{self.labels[name]}}}"


# The same in every notation, so that a second one costs nothing; equal systems may go by different names.


@lru_cache(maxsize=16)
def _primal(system: System, _: str) -> System:
    return name_operands(system)


@lru_cache(maxsize=16)
def _adjoint(system: System, _: str, outputs: tuple[str, ...] | None) -> System:
    return system.adjoint(outputs, default_wrt(system))


@lru_cache(maxsize=16)
def _reading(adjoint: System, _: str) -> System:
    return for_reading(adjoint)


def label_of(equation: Equation) -> str:
    """The label of an equation: the quantity, and for a boundary its position."""
    index = equation.out.index
    if not isinstance(index, Fixed):
        return f"eq-{equation.name}"
    end = "end" if index.from_end else "at"
    return f"eq-{equation.name}-{end}{'m' if index.offset < 0 else ''}{abs(index.offset)}"


def _local_label(edge: Edge) -> str:
    index = edge.read.index
    shift = (
        f"-{index.shift}".replace("--", "-m") if isinstance(index, Step) else label_of(Equation(edge.read, edge.read))
    )
    return f"by-{label_of(edge.reader)}-{edge.read.name}{shift}"


def loss_of(system: System) -> tuple[str, ...]:
    """The loss, if there is one: the number without time that is called L, or the only one that has a gradient."""
    numbers = [name for name in scalar_losses(system) if name in dependent(system, default_wrt(system))]
    return ("L",) if "L" in numbers else (numbers[0],) if len(numbers) == 1 else ()
