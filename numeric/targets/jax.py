"""JAX: `lax.scan` forward and backward, whole arrays where there is no recurrence, and `jax.custom_vjp` around both.

A sequence is one array (T, B, rows, columns); its values outside 1…T have names of their own, ``h_at_0``, and
``shift(h, -1, h_at_0)`` is h[t-1] at all steps.

Read next: `reports.commands.code`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.expr import Fixed, Op, Ref, Step, ref, refs
from derive.order import Component, touches
from derive.primitives import TABLE
from derive.shapes import pair
from derive.simplify import operations_in
from derive.system import Equation
from numeric.arrays import BATCH
from numeric.targets.check import check_text, head
from numeric.targets.helpers import JAX, used
from numeric.targets.parts import mentioned, narrow, right_side, shape_lines, size_lines
from numeric.targets.plan import Plan
from numeric.targets.spelling import Speller, position_text

IMPORTS = "import functools\n\nimport jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom jax import lax"
NEAR = {-1: "prev", 1: "next"}


def jax_source(plan: Plan) -> str:
    """The file."""
    writer = _Writer(plan)
    functions = [writer.forward(), writer.backward(), writer.function()]
    check = check_text(plan, "jax")
    helpers = used([*functions, check], JAX)
    return "\n\n\n".join([head(plan, "JAX", IMPORTS), *helpers, *functions, check]) + "\n"


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        variables = plan.whole.variables
        like = next((n for n in plan.leaves if variables[n].classes is None), plan.leaves[0])
        _ = plan.steps
        self.whole: str | None = None  # the axis of which expressions hold all steps
        self.local: dict[tuple[str, int], str] | None = None  # what a step is given, by name and shift
        self.axis: str | None = None  # the axis of that step
        self.own: dict[tuple[str, int], str] = {}  # what a step computes or carries
        self.speller = Speller(plan, "jax", plan.names[like], self._read, self._along)
        self.edges: dict[tuple[str, Fixed], str] = {}
        self.scans = 0

    # --- reads -------------------------------------------------------------------------------------------------

    def _edge(self, name: str, position: Fixed) -> str:
        """Identifier of a value outside 1…T."""
        if (name, position) not in self.edges:
            where = (
                f"{position.axis.upper()}_plus_{position.offset}" if position.from_end else str(abs(position.offset))
            )
            sign = "minus_" if not position.from_end and position.offset < 0 else ""
            self.edges[name, position] = self.plan.fresh(f"{self.plan.names[name]}_at_{sign}{where}")
        return self.edges[name, position]

    def _defined(self, name: str) -> list[Fixed]:
        made = [e.out.index for e in self.plan.whole.boundary_equations(name)]
        return [p for p in (*made, *self.plan.initial.get(name, ())) if isinstance(p, Fixed)]

    def _read(self, expr: Ref) -> str:
        name, index = self.plan.names[expr.name], expr.index
        if index is None:
            return name
        if isinstance(index, Fixed):
            if index.is_boundary:
                return self._edge(expr.name, index)
            near = [p for p in self._defined(expr.name) if touches(index, p)]
            if near:
                known = ", ".join(f"{position_text(self.plan, p)}: {self._edge(expr.name, p)}" for p in near)
                return f"at({name}, {position_text(self.plan, index)}, {{{known}}})"
            return f"{name}[{index.offset - 1}]"
        assert isinstance(index, Step)
        if index.axis == self.whole:
            return self._shifted(expr)
        assert self.local is not None
        key = (expr.name, index.shift)
        if key in self.own:
            return self.own[key]
        if key not in self.local:
            self.local[key] = self.plan.fresh(f"{name}_{NEAR.get(index.shift, index.axis)}")
        return self.local[key]

    def _shifted(self, expr: Ref) -> str:
        name, index = self.plan.names[expr.name], expr.index
        assert isinstance(index, Step)
        if index.shift == 0:
            return name
        beyond = [self._edge(expr.name, p) for p in self.plan.beyond(expr)]
        return f"shift({name}, {', '.join([str(index.shift), *beyond])})"

    def _along(self, call: Op) -> str:
        text = self.speller.text
        if call.primitive == "place":
            position = call.static[0]
            return (
                f"place({text(call.operands[0])}, {self._now(position.axis)} == {position_text(self.plan, position)})"
            )
        axis = str(call.static[0])
        if call.primitive == "unstack":
            return f"{text(call.operands[0], 3)}[..., {self._now(axis)} - 1, None]"
        end = "{}.sum(0)" if call.primitive == "sum" else "beside({})"
        (body,) = call.operands
        if self.whole is None and _is_plain(body) and _moves(body, axis):
            self.whole = axis
            inner = text(body, 3 if call.primitive == "sum" else 0)
            self.whole = None
            return end.format(inner)
        return end.format(self._mapped(body, axis))

    def _now(self, axis: str) -> str:
        """The identifier of the current step, which a step is then given."""
        if self.axis != axis or self.local is None:  # an equation at one position
            return self.position
        self.local["", 0] = self.plan.loops[axis]
        return self.plan.loops[axis]

    position = "0"

    def _mapped(self, body: sympy.Expr, axis: str, wrapped: Equation | None = None) -> str:
        """All steps by ``jax.vmap`` over one step."""
        before = self.whole, self.axis, self.local, self.own
        self.whole, self.axis, self.local, self.own = None, axis, {}, {}
        if wrapped is not None:
            inner = right_side(self.plan, self.speller, wrapped, "", self._shared)
        else:
            inner = self.speller.text(body)
        given = self.local
        if not given:
            given = {("", 0): self.plan.loops[axis]}
        self.whole, self.axis, self.local, self.own = before
        values = ", ".join(self._all_steps(name, shift, axis) for name, shift in given)
        return f"jax.vmap(lambda {', '.join(given.values())}: {inner})({values})"

    def _all_steps(self, name: str, shift: int, axis: str) -> str:
        if not name:
            return f"jnp.arange(1, {self.plan.length(axis)} + 1)"
        read = ref(name, Step(sympy.Symbol(axis, integer=True), sympy.Integer(shift)))
        if self.axis == axis and self.local is not None:
            return self._shifted(read)
        return self._shifted(read)

    def _shared(self, term: sympy.Expr) -> str:
        return self.speller.shared(term, self.plan.whole.batched, self._summed)

    def _summed(self, call: Op) -> str:
        axis, (body,) = str(call.static[0]), call.operands
        if self.whole is None and _is_plain(body) and _moves(body, axis):
            self.whole = axis
            inner = self._shared(body)
            self.whole = None
            return inner
        return f"total({self._along(call)})"

    # --- statements --------------------------------------------------------------------------------------------

    def _stage(self, component: Component) -> list[str]:
        if component.axis is None:
            return [self._single(component.equations[0])]
        if component.direction == 0:
            return [self._map(component.equations[0])]
        return self._scan(component)

    def _single(self, equation: Equation) -> str:
        index = equation.out.index
        left = self.plan.names[equation.name] if index is None else self._edge(equation.name, index)  # type: ignore[arg-type]
        self.position = position_text(self.plan, index) if isinstance(index, Fixed) else "0"
        right = right_side(self.plan, self.speller, equation, "", self._shared)
        return f"    {left} = {right}{self.plan.remark(equation)}"

    def _map(self, equation: Equation) -> str:
        axis = equation.axis
        assert axis is not None
        if _is_plain(equation.expr) and _moves(equation.expr, axis):
            self.whole = axis
            right = right_side(self.plan, self.speller, equation, f"{self.plan.length(axis)}, ", self._shared)
            self.whole = None
        elif equation.expr == 0 or not _moves(equation.expr, axis):
            right = right_side(self.plan, self.speller, equation, f"{self.plan.length(axis)}, ", self._shared)
        else:
            right = self._mapped(equation.expr, axis, equation)
        return f"    {self.plan.names[equation.name]} = {right}{self.plan.remark(equation)}"

    def _scan(self, component: Component) -> list[str]:
        plan, axis, sign = self.plan, component.axis, component.direction
        assert axis is not None
        self.scans += 1
        made = [e.name for e in component.equations]
        lags: dict[str, int] = {}
        for equation in component.equations:
            for read in refs(equation.expr):
                if read.name in made and isinstance(read.index, Step) and read.index.shift:
                    lags[read.name] = max(lags.get(read.name, 0), abs(read.index.shift))
        self.axis, self.local, self.own = axis, {}, {(name, 0): plan.names[name] for name in made}
        carry, start, after = [], [], []
        for name, lag in lags.items():
            for k in range(1, lag + 1):
                self.own[name, -sign * k] = plan.fresh(f"{plan.names[name]}_{NEAR[-sign]}{'' if k == 1 else k}")
                carry.append(self.own[name, -sign * k])
                start.append(self._edge(name, Fixed(sympy.Symbol(axis, integer=True), *_before(sign, k))))
                after.append(self.own[name, -sign * (k - 1)])
        body = [
            f"        {plan.names[e.name]} = {right_side(plan, self.speller, e, '', self._shared)}{plan.remark(e)}"
            for e in component.equations
        ]
        given = self.local
        self.axis, self.local, self.own = None, None, {}
        kept = [name for name in made if name in self.needed(component)]
        every = ", ".join(self._all_steps(name, shift, axis) for name, shift in given)
        step = plan.fresh(f"step_{self.scans}")
        now = [f"        {_tuple(list(given.values()))} = now"] if given else []
        whole = every if given else f"jnp.arange({plan.length(axis)})"
        reverse = ", reverse=True" if sign < 0 else ""
        return [
            "",
            f"    def {step}(carry, now):",
            f"        {_tuple(carry)} = carry",
            *now,
            *body,
            f"        return ({_tuple(after)}), ({_tuple([plan.names[n] for n in kept])})",
            "",
            f"    _, ({_tuple([plan.names[n] for n in kept])}) = lax.scan("
            f"{step}, ({_tuple(start)}), ({whole}{',' if len(given) == 1 else ''}){reverse})",
        ]

    def needed(self, component: Component) -> set[str]:
        """What is read outside of a component."""
        plan = self.plan
        others = [c for c in (*plan.forward, *plan.backward) if c is not component]
        found = {read.name for c in others for e in c.equations for read in refs(e.expr)}
        return found | set(plan.outputs) | set(plan.final) | set(plan.gradients.values())

    # --- functions ---------------------------------------------------------------------------------------------

    def _arguments(self) -> tuple[list[str], list[str]]:
        plan = self.plan
        return [*(plan.names[n] for n in plan.leaves), *plan.given.values()], [
            plan.sizes[s] for s in plan.known_sizes()[1]
        ]

    def _opening(self, lines: Sequence[str]) -> list[str]:
        plan = self.plan
        body = size_lines(plan, lines)
        for name in plan.leaves:
            text, rank = plan.names[name], len(plan.system.variables[name].shape)
            if rank < 2 and mentioned(text, lines):
                body.append(f"    {text} = widened({text}, {rank})")
        return body

    def _boundaries(self) -> list[str]:
        plan, lines = self.plan, []
        for name, positions in plan.initial.items():
            var = plan.system.variables[name]
            shape = ", ".join([plan.sizes[BATCH], *map(plan.size, pair(var.shape))])
            given = plan.given[name]
            for number, position in enumerate(positions):
                one = f"{given}[{number}]" if len(positions) > 1 else given
                zero = f"zeros({self.speller.like}, {shape})" + (".astype(int)" if var.classes is not None else "")
                value = f"{zero} if {given} is None else widened({one}, {len(var.shape)})"
                lines.append(f"    {self._edge(name, position)} = {value}")
        return lines

    def _saved(self) -> list[str]:
        plan = self.plan
        names = [n for n in plan.residuals if n in plan.primal_names]
        computed = {e.out for c in plan.forward for e in c.equations}
        edges = [
            self._edge(n, p)
            for n in plan.residuals
            for p in self._defined(n)
            if ref(n, p) in computed or p in plan.initial.get(n, ())
        ]
        core = {e.name for c in plan.forward for e in c.equations if not e.is_boundary}
        return [*(plan.names[n] for n in names if n in core), *edges]

    def forward(self) -> str:
        plan = self.plan
        arrays, keywords = self._arguments()
        body = self._boundaries()
        for component in plan.forward:
            body += self._stage(component)
        results = [narrow(plan.names[name], len(plan.whole.variables[name].shape)) for name in plan.outputs]
        for name, positions in plan.final.items():
            rank = len(plan.system.variables[name].shape)
            values = [narrow(self._read(ref(name, p)), rank) for p in positions]
            results.append(values[0] if len(values) == 1 else f"jnp.stack([{', '.join(values)}])")
        saved = self._saved()
        lines = [
            f"def forward({', '.join([*arrays, *keywords])}):",
            '    """Results, and what the backward pass needs."""',
            *self._opening([*body, *results, *saved]),
            *body,
            f"    results = ({_tuple(results)})",
            f"    return results, ({_tuple(saved)})" if saved else "    return results, ()",
        ]
        return "\n".join(lines)

    def backward(self) -> str:
        plan = self.plan
        arrays, keywords = self._arguments()
        cotangents, widen = self._cotangents()
        body = []
        for component in plan.backward:
            body += self._stage(component)
        written = {e.out for e in plan.whole.equations}
        results = [
            narrow(plan.names[plan.gradients[n]], len(plan.system.variables[n].shape))
            if n in plan.gradients
            else "None"
            for n in plan.leaves
        ]
        for name, positions in plan.initial.items():
            bar, rank = plan.gradients.get(name), len(plan.system.variables[name].shape)
            if bar is None:
                results.append("None")
                continue
            values = [
                narrow(self._edge(bar, p), rank)
                if ref(bar, p) in written
                else narrow(f"(0 * {plan.names[bar]}[0])", rank)
                for p in positions
            ]
            results.append(values[0] if len(values) == 1 else f"jnp.stack([{', '.join(values)}])")
        saved = self._saved()
        lines = [
            f"def backward({', '.join(['arguments', 'saved', *cotangents])}):",
            '    """Gradients of the arguments, from those of the results."""',
            f"    {_tuple([*arrays, *keywords])} = arguments",
            *self._opening([*body, *results]),
            *([f"    {_tuple(saved)} = saved"] if saved else []),
            *widen,
            *body,
            f"    return ({_tuple(results)})",
        ]
        return "\n".join(lines)

    def _cotangents(self) -> tuple[list[str], list[str]]:
        plan, names = self.plan, self.plan.names
        arguments: list[str] = []
        lines: list[str] = []

        def given(name: str, value: str, rank: int) -> None:
            if rank < 2 or names[name] != value:
                lines.append(f"    {names[name]} = widened({value}, {rank})")

        for name in plan.outputs:
            up = plan.upstream.get(name)
            known = up is not None and up in names
            arguments.append(names[up] if known else f"_{name}")  # type: ignore[index]
            if known:
                given(up, names[up], len(plan.whole.variables[name].shape))  # type: ignore[arg-type,index]
        for name, positions in plan.final.items():
            rank = len(plan.system.variables[name].shape)
            ends = [end for end in plan.ends.get(name, ()) if end in names]
            if not ends:
                arguments.append(f"_end_{name}")
            elif len(positions) == 1:
                arguments.append(names[ends[0]])
                given(ends[0], names[ends[0]], rank)
            else:
                arguments.append(f"{names[ends[0]]}_all")
                for number, end in enumerate(plan.ends[name]):
                    given(end, f"{names[ends[0]]}_all[{number}]", rank)
        return arguments, lines

    def function(self) -> str:
        plan = self.plan
        arrays, keywords = self._arguments()
        optional = set(plan.given.values())
        parts = [f"{a}=None" if a in optional else a for a in arrays]
        parts += ["*", *keywords] if keywords else []
        shapes = "\n".join(f"        {line}" for line in shape_lines(plan))
        fixed = ", ".join(str(len(arrays) + i) for i in range(len(keywords)))
        decorator = f"functools.partial(jax.custom_vjp, nondiff_argnums=({fixed},))" if keywords else "jax.custom_vjp"
        return f'''@{decorator}
def function({", ".join([*arrays, *keywords])}):
    """The forward pass with the derived backward pass."""
    return forward({", ".join([*arrays, *keywords])})[0]


def function_forward(*arguments):
    """Results, and what is kept."""
    results, saved = forward(*arguments)
    return results, (arguments[:{len(arrays)}], saved)


def function_backward(*given):
    """Gradients, one for each array."""
    *sizes, (arguments, saved), cotangents = given
    grads = backward((*arguments, *sizes), saved, *cotangents)
    return tuple(None if value is None else grad for value, grad in zip(arguments, grads))


function.defvjp(function_forward, function_backward)


def apply({", ".join(parts)}):
    """{", ".join([*plan.outputs, *(f"last {name}" for name in plan.final)])}.

    Args:
{shapes}
    """
    return function({", ".join([*arrays, *keywords])})'''


def _before(sign: int, k: int) -> tuple[sympy.Integer, sympy.Integer]:
    """Where the value k steps before the first one of a scan stands."""
    return (sympy.Integer(0), sympy.Integer(1 - k)) if sign > 0 else (sympy.Integer(1), sympy.Integer(k))


def _tuple(texts: Sequence[str]) -> str:
    return ", ".join(texts) + ("," if len(texts) == 1 else "")


def _is_plain(expr: sympy.Expr) -> bool:
    """Whether it can be computed at all steps at once by broadcasting."""
    return not any(TABLE[op].binds or op in ("place", "unstack") for op in operations_in(expr))


def _moves(expr: sympy.Expr, axis: str) -> bool:
    """Whether it changes along the axis."""
    if any(op in ("place", "unstack") for op in operations_in(expr)):
        return True
    return any(isinstance(read.index, Step) and read.index.axis == axis for read in refs(expr))
