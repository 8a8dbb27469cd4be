"""The adjoint: from a system of recurrence equations to the system of its gradient.

For ``y[t] = F(…, x[t+k], …)`` the contribution ``g[t] = VJP(ȳ[t], primals at t)`` is named at its own time, and
x̄[t] receives g[t−k]; a parameter receives ``sum[t](g[t])``.  That one rule gives backpropagation through time, the
reversed half of a bidirectional network, stacked layers and attention.  Shifting the VJP's arguments instead would
read ``f[T+1]``, which does not exist.  Outside 1…T contributions are zero, by an explicit equation; what reaches a
value outside, such as h[0], is the gradient of the initial state.

The result is again a `System` in the same language, so it prints, counts, unrolls, compiles and differentiates again.

Read next: `derive.tangent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from derive.elementwise import partial
from derive.equation import Equation, Origin, Role, Var
from derive.expr import Fixed, Op, Ref, Step, apply, axis_symbol, fixed, plus, ref, refs, scaled, step
from derive.operands import NameSupply, name_operands
from derive.order import outside
from derive.primitives import TABLE, Shape
from derive.reach import ancestors, default_wrt, dependent, final_positions
from derive.shapes import ShapeOf, pair, unpair
from derive.structural import fit
from derive.system import System

Axes = tuple[str, ...]
ZERO = sympy.Integer(0)


def adjoint(
    system: System,
    outputs: Sequence[str] | None = None,
    wrt: Sequence[str] | None = None,
    final: Sequence[str] = (),
) -> System:
    """The system that computes gradients of a loss from the cotangents of outputs.

    Args:
        system: the primal.
        outputs: quantities that the loss reads; the cotangent of ``h`` is the input ``up_h``.
        wrt: leaves whose gradient is wanted; default all parameters, real inputs and given boundary values.
        final: states whose last value the loss reads too; its cotangent is the time-free input ``end_h``.

    Returns:
        The primal equations with named intermediates, followed by the adjoint ones: the cotangent of ``h`` is
        ``dh``, ``dh[0]`` that of the initial state.

    Raises:
        ValueError: if an output or leaf does not exist, or no output depends on what is wanted.
    """
    chosen = tuple(system.outputs if outputs is None else outputs)
    leaves = default_wrt(system) if wrt is None else tuple(wrt)
    for name in (*chosen, *leaves, *final):
        if name not in system.variables:
            raise ValueError(f"{name} is no quantity of {system.name}; there are {', '.join(system.variables)}")
    return _Sweep(name_operands(system), chosen, leaves, tuple(final)).run()


class _Sweep:
    """One adjoint in the making: contributions collected by target and shift, then written as equations."""

    def __init__(self, primal: System, outputs: tuple[str, ...], wrt: tuple[str, ...], final: tuple[str, ...]) -> None:
        self.primal, self.outputs, self.wrt, self.final = primal, outputs, wrt, final
        self.supply = NameSupply(set(primal.variables))
        self.variables: dict[str, Var] = dict(primal.variables)
        self.shapes: dict[str, Shape] = {name: pair(var.shape) for name, var in primal.variables.items()}
        self.shape_of = ShapeOf(self.shapes)
        self.live = dependent(primal, wrt) & ancestors(primal, (*outputs, *final))
        if not self.live:
            leaves = ", ".join(wrt) or "any parameter, real input or initial value"
            raise ValueError(f"{', '.join((*outputs, *final))} does not depend on {leaves}")
        self.cotangent = {
            name: self._new(f"d{name}", "cotangent", name) for name in primal.variables if name in self.live
        }
        self.at_step: dict[tuple[str, int], list[sympy.Expr]] = {}  # by name and shift
        self.at_place: dict[str, list[tuple[Fixed, sympy.Expr]]] = {}  # core and boundary positions
        self.once: dict[str, list[sympy.Expr]] = {}
        self.gathered: list[Equation] = []

    # --- names ---------------------------------------------------------------------------------------------

    def _new(self, wish: str, kind: str, of: str, *, at: int = 0) -> str:
        model = self.primal.variables[of]
        name = self.supply.fresh(wish)
        return self._enter_variable(Var(name, model.shape, model.axis, "defined", None, Origin(kind, of, at)))

    def _given(self, wish: str, kind: str, of: str, *, timed: bool, at: int = 0) -> str:
        model = self.primal.variables[of]
        name = self.supply.fresh(wish)
        axis = model.axis if timed else None
        shared = model.role in ("parameter", "constant") or not (model.axis or of in self.primal.batched)
        role: Role = "parameter" if shared else "input"
        return self._enter_variable(Var(name, model.shape, axis, role, None, Origin(kind, of, at)))

    def _enter_variable(self, var: Var) -> str:
        self.variables[var.name] = var
        self.shapes[var.name] = pair(var.shape)
        return var.name

    # --- the reverse sweep ---------------------------------------------------------------------------------

    def run(self) -> System:
        """Collect all contributions, then write them down."""
        for equation in self.primal.equations:
            if equation.name in self.live:
                seed = ref(self.cotangent[equation.name], equation.out.index)
                context = (equation.axis,) if equation.axis else ()
                self._pull(equation.expr, seed, context, equation.out)
        written = [e for name in self._reading_order() for e in (*self._gathered(name), *self._equations(name))]
        equations = (*self.primal.equations, *written)
        used = dict.fromkeys(n for e in equations for n in [e.name, *(r.name for r in refs(e.expr))])
        about = (self.primal.name, self.primal.title, self.primal.source, self.primal.notes)
        leaves = iter(name for name in used if self.variables[name].is_leaf)  # in print, leaves stand as they are read
        order = [next(leaves) if var.is_leaf else name for name, var in self.variables.items() if name in used]
        return System(equations, {name: self.variables[name] for name in order}, *about)

    def _pull(self, expr: sympy.Expr, ybar: sympy.Expr, context: Axes, value: Ref | None = None) -> None:
        """Carry the cotangent of `expr` to everything it reads.

        Args:
            expr: an expression of the primal.
            ybar: its cotangent.
            context: the axes that `ybar` runs along.
            value: the quantity that holds the value of `expr`, if it has a name.
        """
        if isinstance(expr, Ref):
            if expr.name in self.live:
                self._deliver(expr, ybar, context)
            return
        if not isinstance(expr, Op) or not any(read.name in self.live for read in refs(expr)):
            return
        record = TABLE[expr.primitive]
        if record.binds:
            ybar, context = self._enter(expr, ybar, context)
        below = context
        if expr.primitive == "unstack":  # its contribution, a stack, already runs over all steps
            below = tuple(axis for axis in context if axis != str(expr.static[0]))
        for i, operand in enumerate(expr.operands):
            if not any(read.name in self.live for read in refs(operand)):
                continue
            contribution = self._vjp(expr, ybar, i, expr if value is None else value)
            if contribution is not None:
                self._pull(operand, contribution, below)

    def _vjp(self, call: Op, ybar: sympy.Expr, i: int, value: sympy.Expr) -> sympy.Expr | None:
        record, shape_of = TABLE[call.primitive], self.shape_of
        if record.vjp is not None:
            return record.vjp(call, value, ybar, i, shape_of)
        slope = partial(call.primitive, i)(value, *call.operands)
        if slope == 0:
            return None
        return fit(scaled(ybar, slope), shape_of(call.operands[i]), shape_of)

    def _enter(self, binder: Op, ybar: sympy.Expr, context: Axes) -> tuple[sympy.Expr, Axes]:
        """Go inside ``sum[t](…)``: what runs along other axes and does not matter inside is summed before."""
        axis = str(binder.static[0])
        inside = {r.index.axis for r in refs(binder.operands[0]) if isinstance(r.index, Step)}
        outer = tuple(a for a in context if a == axis or a not in inside)
        total = self._sum(ybar, outer)
        kept = tuple(a for a in context if a not in outer)
        if outer and len(kept) <= 1:
            name = self.supply.fresh(f"d{_lead(binder)}_all")
            shape = unpair(self.shape_of(total))
            axis_kept = kept[0] if kept else None
            self._enter_variable(Var(name, shape, axis_kept, origin=Origin("gathered", _lead(binder))))
            out = ref(name, step(axis_kept) if axis_kept else None)
            self.gathered.append(Equation(out, total))
            total = out
        return total, (*kept, axis)

    def _sum(self, value: sympy.Expr, axes: Iterable[str]) -> sympy.Expr:
        for axis in axes:
            value = apply("sum", value, static=(axis_symbol(axis),))
        return value

    def _deliver(self, read: Ref, value: sympy.Expr, context: Axes) -> None:
        index = read.index
        if isinstance(index, Step):
            value = self._sum(value, (axis for axis in context if axis != index.axis))
            self.at_step.setdefault((read.name, index.shift), []).append(value)
        elif isinstance(index, Fixed):
            self.at_place.setdefault(read.name, []).append((index, self._sum(value, context)))
        else:
            self.once.setdefault(read.name, []).append(self._sum(value, context))

    # --- writing equations ---------------------------------------------------------------------------------

    def _reading_order(self) -> list[str]:
        """Reverse source order, then inputs, then parameters."""
        defined = [e.name for e in reversed(self.primal.equations) if not e.is_boundary]
        leaves = [n for n in self.primal.variables if self.primal.variables[n].is_leaf]
        leaves.sort(key=lambda n: self.primal.variables[n].axis is None)
        return [n for n in (*defined, *leaves) if n in self.live]

    def _equations(self, name: str) -> list[Equation]:
        if self.primal.variables[name].axis is None:
            return [self._time_free(name)]
        return self._sequence(name)

    def _gathered(self, name: str) -> list[Equation]:
        return [e for e in self.gathered if self.variables[e.name].origin == Origin("gathered", name)]

    def _time_free(self, name: str) -> Equation:
        terms = list(self.once.get(name, []))
        if name in self.outputs:
            terms.insert(0, ref(self._given(f"up_{name}", "upstream", name, timed=False)))
        return Equation(ref(self.cotangent[name]), self._total(terms, name))

    def _sequence(self, name: str) -> list[Equation]:
        axis = self.primal.variables[name].axis
        assert axis is not None
        here = step(axis)
        bar = self.cotangent[name]
        result: list[Equation] = []
        terms: list[sympy.Expr] = []
        if name in self.outputs:
            terms.append(ref(self._given(f"up_{name}", "upstream", name, timed=True), here))
        reaching: dict[Fixed, list[sympy.Expr]] = {}
        last: list[sympy.Expr] = []
        for position, value in self._places(name):
            if position.is_boundary:
                reaching.setdefault(position, []).append(value)
            else:  # [T-2] is the read [t-2] of step T, so it meets h[0] as that does when T = 2
                first = 0 if position.from_end else 1
                base = fixed(axis, first, from_end=position.from_end)
                placed = apply("place", value, static=(base,))
                if position == base:
                    last.append(placed)
                else:
                    self.at_step.setdefault((name, position.offset - first), []).append(placed)
        terms += self.at_step.get((name, 0), [])
        known = self._outside_values(name)
        named: list[Equation] = []
        for shift in sorted({k for n, k in self.at_step if n == name and k}):
            contribution = self._new(f"g_{name}", "contribution", name, at=shift)
            named.append(Equation(ref(contribution, here), plus(*self.at_step[name, shift])))
            named += [Equation(ref(contribution, p), ZERO) for p in outside(step(axis, -shift))]
            terms.append(ref(contribution, step(axis, -shift)))
            for position in outside(step(axis, shift)):
                source = fixed(axis, position.offset - shift, from_end=position.from_end)
                if position in known:
                    reaching.setdefault(position, []).append(ref(contribution, source))
        result.append(Equation(ref(bar, here), self._total([*terms, *last], name)))
        order = sorted(reaching, key=lambda p: (p.from_end, p.offset))
        return result + [Equation(ref(bar, p), plus(*reaching[p])) for p in order] + named

    def _outside_values(self, name: str) -> list[Fixed]:
        """Positions outside 1…T that have a value: given ones, and those with an equation."""
        computed = [e.out.index for e in self.primal.boundary_equations(name) if isinstance(e.out.index, Fixed)]
        return [*self.primal.boundaries.get(name, ()), *computed]

    def _places(self, name: str) -> list[tuple[Fixed, sympy.Expr]]:
        """What reaches single positions, the cotangents of final values included."""
        places = list(self.at_place.get(name, []))
        if name in self.final:
            for number, position in enumerate(final_positions(self.primal, name)):
                wish = f"end_{name}" if number == 0 else f"end_{name}_{number + 1}"
                places.append((position, ref(self._given(wish, "final", name, timed=False, at=number))))
        return places

    def _total(self, terms: list[sympy.Expr], name: str) -> sympy.Expr:
        if terms:
            return plus(*terms)
        shape = self.primal.variables[name].shape
        return apply("broadcast_to", ZERO, static=(*shape, sympy.Integer(1), sympy.Integer(1))[:2])


def _lead(binder: Op) -> str:
    """The quantity that a binder mainly gathers, for naming."""
    names = sorted(refs(binder), key=lambda read: read.index is None)
    return names[0].name
