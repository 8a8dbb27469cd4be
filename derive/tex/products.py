r"""From the tree to the equation language: which products are of matrices, and which entry by entry.

A capital that is neither defined nor read at a step is a matrix (``W h``, ``W \cdot h``); two quantities that are
computed multiply entry by entry (``\Gamma_u \cdot \tilde{c}``, ``f_t \odot c_{t-1}``). A sequence to the left of a
matrix is a row (``X_t W``); the language has columns, so it becomes ``W @ X[t]``, its W the transpose of the paper's.
What could be both (``w h_{t-1}``) is an error that says how to write either.

Read next: `derive.tex.equations`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from derive.errors import EquationError
from derive.tex.meaning import Meaning
from derive.tex.tokens import Row, Token
from derive.tex.tree import Call, Number, Product, Raised, Stack, Sum, Symbol, Total, Tree

Kind = Literal["number", "scalar", "matrix", "unknown", "row", "value"]
ORDER: tuple[Kind, ...] = ("number", "scalar", "unknown", "matrix", "row", "value")
Level = Literal["sum", "product", "matmul", "atom"]


@dataclass(frozen=True)
class Written:
    """Text, what it is, and how tightly it holds together."""

    text: str
    kind: Kind
    level: Level = "atom"

    def inside(self, *levels: Level) -> str:
        """The text, in brackets if it is of such a level."""
        return f"({self.text})" if self.level in levels else self.text


@dataclass(frozen=True)
class Writer:
    """Writes the right side of one statement."""

    meaning: Meaning
    row: Row
    without: str = ""
    asked: frozenset[str] = frozenset()

    def write(self, tree: Tree) -> Written:
        """The tree in the equation language.

        Raises:
            EquationError: where it could mean two things, or nothing.
        """
        match tree:
            case Number():
                return Written(tree.text, "number")
            case Symbol():
                return Written(self.meaning.written(tree, self.without), self._kind(tree))
            case Call():
                arguments = [self.write(argument) for argument in tree.arguments]
                if not arguments:
                    raise self.row.error(f"{tree.function} of what?", tree.token)
                return Written(f"{tree.function}({', '.join(a.text for a in arguments)})", _widest(arguments))
            case Stack():
                parts = [self.write(part) for part in tree.parts]
                return Written(f"[{', '.join(part.text for part in parts)}]", _widest(parts))
            case Raised():
                return self._raised(tree)
            case Sum():
                return self._sum(tree)
            case Total():
                return self._total(tree)
            case Product():
                return self._product(tree)

    def _kind(self, symbol: Symbol) -> Kind:
        name, time = self.meaning.split(symbol, self.without)
        if name in self.meaning.declared:
            dimensions = self.meaning.declared[name]
            return "scalar" if dimensions == 0 else "matrix" if dimensions == 2 else "value"
        if time is not None or name in self.meaning.implied:
            return "value"
        if name in self.meaning.defined:
            if name in self.asked:  # defined by itself, which is said where the equations are put in order
                return "value"
            return replace(self, asked=self.asked | {name}).write(self.meaning.defined[name]).kind
        return "matrix" if symbol.base[0].isupper() and symbol.base.split("_")[0] != "L" else "unknown"

    def _raised(self, tree: Raised) -> Written:
        base = self.write(tree.base)
        inner = base.inside("sum", "product", "matmul")
        if tree.exponent is None:
            turned: Kind = base.kind if base.kind in ("number", "scalar", "matrix") else "row"
            return Written(f"{inner}.T", "value" if base.kind == "row" else turned)
        if base.kind == "matrix" and tree.exponent.startswith("-"):
            raise self.row.error("the inverse of a matrix cannot be written in this language")
        exponent = f"({tree.exponent})" if tree.exponent.startswith("-") else tree.exponent
        return Written(f"{inner}**{exponent}", base.kind, "product")

    def _sum(self, tree: Sum) -> Written:
        if tree.letter in self.meaning.axes:
            return Written(f"sum[{tree.letter}]({self.write(tree.body).text})", "value")
        body = replace(self, without=tree.letter).write(tree.body)
        plain = self.write(tree.body)
        if body.text == plain.text:
            raise self.row.error(f"the sum runs over {tree.letter}, but nothing under it has that mark", tree.token)
        return Written(f"reduce_to({body.text}, 1, 1)", "scalar")

    def _total(self, tree: Total) -> Written:
        terms = [(sign, self.write(term)) for sign, term in tree.terms]
        text = ""
        for place, (sign, term) in enumerate(terms):
            inner = term.inside("sum") if sign == "-" else term.text
            lead = "-" if sign == "-" else ""
            text += f" {sign} {inner}" if place else f"{lead}{inner}"
        return Written(text, _widest([term for _, term in terms]), "sum")

    # --- products -------------------------------------------------------------------------------------------------

    def _product(self, tree: Product) -> Written:
        factors = self._applied(tree)
        scales: list[str] = []
        while len(factors) > 1 and factors[0][1].kind in ("number", "scalar") and factors[1][0] != "/":
            scales.append(factors[0][1].inside("sum"))
            factors = [("", *factors[1][1:]), *factors[2:]]
        _, held, first = factors[0]
        for sign, factor, token in factors[1:]:
            held = self._times(held, sign, factor, (first, token))
        if not scales:
            return held
        return Written(" * ".join([*scales, held.inside("sum", "matmul")]), held.kind, "product")

    def _applied(self, tree: Product) -> list[tuple[str, Written, Token]]:
        """The factors, letters that stand for functions already applied to their bracket."""
        found: list[tuple[str, Written, Token]] = []
        place = 0
        while place < len(tree.factors):
            sign, factor, token = tree.factors[place]
            if isinstance(factor, Symbol) and self.meaning.is_applied(tree, place):
                place += 1
                factor = Call(self.meaning.function(factor), (tree.factors[place][1],), token)
            found.append((sign, self.write(factor), token))
            place += 1
        return found

    def _times(self, left: Written, sign: str, right: Written, tokens: tuple[Token, Token]) -> Written:
        if sign == "/":
            text = f"{left.inside('sum', 'matmul')} / {right.inside('sum', 'product', 'matmul')}"
            return Written(text, left.kind if left.kind != "number" else right.kind, "product")
        numbers = "number" in (left.kind, right.kind) or "scalar" in (left.kind, right.kind)
        if sign == "*" or numbers or (sign == "ast" and "matrix" not in (left.kind, right.kind)):
            return self._elementwise(left, right, tokens[1])
        if sign == "ast":
            raise self._ambiguous(
                tokens, "a matrix product (write \\cdot), entry by entry (write \\odot), or a convolution"
            )
        if "unknown" in (left.kind, right.kind) and "row" not in (left.kind, right.kind):
            name = left.text if left.kind == "unknown" else right.text
            advice = f"Write \\odot for the latter, a capital for a matrix, or a line '{name} : scalar'"
            raise self._ambiguous(tokens, f"a matrix product, or entry by entry? {advice}")
        if left.kind == "value" and right.kind == "matrix":
            return Written(
                f"{right.inside('sum', 'product')} @ {left.inside('sum', 'product', 'matmul')}", "value", "matmul"
            )
        if "matrix" in (left.kind, right.kind) or "row" in (left.kind, right.kind):
            if left.level == "product" or right.level == "product":
                raise self._ambiguous(tokens, "put brackets around the product entry by entry")
            text = f"{left.inside('sum')} @ {right.inside('sum', 'matmul')}"
            kind: Kind = "row" if left.kind == "row" and right.kind == "matrix" else right.kind
            if left.kind == "row" and right.kind != "matrix":
                kind = "scalar"
            return Written(text, "matrix" if right.kind == "row" else kind, "matmul")
        if sign == "" and left.text[0].isupper() and left.level == "atom" and not left.text.startswith(_GREEK):
            raise self._ambiguous(tokens, "of a matrix, or entry by entry? Write \\odot for the latter; for the former "
                                  f"declare '{left.text} : K, V'")  # fmt: skip
        return self._elementwise(left, right, tokens[1])

    def _elementwise(self, left: Written, right: Written, token: Token) -> Written:
        if "matmul" in (left.level, right.level) and "number" not in (left.kind, right.kind):
            raise self.row.error("a matrix product beside one entry by entry: put brackets around one of them", token)
        text = f"{left.inside('sum', 'matmul')} * {right.inside('sum', 'matmul')}"
        return Written(text, _widest([left, right]), "product")

    def _ambiguous(self, tokens: tuple[Token, Token], reason: str) -> EquationError:
        first, second = (token.span for token in tokens)
        line = self.row.lines[first.line - 1]
        shown = line[first.start : second.stop].strip() if first.line == second.line else first
        return self.row.error(f"{shown}: {reason}", tokens[1])


_GREEK = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega")


def _widest(parts: list[Written]) -> Kind:
    return max((part.kind for part in parts), key=ORDER.index, default="number")
