"""JAX: `lax.scan` forward and backward, whole arrays where there is no recurrence, and `jax.custom_vjp` around both.

A sequence is one array (T, B, rows, columns); its values outside 1…T have names of their own, ``h_at_0``, and
``shift(h, -1, h_at_0)`` is h[t-1] at all steps.

Read next: `reports.commands.code`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.expr import Fixed, Step, ref, refs
from derive.order import Component
from derive.shapes import pair
from derive.system import Equation
from numeric.arrays import BATCH
from numeric.targets.check import check_text, head
from numeric.targets.helpers import JAX, used
from numeric.targets.jax_reads import NEAR, Reads, is_plain, moves
from numeric.targets.parts import arguments, cotangents, mentioned, narrow, right_side, size_lines
from numeric.targets.plan import Plan
from numeric.targets.spelling import position_text
from numeric.targets.wrappers import jax_function

IMPORTS = "import functools\n\nimport jax\nimport jax.numpy as jnp\nimport numpy as np\nfrom jax import lax"


def jax_source(plan: Plan) -> str:
    """The file."""
    writer = _Writer(plan)
    functions = [writer.forward(), writer.backward(), jax_function(plan)]
    check = check_text(plan, "jax")
    helpers = used([*functions, check], JAX)
    return "\n\n\n".join([head(plan, "JAX", IMPORTS), *helpers, *functions, check]) + "\n"


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.reads, self.scans = plan, Reads(plan), 0

    # --- statements --------------------------------------------------------------------------------------------

    def _stage(self, component: Component) -> list[str]:
        if component.axis is None:
            return [self._single(component.equations[0])]
        if component.direction == 0:
            return [self._map(component.equations[0])]
        return self._scan(component)

    def _single(self, equation: Equation) -> str:
        index = equation.out.index
        left = self.plan.names[equation.name] if index is None else self.reads.edge(equation.name, index)
        self.reads.position = position_text(self.plan, index) if isinstance(index, Fixed) else "0"
        right = right_side(self.plan, self.reads.speller, equation, "", self.reads.shared)
        return f"    {left} = {right}{self.plan.remark(equation)}"

    def _map(self, equation: Equation) -> str:
        axis = equation.axis
        assert axis is not None
        if is_plain(equation.expr) and moves(equation.expr, axis):
            self.reads.whole = axis
            right = right_side(
                self.plan, self.reads.speller, equation, f"{self.plan.length(axis)}, ", self.reads.shared
            )
            self.reads.whole = None
        elif equation.expr == 0 or not moves(equation.expr, axis):
            right = right_side(
                self.plan, self.reads.speller, equation, f"{self.plan.length(axis)}, ", self.reads.shared
            )
        else:
            right = self.reads.mapped(equation.expr, axis, equation)
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
        self.reads.axis, self.reads.local, self.reads.own = axis, {}, {(name, 0): plan.names[name] for name in made}
        carry, start, after = [], [], []
        for name, lag in lags.items():
            for k in range(1, lag + 1):
                self.reads.own[name, -sign * k] = plan.fresh(f"{plan.names[name]}_{NEAR[-sign]}{'' if k == 1 else k}")
                carry.append(self.reads.own[name, -sign * k])
                start.append(self.reads.edge(name, Fixed(sympy.Symbol(axis, integer=True), *_before(sign, k))))
                after.append(self.reads.own[name, -sign * (k - 1)])
        body = []
        for e in component.equations:
            right = right_side(plan, self.reads.speller, e, "", self.reads.shared)
            body.append(f"        {plan.names[e.name]} = {right}{plan.remark(e)}")
        given = self.reads.local
        self.reads.axis, self.reads.local, self.reads.own = None, None, {}
        kept = [name for name in made if name in self.needed(component)]
        every = ", ".join(self.reads.all_steps(name, shift, axis) for name, shift in given)
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
                zero = f"zeros({self.reads.speller.like}, {shape})" + (
                    ".astype(int)" if var.classes is not None else ""
                )
                value = f"{zero} if {given} is None else widened({one}, {len(var.shape)})"
                lines.append(f"    {self.reads.edge(name, position)} = {value}")
        return lines

    def _saved(self) -> list[str]:
        plan = self.plan
        names = [n for n in plan.residuals if n in plan.primal_names]
        computed = {e.out for c in plan.forward for e in c.equations}
        edges = [
            self.reads.edge(n, p)
            for n in plan.residuals
            for p in self.reads.defined(n)
            if ref(n, p) in computed or p in plan.initial.get(n, ())
        ]
        core = {e.name for c in plan.forward for e in c.equations if not e.is_boundary}
        return [*(plan.names[n] for n in names if n in core), *edges]

    def forward(self) -> str:
        plan = self.plan
        arrays, keywords = arguments(plan)
        body = self._boundaries()
        for component in plan.forward:
            body += self._stage(component)
        results = [narrow(plan.names[name], len(plan.whole.variables[name].shape)) for name in plan.outputs]
        for name, positions in plan.final.items():
            rank = len(plan.system.variables[name].shape)
            values = [narrow(self.reads.read(ref(name, p)), rank) for p in positions]
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
        arrays, keywords = arguments(plan)
        given, widen = cotangents(plan, by_step=False)
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
                narrow(self.reads.edge(bar, p), rank)
                if ref(bar, p) in written
                else narrow(f"(0 * {plan.names[bar]}[0])", rank)
                for p in positions
            ]
            results.append(values[0] if len(values) == 1 else f"jnp.stack([{', '.join(values)}])")
        saved = self._saved()
        lines = [
            f"def backward({', '.join(['arguments', 'saved', *given])}):",
            '    """Gradients of the arguments, from those of the results."""',
            f"    {_tuple([*arrays, *keywords])} = arguments",
            *self._opening([*body, *results]),
            *([f"    {_tuple(saved)} = saved"] if saved else []),
            *widen,
            *body,
            f"    return ({_tuple(results)})",
        ]
        return "\n".join(lines)


def _before(sign: int, k: int) -> tuple[sympy.Integer, sympy.Integer]:
    """Where the value k steps before the first one of a scan stands."""
    return (sympy.Integer(0), sympy.Integer(1 - k)) if sign > 0 else (sympy.Integer(1), sympy.Integer(k))


def _tuple(texts: Sequence[str]) -> str:
    return ", ".join(texts) + ("," if len(texts) == 1 else "")
