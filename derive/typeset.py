r"""Expressions typeset as LaTeX, in the conventions of column vectors.

An elementwise product is ``\odot``, a product with a scalar and a matrix product stand side by side, a sum over
time is ``\sum_{t=1}^{T}``, a power of a function is written on its name (``\tanh^{2}(c_t)``).  How a function is
written is the `latex` template of its record, nowhere else.  What names look like is the business of a `Names`:
`PlainNames` here spells them as they are, `reports.notation` as a reader of one field expects them.

Everything returned stands between dollars in both TeX and MathML, so a line can only break between `terms`.

Read next: `derive.simplify`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy

from derive.expr import PRINTERS, Op, Ref, is_op, neg, step
from derive.latex import TALL, dim_latex, fenced, index_latex, signed, transposed
from derive.primitives import TABLE
from derive.text import is_negative, number_text
from derive.written import Names, Pair, PlainNames

__all__ = ["Names", "PlainNames", "additive", "terms", "typeset"]

SUM, PRODUCT, ATOM = 1, 2, 3


def typeset(
    expr: sympy.Expr, names: Names | None = None, *, like: sympy.Expr | None = None, negative: bool = False
) -> str:
    """The expression as LaTeX.

    Args:
        expr: an expression of the language.
        names: how quantities are written; default `PlainNames`.
        like: the sum that it is a term of; a term that is broadcast in it says so.
        negative: whether a minus will stand before it.
    """
    writer = _Typesetter(names or PlainNames())
    return writer.tex(expr, 0) if like is None else writer.spread(expr, writer.names.shape(like), SUM, negative)


def terms(expr: sympy.Expr, names: Names | None = None) -> tuple[str, ...]:
    """The additive terms as LaTeX; every one but the first leads with its sign, ``+`` or ``-``."""
    return _Typesetter(names or PlainNames()).terms(expr)


def additive(expr: sympy.Expr) -> list[tuple[bool, bool, sympy.Expr]]:
    """(first, negative, positive part) of every additive term; a sum over time of a sum is taken apart."""
    parts = expr.operands if is_op(expr, "plus") else (expr,)
    if is_op(expr, "sum") and is_op(expr.operands[0], "plus"):
        parts = tuple(Op(*expr.args[:2], part) for part in expr.operands[0].operands)
    result = []
    for position, part in enumerate(parts):
        inner = part.operands[0] if is_op(part, "sum") else part
        negative = is_negative(inner)
        if negative:
            part = Op(*part.args[:2], neg(inner)) if is_op(part, "sum") else neg(part)
        result.append((position == 0, negative, part))
    return result


class _Typesetter:
    """One walk; `tight` says how tightly the surroundings bind."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def tex(self, expr: sympy.Expr, tight: int) -> str:
        several = self._several(expr)
        if several:
            return fenced(several) if tight >= SUM else several
        if isinstance(expr, Ref):
            return self.names.read(expr)
        if not isinstance(expr, Op):
            return self._number(expr, tight)
        special = getattr(self, f"_{expr.primitive}", None)
        return special(expr, tight) if special is not None else self._template(expr)

    def _several(self, expr: sympy.Expr) -> str:
        """What is written as a sum of several; empty for all else."""
        pieces = self.names.summands(expr)
        if pieces is None or isinstance(expr, Ref):
            return " + ".join(pieces or ())
        columns = (self.tex(part, PRODUCT) for part in expr.operands[1].operands)
        return " + ".join(rf"{piece}\,{column}" for piece, column in zip(pieces, columns, strict=True))

    def _number(self, value: sympy.Expr, tight: int) -> str:
        text = number_text(value)
        if "/" in text:
            text = rf"{'-' if value < 0 else ''}\tfrac{{{abs(value.p)}}}{{{value.q}}}"
        return f"({text})" if tight >= PRODUCT and text[0] == "-" else text

    def _scalar(self, expr: sympy.Expr) -> bool:
        return bool(expr.is_number) or self.names.shape(expr) == (1, 1)

    def terms(self, expr: sympy.Expr) -> tuple[str, ...]:
        whole = self.names.shape(expr)
        return tuple(signed(self.spread(p, whole, SUM, n), n, first) for first, n, p in additive(expr))

    def spread(self, part: sympy.Expr, whole: Pair | None, tight: int, negative: bool = True) -> str:
        """A term or factor that is broadcast says so, by a column or row of ones; a number needs none."""
        own = None if whole is None or part.is_number else self.names.shape(part)
        if own is None or whole is None or own == whole:
            return (self._several(part) if not negative else "") or self.tex(part, tight)
        down = r"\boldsymbol{1}\," if own[0] != whole[0] else ""
        across = r"\,\boldsymbol{1}^{\top}" if own[1] != whole[1] else ""
        return down + self.tex(part, PRODUCT if down else SUM) + across

    def _plus(self, expr: Op, tight: int) -> str:
        text = " ".join(self.terms(expr))
        return fenced(text) if tight >= SUM else text

    def _times(self, expr: Op, tight: int) -> str:
        over = [f for f in expr.operands if not (is_op(f, "power") and f.static[0].is_negative)]
        under = [_inverse(f) for f in expr.operands if is_op(f, "power") and f.static[0].is_negative]
        for number in [f for f in over[1:] if f.is_Rational]:  # x/2 is stored as x · ½
            over.remove(number)
            lead = number.p * over.pop(0) if over and over[0].is_number else sympy.Integer(number.p)
            over = [lead, *over] if lead != 1 else over
            under += [sympy.Integer(number.q)] if number.q != 1 else []
        sign = ""
        if over and over[0].is_number and over[0].is_negative:
            sign, over = "-", [f for f in (-over[0], *over[1:]) if f != 1]
        whole = self.names.shape(expr)
        text = self._factors(over, whole)
        if under:
            text = rf"\frac{{{text}}}{{{self._factors(under, whole)}}}"
        loose = (sign and tight >= SUM) or (tight >= PRODUCT and not under)
        return fenced(sign + text) if loose else sign + text

    def _factors(self, factors: Sequence[sympy.Expr], whole: Pair | None = None) -> str:
        if not factors:
            return "1"
        if len(factors) == 1:
            return self.tex(factors[0], 0)
        text, before = "", None
        for factor in factors:
            if before is not None:
                beside = self._scalar(before) or self._scalar(factor)
                text += r"\," if beside else r" \odot "
            text += self.spread(factor, None if self._scalar(factor) else whole, PRODUCT)
            before = factor
        return text

    def _matmul(self, expr: Op, tight: int) -> str:
        loose = ("reduce_to", "broadcast_to")  # products with ones: associative
        text = r"\,".join(
            self.tex(factor, SUM if isinstance(factor, Op) and factor.primitive in loose else PRODUCT)
            for factor in expr.operands
        )
        return fenced(text) if tight >= PRODUCT else text

    def _power(self, expr: Op, tight: int) -> str:
        base, exponent = expr.operands[0], expr.static[0]
        if exponent.is_negative:
            return rf"\frac{{1}}{{{self.tex(_inverse(expr), 0)}}}"
        raised = f"^{{{self._number(exponent, 0)}}}"
        if isinstance(base, Op) and TABLE[base.primitive].is_elementwise:
            function = self._template(base)
            match = re.match(r"(\\(?!sqrt|left|operatorname)[a-z]+|\\operatorname\{[a-z]+\})(?=\(|\\left\()", function)
            if match:
                return match[1] + raised + function[match.end() :]
        text = self.tex(base, ATOM)
        if text.startswith(r"\frac") or (isinstance(base, Ref) and "^" in text):  # else the exponent is the numerator's
            text = fenced(text)
        return text + raised

    def _transpose(self, expr: Op, tight: int) -> str:
        inner = expr.operands[0]
        if is_op(inner, "rows"):
            part = self.names.part(inner.operands[0], *inner.static[0].args)
            if part is not None and part.endswith(r"^{\top}"):
                return part.removesuffix(r"^{\top}")
        return transposed(self.tex(expr.operands[0], ATOM))

    def _concat(self, expr: Op, tight: int) -> str:
        shapes = [self.names.shape(part) for part in expr.operands]
        if any(shape is not None and shape[1] != 1 for shape in shapes):
            rows = r" \\ ".join(self.tex(part, 0) for part in expr.operands)
            return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"
        inner = r";\, ".join(self.tex(part, 0) for part in expr.operands)
        return rf"\left[{inner}\right]" if TALL.search(inner) else f"[{inner}]"

    def _rows(self, expr: Op, tight: int) -> str:
        low, high = expr.static[0].args
        named = self.names.part(expr.operands[0], low, high)
        if named is not None:
            return named
        return rf"\left[{self.tex(expr.operands[0], 0)}\right]_{{{dim_latex(low + 1)}:{dim_latex(high)}}}"

    def _embed(self, expr: Op, tight: int) -> str:
        low, high = expr.static[0].args
        rows = f"{dim_latex(low + 1)}:{dim_latex(high)}"
        return rf"\operatorname{{embed}}_{{{rows}}}{fenced(self.tex(expr.operands[0], 0))}"

    def _reduce_to(self, expr: Op, tight: int) -> str:
        (value,), target = expr.operands, expr.static
        shape = self.names.shape(value)
        rows, columns = (False, False) if shape is None else (shape[0] != target[0], shape[1] != target[1])
        if is_op(value, "times") and rows and not columns and shape is not None and shape[1] == 1:
            left, right = value.operands[0], value.operands[1:]
            if self.names.shape(left) == shape:
                product = self._factors(right) if len(right) > 1 else self.tex(right[0], PRODUCT)
                product = fenced(product) if len(right) > 1 else product
                text = rf"{transposed(self.tex(left, ATOM))}\,{product}"
                return fenced(text) if tight >= PRODUCT else text
        inner = self.tex(value, PRODUCT)
        text = (r"\boldsymbol{1}^{\top}\," if rows else "") + inner + (r"\,\boldsymbol{1}" if columns else "")
        return fenced(text) if tight >= PRODUCT else text

    def _broadcast_to(self, expr: Op, tight: int) -> str:
        (value,), target = expr.operands, expr.static
        if value == 0:
            return "0"
        shape = self.names.shape(value)
        rows, columns = (True, False) if shape is None else (shape[0] != target[0], shape[1] != target[1])
        inner = self.tex(value, PRODUCT)
        if value == 1:
            text = r"\boldsymbol{1}" + (r"\,\boldsymbol{1}^{\top}" if rows and columns else "")
        else:
            text = (r"\boldsymbol{1}\," if rows else "") + inner + (r"\,\boldsymbol{1}^{\top}" if columns else "")
        return fenced(text) if tight >= PRODUCT and value != 1 else text

    def _take(self, expr: Op, tight: int) -> str:
        table, index = (self.tex(operand, ATOM) for operand in expr.operands)
        return rf"{{{table}}}_{{:,{index}}}"

    def _scatter(self, expr: Op, tight: int) -> str:
        value, index = (self.tex(operand, 0) for operand in expr.operands)
        return rf"\operatorname{{scatter}}_{{{index}}}{fenced(value)}"

    def _sum(self, expr: Op, tight: int) -> str:
        axis = str(expr.static[0])
        text = rf"\sum_{{{axis}=1}}^{{{axis.upper()}}} {self.tex(expr.operands[0], SUM)}"
        return fenced(text) if tight >= PRODUCT else text

    def _stack(self, expr: Op, tight: int) -> str:
        axis, inner = str(expr.static[0]), expr.operands[0]
        if isinstance(inner, Ref) and inner.index == step(axis):
            return self.names.whole(inner.name, axis)
        return rf"\left[{self.tex(inner, 0)}\right]_{{{axis}=1}}^{{{axis.upper()}}}"

    def _unstack(self, expr: Op, tight: int) -> str:
        return rf"\left[{self.tex(expr.operands[0], 0)}\right]_{{:,{expr.static[0]}}}"

    def _place(self, expr: Op, tight: int) -> str:
        position = expr.static[-1]
        text = rf"[{position.axis} = {index_latex(position)}]\,{self.tex(expr.operands[0], SUM)}"
        return fenced(text) if tight >= PRODUCT else text

    def _template(self, expr: Op) -> str:
        arguments = [self.tex(operand, 0) for operand in expr.operands]
        template = TABLE[expr.primitive].latex
        if not any(TALL.search(argument) for argument in arguments):
            template = template.replace(r"\left(", "(").replace(r"\right)", ")")
        else:
            template = re.sub(r"(?<=[a-z}])\\left\(", r"\\!\\left(", template)
        return template.format(*arguments, *(str(value) for value in expr.static))


def _inverse(expr: Op) -> sympy.Expr:
    base, exponent = expr.operands[0], -expr.static[0]
    return base if exponent == 1 else Op(*expr.args[:1], sympy.Tuple(exponent), base)


PRINTERS["latex"] = typeset
