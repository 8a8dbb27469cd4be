"""Expressions of the language as Python over arrays of shape (…, rows, columns): one printer for all frameworks.

A column is (B, n, 1), a shared matrix (n, m): products and sums then broadcast as the mathematics says, and a line
of code reads as its equation.  How a quantity is *read* is up to the caller (a dictionary of steps, or an array of
all of them); how a function is *spelled* is a table with one row a function and one column a framework.

Read next: `numeric.targets.helpers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy

from derive.expr import Fixed, Op, Ref, is_op, neg, refs
from derive.primitives import TABLE
from derive.text import is_negative
from numeric.printer import number
from numeric.targets.plan import Plan

SUM, PRODUCT, ATOM = 1, 2, 3
SPELLINGS: dict[str, tuple[str, str]] = {  # primitive: PyTorch, JAX
    "tanh": ("torch.tanh", "jnp.tanh"),
    "sigmoid": ("torch.sigmoid", "jax.nn.sigmoid"),
    "relu": ("torch.relu", "jax.nn.relu"),
    "step": ("step", "step"),
    "sign": ("torch.sign", "jnp.sign"),
    "abs": ("torch.abs", "jnp.abs"),
    "exp": ("torch.exp", "jnp.exp"),
    "log": ("torch.log", "jnp.log"),
    "sqrt": ("torch.sqrt", "jnp.sqrt"),
    "sin": ("torch.sin", "jnp.sin"),
    "cos": ("torch.cos", "jnp.cos"),
    "softplus": ("softplus", "jax.nn.softplus"),
    "silu": ("torch.nn.functional.silu", "jax.nn.silu"),
    "max": ("torch.maximum", "jnp.maximum"),
    "min": ("torch.minimum", "jnp.minimum"),
    "softmax": ("softmax", "softmax"),
    "logsumexp": ("logsumexp", "logsumexp"),
    "stop": ("stop", "stop"),
    "take": ("take", "take"),
    "scatter": ("scatter", "scatter"),
    "embed": ("embed", "embed"),
    "reduce_to": ("reduce_to", "reduce_to"),
    "broadcast_to": ("broadcast_to", "broadcast_to"),
    "concat": ("cat", "cat"),
}
FRAMEWORKS = ("torch", "jax")

Read = Callable[[Ref], str]
Bind = Callable[[Op], str]  # the text of sum[t](…), stack[t](…), unstack[t](…), place[t](…)


class Speller:
    """Prints expressions for one framework.

    Args:
        plan: names and sizes.
        framework: "torch" or "jax".
        like: an array of the dtype that numbers should have.
        read: the text of a read.
        along: the text of what acts along time.
    """

    def __init__(self, plan: Plan, framework: str, like: str, read: Read, along: Bind) -> None:
        column = FRAMEWORKS.index(framework)
        self.plan, self.read, self.along = plan, read, along
        self.functions: Mapping[str, str] = {name: row[column] for name, row in SPELLINGS.items()}
        self.like = like

    def text(self, expr: sympy.Expr, tight: int = 0) -> str:
        """An expression, in parentheses where it binds less than its surroundings."""
        if isinstance(expr, Ref):
            return self.read(expr)
        if not isinstance(expr, Op):
            shown = number(expr)
            return f"({shown})" if shown.startswith("-") and tight >= ATOM else shown
        if expr.primitive == "plus":
            return _wrap(self._sum(expr), SUM, tight)
        if expr.primitive == "times" or (expr.primitive == "power" and expr.static[0].is_negative):
            return _wrap(self._product(expr), PRODUCT, tight)
        if expr.primitive == "matmul":
            return _wrap(" @ ".join(self.text(factor, ATOM) for factor in expr.operands), PRODUCT, tight)
        if expr.primitive == "power":
            return _wrap(f"{self.text(expr.operands[0], ATOM)}**{number(expr.static[0])}", PRODUCT, tight)
        if expr.primitive == "transpose":
            return self.text(expr.operands[0], ATOM) + ".mT"
        if expr.primitive == "rows":
            low, high = (self.plan.size(dim) for dim in expr.static[0].args)
            part = f"{'' if low == '0' else low}:{high}"
            (whole,) = expr.operands
            if is_op(whole, "transpose"):
                return f"{self.text(whole.operands[0], ATOM)}[..., {part}].mT"
            return f"{self.text(whole, ATOM)}[..., {part}, :]"
        if TABLE[expr.primitive].binds or expr.primitive in ("unstack", "place"):
            return self.along(expr)
        return self._call(expr)

    def shared(self, term: sympy.Expr, batched: frozenset[str], summed: Callable[[Op], str]) -> str:
        """A summand of something that all examples share: what differs between them is summed over them.

        Args:
            term: the summand.
            batched: names of what differs between examples.
            summed: the text of such a ``sum[t](…)``.
        """
        if not _differs(term, batched):
            return self.text(term, SUM)
        if is_op(term, "sum"):
            return summed(term)
        return self.over_examples(term, batched)

    def over_examples(self, term: sympy.Expr, batched: frozenset[str]) -> str:
        """The sum over the examples; of outer products ``a @ b.T`` it is one matrix product."""
        if is_op(term, "matmul") and is_op(term.operands[-1], "transpose"):
            right = term.operands[-1].operands[0]
            left = term.operands[:-1]
            if any(_differs(x, batched) for x in left) and _differs(right, batched):
                product = " @ ".join(self.text(factor, ATOM if len(left) > 1 else 0) for factor in left)
                return f"outer({product}, {self.text(right)})"
        return f"total({self.text(term)})"

    def _sum(self, expr: Op) -> str:
        text = self.text(expr.operands[0])
        for term in expr.operands[1:]:
            text += f" - {self.text(neg(term), SUM)}" if is_negative(term) else f" + {self.text(term, SUM)}"
        return text

    def _product(self, expr: Op) -> str:
        factors = list(expr.operands) if expr.primitive == "times" else [expr]
        sign = ""
        if factors[0] == -1:
            sign, factors = "-", factors[1:]
        text = ""
        for factor in factors:
            if is_op(factor, "power") and factor.static[0].is_negative:
                exponent = -factor.static[0]
                divisor = self.text(factor.operands[0], ATOM) + ("" if exponent == 1 else f"**{number(exponent)}")
                text = f"{text or '1'} / {divisor}"
            else:
                text += (" * " if text else "") + self.text(factor, PRODUCT if not is_op(factor, "power") else SUM)
        return sign + text

    def _operand(self, expr: sympy.Expr) -> str:
        """An operand of a function: an array also where it is a number."""
        if not expr.is_number:
            return self.text(expr)
        zeros = f"zeros({self.like}, 1, 1)"
        return zeros if expr == 0 else f"{zeros} + {self.text(expr, ATOM)}"

    def _call(self, expr: Op) -> str:
        arguments = [self._operand(operand) for operand in expr.operands]
        for kind, value in zip(TABLE[expr.primitive].static, expr.static, strict=True):
            parts = value.args if kind == "slice" else (value,)
            arguments += [self.plan.size(part) for part in parts]
        return f"{self.functions[expr.primitive]}({', '.join(arguments)})"


def position_text(plan: Plan, index: Fixed) -> str:
    """A fixed position as Python text: ``0``, ``T``, ``T - 1``."""
    if not index.from_end:
        return str(index.offset)
    return plan.length(index.axis) + (
        f" {'-' if index.offset < 0 else '+'} {abs(index.offset)}" if index.offset else ""
    )


def _differs(expr: sympy.Expr, batched: frozenset[str]) -> bool:
    return any(read.name in batched for read in refs(expr))


def _wrap(text: str, level: int, tight: int) -> str:
    return f"({text})" if tight >= level else text
