r"""Pieces of LaTeX: signs, indices, sizes, parentheses, ⊤.

Read next: `derive.typeset`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import sympy

from derive.expr import Fixed, Index, Step
from derive.primitives import Primitive
from derive.spelling import compose, spell

TALL = re.compile(r"\\(?:frac|sum|prod|left|begin)\b")


def signed(text: str, negative: bool, first: bool) -> str:
    """A term with its sign, as a row of a report wants it."""
    if negative:
        return f"-{text}" if first else f"- {text}"
    return text if first else f"+ {text}"


def index_latex(index: Index | None) -> str:
    """``t-1``, ``0``, ``T+1``; nothing without time."""
    if isinstance(index, Step):
        return index.axis + (f"{index.shift:+d}" if index.shift else "")
    if isinstance(index, Fixed):
        if index.from_end:
            return index.axis.upper() + (f"{index.offset:+d}" if index.offset else "")
        return str(index.offset)
    return ""


def dim_latex(dim: sympy.Expr) -> str:
    """A dimension: ``H``, ``D + H``, ``H_{p}``, ``2H``."""
    words = []
    for part in sympy.Add.make_args(sympy.expand(dim)):
        factor, symbols = part.as_coeff_Mul()
        spelled = "".join(compose(spell(str(s)), "") for s in sympy.Mul.make_args(symbols) if s != 1)
        words.append((f"{factor}" if factor != 1 or not spelled else "") + spelled)
    return " + ".join(sorted(words, key=lambda word: (word.lstrip("0123456789") == "", word)))


def shape_latex(shape: Sequence[sympy.Expr]) -> str:
    r"""``\mathbb{R}^{H \times D}``; ``\mathbb{R}`` for a scalar."""
    if not shape:
        return r"\mathbb{R}"
    dims = [dim_latex(dim) for dim in shape]
    if len(dims) > 1:
        dims = [f"({dim})" if "+" in dim else dim for dim in dims]
    product = r" \times ".join(dims)
    return rf"\mathbb{{R}}^{{{product}}}"


def function_name(record: Primitive) -> str:
    r"""A function without its argument: ``\tanh``, ``\sigma``."""
    name = record.latex.split(r"\left")[0].replace("{{", "{").replace("}}", "}")
    return name if name and "{0}" not in name else rf"\operatorname{{{record.name}}}"


def transposed(text: str) -> str:
    r"""A formula with a ⊤, inside a superscript that it already has: ``z^{f\top}_{t}``."""
    marked = re.fullmatch(r"([^^()\[\]]*)\^\{([^{}]*)\}(_\{[^{}]*\})?", text)
    if marked is not None:
        return rf"{marked[1]}^{{{marked[2]}\top}}{marked[3] or ''}"
    whole = text[0] + text[-1] in ("()", "[]")  # else the superscript is at the end, and there is room for one alone
    return (f"{{{text}}}" if "^" in text and not whole else text) + r"^{\top}"


def fenced(text: str) -> str:
    """In parentheses that are as large as they need to be."""
    return rf"\left({text}\right)" if TALL.search(text) else f"({text})"
