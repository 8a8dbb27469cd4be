"""One side of a statement as a Python syntax tree, with the way back from the tree to the columns of the text.

Two spellings are not Python: a colon inside a call (``rows(e, 0:H)``) is read as the operator ``|``, and ``⊤`` as
``.T``.

Read next: `derive.grammar`.
"""

from __future__ import annotations

import ast
import warnings

from derive.errors import EquationError, Span
from derive.statements import Statement

MAX_DEPTH = 100


def depth(tree: ast.AST) -> int:
    """How many nodes of a syntax tree stand inside each other; measured without recursion."""
    level, layer = 0, [tree]
    while layer:
        level, layer = level + 1, [child for node in layer for child in ast.iter_child_nodes(node)]
    return level


def mixes_products(tree: ast.BinOp) -> bool:
    """Whether a matrix product and an elementwise one stand side by side without parentheses."""

    def kind(node: ast.expr) -> type[ast.operator] | None:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.MatMult | ast.Mult | ast.Div):
            return None
        return ast.MatMult if isinstance(node.op, ast.MatMult) else ast.Mult

    starts = tree.left.col_offset == tree.col_offset  # no parenthesis before it
    ends = tree.right.end_col_offset == tree.end_col_offset
    beside = [child for child, bare in ((tree.left, starts), (tree.right, ends)) if bare]
    return kind(tree) is not None and any(kind(child) not in (None, kind(tree)) for child in beside)


class Syntax:
    """A parsed side.

    Args:
        statement: the logical line it stands in.
        source: the side, padded so that columns are those of the line.

    Raises:
        EquationError: if it is no expression.
    """

    def __init__(self, statement: Statement, source: str) -> None:
        self.statement = statement
        code, columns, open_brackets = "", [], ""
        for column, character in enumerate(source):
            open_brackets += character if character in "([" else ""
            open_brackets = open_brackets[:-1] if character in ")]" else open_brackets
            slices = character == ":" and open_brackets.endswith("(")
            for piece in "|" if slices else ".T" if character == "⊤" else character:
                code += piece
                columns.append(column)
        blank = len(code) - len(code.lstrip())
        self.code, self.columns = code[blank:], [*columns[blank:], *[len(source)] * 3]
        self.tree = self._parse()

    def _parse(self) -> ast.expr:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's advice on its own syntax, as for 1is
                tree = ast.parse(self.code.rstrip(), mode="eval").body
        except SyntaxError as error:
            start = self.columns[min(max(0, (error.offset or 1) - 1), len(self.columns) - 1)]
            raise self.statement.error(f"not an expression: {error.msg}", start, start + 1) from None
        except (ValueError, RecursionError, MemoryError):
            raise self.statement.error("not an expression: too large or too deep") from None
        if depth(tree) > MAX_DEPTH:
            raise self.statement.error(f"more than {MAX_DEPTH} operations inside each other: name a part of them")
        return tree

    def _columns(self, tree: ast.expr) -> tuple[int, int]:
        data = self.code.encode()
        start = len(data[: tree.col_offset].decode())
        stop = len(data[: tree.end_col_offset or 0].decode())
        return self.columns[start], max(self.columns[start], self.columns[stop - 1]) + 1

    def span(self, tree: ast.expr) -> Span:
        """Where a node was written."""
        return self.statement.span(*self._columns(tree))

    def text(self, tree: ast.expr) -> str:
        """What was written for a node."""
        return ast.get_source_segment(self.code, tree) or ""

    def error(self, tree: ast.expr, reason: str) -> EquationError:
        """An error that points at a node."""
        return self.statement.error(reason, *self._columns(tree))
