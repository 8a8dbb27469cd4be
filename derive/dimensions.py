"""Dimensions: the sizes in shapes, as SymPy symbols, and how they are read from text.

Read next: `derive.primitives`.
"""

from __future__ import annotations

import ast

import sympy


def length(axis: sympy.Symbol) -> sympy.Symbol:
    """The dimension that is the number of steps of an axis: T for t, U for u."""
    return dimension(str(axis).upper())


def dimension(name: str) -> sympy.Symbol:
    """The SymPy symbol of a dimension."""
    return sympy.Symbol(name, integer=True, positive=True)


def read_dimensions(text: str) -> sympy.Expr:
    """A dimension: a name, a positive number, or sums and products of them, such as ``D + H`` or ``4*H``.

    Raises:
        ValueError: for anything else.
    """
    if len(text) > 100:
        raise ValueError("a dimension is at most 100 characters long")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"{text!r} is no dimension: write H, 3, D + H or 4*H") from None
    return dimension_of(tree, text)


def dimension_of(tree: ast.expr, text: str) -> sympy.Expr:
    """A dimension from a syntax tree; `text` is what was written, for the error."""
    if isinstance(tree, ast.Name) and "__" not in tree.id:
        return dimension(tree.id)
    if isinstance(tree, ast.Constant) and type(tree.value) is int and 0 <= tree.value < 10**9:
        return sympy.Integer(tree.value)
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Mult | ast.Sub):
        left, right = dimension_of(tree.left, text), dimension_of(tree.right, text)
        if isinstance(tree.op, ast.Add):
            return left + right
        return left - right if isinstance(tree.op, ast.Sub) else left * right
    raise ValueError(f"{text!r} is no dimension: write H, 3, D + H or 4*H")
