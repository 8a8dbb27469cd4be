r"""An equation with numbers in place of names: ``0.5 \cdot 1 + 0.3 \cdot 0 + 0.1``, and what its terms are.

`numbers` prints the right side of a line of `numeric.pocket` with every quantity replaced by its printed value. What
only moves numbers about (a transpose, a column picked, rows cut out) is carried out; what computes is written. A
product of a row with a column is written out, entry by entry, because that is what a reader types.

Read next: `reports.sections.example`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from derive.expand import Clock
from derive.expr import Fixed, Op, Ref, is_op
from derive.latex import TALL, fenced
from derive.primitives import TABLE
from derive.rewrite import rebuild
from derive.typeset import PlainNames, additive, typeset
from numeric.arrays import Sizes
from numeric.pocket import DIGITS, NOTHING, places, printed, value_of

MOVES = frozenset({"transpose", "rows", "embed", "concat", "take", "broadcast_to", "scatter", "stop"})
FUNCTION = re.compile(r"(\\(?:tanh|sigma|exp|sin|cos))(?=\(|\\left\()")
SUM, PRODUCT = 1, 2


def number(value: float, tight: int = 0) -> str:
    """``0.5``, ``0.5370``, ``-1``, ``3.21 \\cdot 10^{-5}``; a negative one in parentheses where something binds."""
    exact = abs(value - round(value, 3)) < NOTHING
    unrounded, value = value, float(printed(value))
    digits = places(value)
    if exact:
        text = f"{value:.3f}".rstrip("0").rstrip(".")
    elif digits > 7:
        mantissa, exponent = f"{value:.2e}".split("e")
        text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
        return f"({text})" if tight >= PRODUCT else text
    else:
        text = f"{value:.{digits}f}"
        text = text.rstrip("0") if digits > DIGITS and value == round(value, digits - 2) == unrounded else text
    return f"({text})" if tight >= PRODUCT and text.startswith("-") else text


def array(value: np.ndarray, tight: int = 0) -> str:
    """A number, or a matrix of numbers."""
    value = np.atleast_2d(value)
    if value.shape == (1, 1):
        return number(value[0, 0], tight)
    rows = r" \\ ".join(" & ".join(number(entry) for entry in row) for row in value.tolist())
    return rf"{{\begin{{bmatrix}} {rows} \end{{bmatrix}}}}"  # in braces, so that its fences fit it alone


@dataclass(frozen=True)
class Substitution:
    """Numbers for names.

    Attributes:
        read: the value of a quantity at a fixed position, (rows, columns).
        sizes: of the dimensions.
    """

    read: Callable[[Ref], np.ndarray]
    sizes: Sizes

    def value(self, expr: sympy.Expr) -> np.ndarray:
        """What an expression is: exactly if it is no more than one quantity, else from operands as printed."""
        if self._is_leaf(expr):
            return value_of(expr, self.read, self.sizes)
        return value_of(expr, lambda place: printed(self.read(place)), self.sizes)

    def terms(self, expr: sympy.Expr) -> tuple[str, ...]:
        """Additive terms with numbers, signs leading all but the first."""
        return _signed([text for text, _ in self._pieces(expr)])

    def sums(self, expr: sympy.Expr) -> tuple[str, ...]:
        """The values of the terms, if there are several that had to be computed and are not zero."""
        pieces = self._pieces(expr)
        values = [array(value) for _, value in pieces]
        computed = [value for (text, _), value in zip(pieces, values, strict=True) if text != value]
        several = sum(bool(value.any()) for _, value in pieces) > 1
        return _signed(values) if computed and several else ()

    def _pieces(self, expr: sympy.Expr) -> list[tuple[str, np.ndarray]]:
        """Every term that is printed, with its sign, and its value."""
        whole = self.value(expr).shape
        found: list[tuple[str, np.ndarray]] = []
        parts = additive(expr)
        for _, negative, part in parts:
            for text, value in self._spread(part, whole, SUM if len(parts) > 1 or negative else 0):
                if negative:
                    text = f"-({text})" if text.startswith("-") else f"-{text}"
                found.append((text, -value if negative else value))
        return found

    # --- expressions ------------------------------------------------------------------------------------------

    def _is_leaf(self, expr: sympy.Expr) -> bool:
        if isinstance(expr, Ref) or not isinstance(expr, Op):
            return True
        return expr.primitive in MOVES and all(self._is_leaf(operand) for operand in expr.operands)

    def _spread(self, part: sympy.Expr, whole: tuple[int, ...], tight: int) -> list[tuple[str, np.ndarray]]:
        """One term, or the products of which a dot product is the sum, with their values."""
        value = np.broadcast_to(self.value(part), whole)
        if self._is_leaf(part):
            return [(array(value), value)]
        if whole == (1, 1) and (dot := self._dot(part)) is not None:
            return dot
        own = self.value(part).shape
        down, across = own[0] != whole[0], own[1] != whole[1]
        text = self.tex(part, tight)
        return [(r"\boldsymbol{1}\," * down + text + r"\,\boldsymbol{1}^{\top}" * across, value)]

    def _dot(self, expr: sympy.Expr) -> list[tuple[str, np.ndarray]] | None:
        """``["0.5 \\cdot 0", "0.3 \\cdot 1"]`` for a row times a column, and for the sum of a product's entries."""
        pair: tuple[sympy.Expr, ...] = ()
        if is_op(expr, "matmul") and len(expr.operands) == 2:
            pair = expr.operands
        if is_op(expr, "reduce_to") and is_op(expr.operands[0], "times") and len(expr.operands[0].operands) == 2:
            pair = expr.operands[0].operands
        if not pair or not all(self._is_leaf(factor) for factor in pair):
            return None
        left, right = (self.value(factor) for factor in pair)
        if left.size != right.size or self.value(expr).shape != (1, 1):
            return None
        items = zip(left.ravel().tolist(), right.ravel().tolist(), strict=True)
        return [
            (rf"{number(a)} \cdot {number(b, PRODUCT)}", printed(a) * printed(b) * np.ones((1, 1))) for a, b in items
        ]

    def _dot_text(self, expr: sympy.Expr, tight: int) -> str:
        dot = self._dot(expr) or []
        text = " ".join(_signed([word for word, _ in dot]))
        return fenced(text) if tight >= PRODUCT or (tight and len(dot) > 1) else text

    def tex(self, expr: sympy.Expr, tight: int) -> str:
        """An expression; `tight` says how tightly the surroundings bind."""
        if self._is_leaf(expr):
            return array(self.value(expr), tight)
        assert isinstance(expr, Op)
        special = getattr(self, f"_{expr.primitive}", None)
        if special is not None:
            return str(special(expr, tight))
        if expr.primitive in MOVES:
            return self._moved(expr, tight)
        inner = [self.tex(operand, 0) for operand in expr.operands]
        template = TABLE[expr.primitive].latex
        if not any(TALL.search(text) for text in inner):
            template = template.replace(r"\left(", "(").replace(r"\right)", ")")
        return template.format(*inner, *map(str, expr.static))

    def _moved(self, expr: Op, tight: int) -> str:
        """What moves the entries of something that is computed: it is computed first."""
        scalar = self.value(expr).shape == (1, 1) == self.value(expr.operands[0]).shape
        return self.tex(expr.operands[0], tight) if scalar else array(self.value(expr), tight)

    def _plus(self, expr: Op, tight: int) -> str:
        text = " ".join(self.terms(expr))
        return fenced(text) if tight >= SUM else text

    def _times(self, expr: Op, tight: int) -> str:
        over = [f for f in expr.operands if not (is_op(f, "power") and f.static[0].is_negative)]
        under = [_inverse(f) for f in expr.operands if is_op(f, "power") and f.static[0].is_negative]
        minus = bool(over) and over[0] == -1
        text = self._factors(over[1:] if minus else over)
        if under:
            text = rf"\frac{{{text}}}{{{self._factors(under)}}}"
        if minus:
            text = f"-({text})" if text.startswith("-") else f"-{text}"
        loose = tight >= PRODUCT and (minus or not under or text.startswith("-"))
        return fenced(text) if loose else text

    def _factors(self, factors: list[sympy.Expr]) -> str:
        if len(factors) < 2:
            return self.tex(factors[0], 0) if factors else "1"
        text, before = "", (1, 1)
        for place, factor in enumerate(factors):
            shape = self.value(factor).shape
            word = self.tex(factor, PRODUCT)
            if not place and word.startswith("(-") and self._is_leaf(factor):
                word = word[1:-1]
            text += (r" \cdot " if (1, 1) in (shape, before) else r" \odot ") * bool(place) + word
            before = shape if shape != (1, 1) else before
        return text

    def _matmul(self, expr: Op, tight: int) -> str:
        if self._dot(expr) is not None:
            return self._dot_text(expr, tight)
        words, shapes = [], []
        for factor in expr.operands:
            words.append(self.tex(factor, PRODUCT))
            shapes.append(self.value(factor).shape)
        text = words[0][1:-1] if self._is_leaf(expr.operands[0]) and words[0].startswith("(-") else words[0]
        for place in range(1, len(words)):
            beside = (1, 1) not in shapes[place - 1 : place + 1]
            text += (r" \, " if beside else r" \cdot ") + words[place]
        return fenced(text) if tight >= PRODUCT else text

    def _softmax(self, expr: Op, tight: int) -> str:
        powers = self._powers(expr)
        if powers is None:
            return rf"\operatorname{{softmax}}{fenced(self.tex(expr.operands[0], 0))}"
        column = r" \\ ".join(powers)
        return rf"\frac{{1}}{{{' + '.join(powers)}}} \begin{{bmatrix}} {column} \end{{bmatrix}}"

    def _logsumexp(self, expr: Op, tight: int) -> str:
        powers = self._powers(expr)
        inner = self.tex(expr.operands[0], 0) if powers is None else " + ".join(powers)
        return rf"\operatorname{{logsumexp}}{fenced(inner)}" if powers is None else rf"\log({inner})"

    def _powers(self, expr: Op) -> list[str] | None:
        (value,) = expr.operands
        found = self.value(value)
        if not self._is_leaf(value) or found.shape[1] != 1:
            return None
        return [f"e^{{{number(entry)}}}" for entry in found.ravel().tolist()]

    def _power(self, expr: Op, tight: int) -> str:
        base, exponent = expr.operands[0], expr.static[0]
        if exponent.is_negative:
            return rf"\frac{{1}}{{{self.tex(_inverse(expr), 0)}}}"
        raised = f"^{{{typeset(exponent, PlainNames())}}}"
        inner = self.tex(base, PRODUCT)
        if match := FUNCTION.match(inner):
            return match[1] + raised + inner[match.end() :]
        if not self._is_leaf(base) and not inner.startswith(("(", r"\left(")):
            inner = fenced(inner)
        return inner + raised

    def _reduce_to(self, expr: Op, tight: int) -> str:
        (value,) = expr.operands
        shape, result = self.value(value).shape, self.value(expr).shape
        if shape == result:
            return self.tex(value, tight)
        if self._dot(expr) is not None:
            return self._dot_text(expr, tight)
        if self._is_leaf(value) and result == (1, 1):
            text = " ".join(_signed([number(x) for x in self.value(value).ravel().tolist()]))
            return fenced(text) if tight >= SUM else text
        left = r"\boldsymbol{1}^{\top}\," if shape[0] != result[0] else ""
        right = r"\,\boldsymbol{1}" if shape[1] != result[1] else ""
        text = left + self.tex(value, PRODUCT) + right
        return fenced(text) if tight >= PRODUCT else text

    def _concat(self, expr: Op, tight: int) -> str:
        return array(self.value(expr), tight)


