"""How a file for JAX reads quantities: names of values outside 1…T, whole arrays, and what one step is given.

Read next: `numeric.targets.jax`.
"""

from __future__ import annotations

import sympy

from derive.expr import Fixed, Op, Ref, Step, ref, refs
from derive.order import touches
from derive.primitives import TABLE
from derive.simplify import operations_in
from derive.system import Equation
from numeric.targets.parts import right_side
from numeric.targets.plan import Plan
from numeric.targets.spelling import Speller, position_text

NEAR = {-1: "prev", 1: "next"}


class Reads:
    """Prints expressions, in one of three settings: at one position, at one step, or at all steps at once.

    Attributes:
        speller: the printer.
        whole: the axis of which expressions hold all steps.
        axis: the axis of the step that is being written.
        local: what that step is given, by name and shift.
        own: what it computes or carries.
        position: text of the position, outside of steps.
    """

    position = "0"

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        variables = plan.whole.variables
        like = next((n for n in plan.leaves if variables[n].classes is None), plan.leaves[0])
        _ = plan.steps
        self.whole: str | None = None  # the axis of which expressions hold all steps
        self.local: dict[tuple[str, int], str] | None = None  # what a step is given, by name and shift
        self.axis: str | None = None  # the axis of that step
        self.own: dict[tuple[str, int], str] = {}  # what a step computes or carries
        self.speller = Speller(plan, "jax", plan.names[like], self.read, self.along)
        self.edges: dict[tuple[str, Fixed], str] = {}

    # --- reads -------------------------------------------------------------------------------------------------

    def edge(self, name: str, position: Fixed) -> str:
        """Identifier of a value outside 1…T."""
        if (name, position) not in self.edges:
            where = (
                f"{position.axis.upper()}_plus_{position.offset}" if position.from_end else str(abs(position.offset))
            )
            sign = "minus_" if not position.from_end and position.offset < 0 else ""
            self.edges[name, position] = self.plan.fresh(f"{self.plan.names[name]}_at_{sign}{where}")
        return self.edges[name, position]

    def defined(self, name: str) -> list[Fixed]:
        """Positions outside 1…T with a value."""
        made = [e.out.index for e in self.plan.whole.boundary_equations(name)]
        return [p for p in (*made, *self.plan.initial.get(name, ())) if isinstance(p, Fixed)]

    def read(self, expr: Ref) -> str:
        """The text of a read."""
        name, index = self.plan.names[expr.name], expr.index
        if index is None:
            return name
        if isinstance(index, Fixed):
            if index.is_boundary:
                return self.edge(expr.name, index)
            near = [p for p in self.defined(expr.name) if touches(index, p)]
            if near:
                known = ", ".join(f"{position_text(self.plan, p)}: {self.edge(expr.name, p)}" for p in near)
                return f"at({name}, {position_text(self.plan, index)}, {{{known}}})"
            return f"{name}[{index.offset - 1}]"
        assert isinstance(index, Step)
        if index.axis == self.whole:
            return self.shifted(expr)
        assert self.local is not None
        key = (expr.name, index.shift)
        if key in self.own:
            return self.own[key]
        if key not in self.local:
            self.local[key] = self.plan.fresh(f"{name}_{NEAR.get(index.shift, index.axis)}")
        return self.local[key]

    def shifted(self, expr: Ref) -> str:
        """The text of a read at all steps."""
        name, index = self.plan.names[expr.name], expr.index
        assert isinstance(index, Step)
        if index.shift == 0:
            return name
        beyond = [self.edge(expr.name, p) for p in self.plan.beyond(expr)]
        return f"shift({name}, {', '.join([str(index.shift), *beyond])})"

    def along(self, call: Op) -> str:
        """The text of what acts along time."""
        text = self.speller.text
        if call.primitive == "place":
            position = call.static[0]
            return f"place({text(call.operands[0])}, {self.now(position.axis)} == {position_text(self.plan, position)})"
        axis = str(call.static[0])
        if call.primitive == "unstack":
            return f"{text(call.operands[0], 3)}[..., {self.now(axis)} - 1, None]"
        end = "{}.sum(0)" if call.primitive == "sum" else "beside({})"
        (body,) = call.operands
        if self.whole is None and is_plain(body) and moves(body, axis):
            self.whole = axis
            inner = text(body, 3 if call.primitive == "sum" else 0)
            self.whole = None
            return end.format(inner)
        return end.format(self.mapped(body, axis))

    def now(self, axis: str) -> str:
        """The identifier of the current step, which a step is then given."""
        if self.axis != axis or self.local is None:  # an equation at one position
            return self.position
        self.local["", 0] = self.plan.loops[axis]
        return self.plan.loops[axis]

    def mapped(self, body: sympy.Expr, axis: str, wrapped: Equation | None = None) -> str:
        """All steps by ``jax.vmap`` over one step."""
        before = self.whole, self.axis, self.local, self.own
        self.whole, self.axis, self.local, self.own = None, axis, {}, {}
        if wrapped is not None:
            inner = right_side(self.plan, self.speller, wrapped, "", self.shared)
        else:
            inner = self.speller.text(body)
        given = self.local
        if not given:
            given = {("", 0): self.plan.loops[axis]}
        self.whole, self.axis, self.local, self.own = before
        values = ", ".join(self.all_steps(name, shift, axis) for name, shift in given)
        return f"jax.vmap(lambda {', '.join(given.values())}: {inner})({values})"

    def all_steps(self, name: str, shift: int, axis: str) -> str:
        """What a step is given, at all steps."""
        if not name:
            return f"jnp.arange(1, {self.plan.length(axis)} + 1)"
        read = ref(name, Step(sympy.Symbol(axis, integer=True), sympy.Integer(shift)))
        if self.axis == axis and self.local is not None:
            return self.shifted(read)
        return self.shifted(read)

    def shared(self, term: sympy.Expr) -> str:
        """A summand of what all examples share."""
        return self.speller.shared(term, self.plan.whole.batched, self.summed)

    def summed(self, call: Op) -> str:
        """The same of ``sum[t](…)``."""
        axis, (body,) = str(call.static[0]), call.operands
        if self.whole is None and is_plain(body) and moves(body, axis):
            self.whole = axis
            inner = self.shared(body)
            self.whole = None
            return inner
        return f"total({self.along(call)})"


def is_plain(expr: sympy.Expr) -> bool:
    """Whether it can be computed at all steps at once by broadcasting."""
    return not any(TABLE[op].binds or op in ("place", "unstack") for op in operations_in(expr))


def moves(expr: sympy.Expr, axis: str) -> bool:
    """Whether it changes along the axis."""
    if any(op in ("place", "unstack") for op in operations_in(expr)):
        return True
    return any(isinstance(read.index, Step) and read.index.axis == axis for read in refs(expr))
