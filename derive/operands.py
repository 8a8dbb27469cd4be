"""Names for intermediates: the pre-activation of a gate, the product inside a product.

Every composite argument of a function, of a matrix product or of a concatenation becomes an equation of its own,
so that its cotangent has a name and is written once: ``f[t] = sigmoid(z_f[t])`` with ``z_f[t] = W_f @ … + b_f``.

Read next: `derive.adjoint`.
"""

from __future__ import annotations

import sympy

from derive.expr import Fixed, Op, Ref, Step, is_op, ref, refs
from derive.primitives import TABLE
from derive.rewrite import rebuild
from derive.shapes import unpair
from derive.system import Equation, Origin, System, Var
from derive.words import RESERVED


class NameSupply:
    """Fresh names: a user's ``d_p`` never collides with the cotangent of ``p``."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = set(taken)

    def fresh(self, wish: str) -> str:
        """`wish`, or `wish` with the first free number."""
        name, number = wish, 1
        while name in self.taken or name in RESERVED:
            number += 1
            name = f"{wish}_{number}"
        self.taken.add(name)
        return name


def name_operands(system: System) -> System:
    """The same system with an equation for every composite operand.

    The pre-activation of ``f`` is called ``z_f`` (``a_f`` in a system that has a ``z`` of its own); a composite
    operand of a product, as in ``W @ (r[t] * h[t-1])``, is called ``v_…``.
    """
    letter = "a" if "z" in system.variables else "z"
    supply = NameSupply(set(system.variables))
    equations: list[Equation] = []
    variables: dict[str, Var] = dict(system.variables)

    def split(equation: Equation) -> None:
        index = equation.out.index if isinstance(equation.out.index, Step) else None
        suffix = equation.name
        if isinstance(equation.out.index, Fixed):
            suffix += f"_{abs(equation.out.index.offset)}"
        added: list[Equation] = []

        def name(expr: sympy.Expr, kind: str) -> Ref:
            inner = walk(expr, named=True)
            fresh = supply.fresh(f"{letter if kind == 'pre-activation' else 'v'}_{suffix}")
            shape = unpair(system.shape_of(expr))
            axis = index.axis if index is not None else None
            variables[fresh] = Var(fresh, shape, axis, origin=Origin(kind, equation.name))
            out = ref(fresh, index)
            added.append(Equation(out, inner, getattr(expr, "span", None)))
            return out

        def walk(expr: sympy.Expr, *, named: bool = False) -> sympy.Expr:
            if not isinstance(expr, Op) or TABLE[expr.primitive].binds:
                return expr
            function = TABLE[expr.primitive].is_elementwise or expr.primitive in ("softmax", "logsumexp")
            operands = []
            for operand in expr.operands:
                if function and _is_composite(operand):
                    operands.append(name(operand, "pre-activation"))
                elif expr.primitive in ("matmul", "concat") and _is_composite(operand) and not _is_view(operand):
                    operands.append(name(operand, "operand"))
                else:
                    operands.append(walk(operand))
            return rebuild(expr, operands)

        whole = walk(equation.expr)
        equations.extend(added)
        equations.append(Equation(equation.out, whole, equation.span))

    for equation in system.equations:
        split(equation)
    ordered = {n: variables[n] for e in equations for n in [e.name, *(r.name for r in refs(e.expr))]}
    about = (system.name, system.title, system.source, system.notes)
    return System(tuple(equations), ordered, *about)


def _is_composite(expr: sympy.Expr) -> bool:
    """Worth a name: more than a read, a number, or a signed, transposed or stopped read."""
    if not isinstance(expr, Op):
        return False
    if expr.primitive in ("transpose", "stop"):
        return _is_composite(expr.operands[0])
    if is_op(expr, "times") and expr.operands[0] == -1 and len(expr.operands) == 2:
        return _is_composite(expr.operands[1])
    return not (is_op(expr, "stack") and isinstance(expr.operands[0], Ref))


def _is_view(expr: sympy.Expr) -> bool:
    """A concatenation or transpose: its parts get names, not the whole."""
    return isinstance(expr, Op) and expr.primitive in ("concat", "transpose", "rows")