def _signed(words: list[str]) -> tuple[str, ...]:
    """Terms as a row wants them: a sign and a space before all but the first."""
    found: list[str] = []
    for word in words:
        minus, bare = word.startswith("-"), word.lstrip("+-")
        found.append((f"- {bare}" if minus else f"+ {bare}") if found else f"-{bare}" if minus else bare)
    return tuple(found)


def _inverse(expr: Op) -> sympy.Expr:
    base, exponent = expr.operands[0], -expr.static[0]
    return base if exponent == 1 else Op(*expr.args[:1], sympy.Tuple(exponent), base)


def at_step(expr: sympy.Expr, at: Mapping[str, int], clock: Clock) -> sympy.Expr:
    """An equation at a step, in symbols: ``h[t-1]`` is ``h[1]``; sums over time stay as they are."""
    if isinstance(expr, Ref):
        index = expr.index
        return clock.placed(expr, at) if isinstance(index, Fixed) or (index is not None and index.axis in at) else expr
    if not isinstance(expr, Op):
        return expr
    if expr.primitive == "place":
        position = expr.static[-1]
        here = at[position.axis] == position.position(clock.lengths[position.axis])
        return at_step(expr.operands[0], at, clock) if here else sympy.Integer(0)
    bound = str(expr.static[0]) if TABLE[expr.primitive].binds else ""
    inner = {axis: step for axis, step in at.items() if axis != bound}
    operands = [at_step(operand, inner, clock) for operand in expr.operands]
    return rebuild(expr, operands)
