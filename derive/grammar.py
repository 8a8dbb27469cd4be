"""Right sides: Python expressions read with `ast`, of which only a few node types mean anything.

Nothing is evaluated: names become reads, operators and calls become primitives, everything else is an error with a
caret.  Where brackets hold what is no value (``sum[t](e)``, ``rows(e, 0:H)``), the colon inside a call is read as a
slice.

Read next: `derive.language`.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from typing import NoReturn

import sympy

from derive.dimensions import dimension_of, length
from derive.expr import (
    Fixed,
    Index,
    Node,
    Ref,
    Step,
    apply,
    axis_symbol,
    concat,
    fixed,
    is_op,
    matmul,
    neg,
    plus,
    power,
    ref,
    step,
    times,
    transpose,
)
from derive.primitives import TABLE
from derive.statements import Statement
from derive.syntax import Syntax, mixes_products
from derive.words import ALIASES, FUNCTIONS, is_reserved


def _opened(function: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    """``sum[t]`` as its name and what stands in the brackets."""
    return (function.value, function.slice) if isinstance(function, ast.Subscript) else (function, None)


class Reader:
    """Reads the two sides of one statement.

    Args:
        statement: the logical line, its sides padded so that columns are those of the text.
        axes: names of the time axes.
        sequences: axis of every sequence.
        dimensions: names of the known dimensions.
    """

    def __init__(
        self, statement: Statement, axes: tuple[str, ...], sequences: Mapping[str, str], dimensions: set[str]
    ) -> None:
        self.statement, self.axes, self.sequences, self.dimensions = statement, axes, sequences, dimensions
        self.axis: str | None = None

    def left_side(self) -> Ref:
        """What is defined."""
        tree = self._open(self.statement.left)
        if isinstance(tree, ast.Name):
            if axis := self.sequences.get(tree.id):
                self._fail(tree, f"{tree.id} is a sequence along {axis}: define {tree.id}[{axis}]")
            return ref(tree.id)
        if not isinstance(tree, ast.Subscript) or not isinstance(tree.value, ast.Name):
            self._fail(tree, "a left side is a name, or a name at a step, such as h[t] or h[0]")
        name = tree.value.id
        index = self._index(tree, tree.slice, name, self.sequences.get(name))
        if (isinstance(index, Step) and index.shift) or (isinstance(index, Fixed) and not index.is_boundary):
            self._fail(tree, f"define {name} at [{index.axis}] or outside 1…{index.axis.upper()}")
        if isinstance(index, Step):
            self.axis = index.axis
        return ref(name, index)

    def right_side(self) -> sympy.Expr:
        """The expression."""
        if not self.statement.right.strip():
            raise self.statement.error("nothing stands right of '='")
        return self._expr(self._open(self.statement.right))

    def _open(self, text: str) -> ast.expr:
        self.syntax = Syntax(self.statement, text)
        return self.syntax.tree

    def _fail(self, tree: ast.expr, reason: str) -> NoReturn:
        raise self.syntax.error(tree, reason)

    def _expr(self, tree: ast.expr) -> sympy.Expr:
        node = self._bare(tree)
        if isinstance(node, Node) and node.span is None:
            node.at(self.syntax.span(tree))
        return node

    def _bare(self, tree: ast.expr) -> sympy.Expr:
        match tree:
            case ast.Name():
                return self._name(tree)
            case ast.Constant():
                return self._number(tree)
            case ast.Subscript():
                return self._read(tree)
            case ast.List():
                if not tree.elts:
                    self._fail(tree, "an empty concatenation")
                return concat(*(self._expr(part) for part in tree.elts))
            case ast.UnaryOp(op=ast.USub()):
                return neg(self._expr(tree.operand))
            case ast.UnaryOp(op=ast.UAdd()):
                return self._expr(tree.operand)
            case ast.BinOp():
                return self._operator(tree)
            case ast.Call():
                return self._call(tree)
            case ast.Attribute(attr="T"):
                return transpose(self._expr(tree.value))
            case ast.Attribute():
                self._fail(tree, f".{tree.attr} means nothing here; only .T does")
            case _:
                self._fail(tree, f"{type(tree).__name__} has no meaning in an equation")

    def _name(self, tree: ast.Name) -> sympy.Expr:
        name = tree.id
        if name in FUNCTIONS or name in ALIASES:
            self._fail(tree, f"{name} is a function; write {name}(…)")
        if is_reserved(name):
            self._fail(tree, f"{name} is reserved")
        if name in self.sequences:
            axis = self.sequences[name]
            self._fail(tree, f"{name} is a sequence along {axis}: read one step, as in {name}[{axis}]")
        if name in self.axes:
            self._fail(tree, f"{name} is a time axis and has no value")
        return ref(name)

    def _number(self, tree: ast.Constant) -> sympy.Expr:
        if not isinstance(tree.value, int | float) or isinstance(tree.value, bool):
            self._fail(tree, f"{tree.value!r} is no number")
        if abs(tree.value) >= 1e100 or 0 < abs(tree.value) < 1e-100:
            self._fail(tree, "a number beyond 1e100 or below 1e-100")
        return sympy.Rational(str(tree.value))

    def _read(self, tree: ast.Subscript) -> sympy.Expr:
        if not isinstance(tree.value, ast.Name):
            self._fail(tree, "only a name can be read at a step")
        name = tree.value.id
        if isinstance(tree.slice, ast.Slice):
            if tree.slice.lower or tree.slice.upper or tree.slice.step:
                self._fail(tree, f"write {name}[:] for all steps")
            axis = self.sequences.get(name)
            if axis is None:
                self._fail(tree, f"{name} has no time axis: declare one, as in '{name}[t] : D'")
            return apply("stack", ref(name, step(axis)), static=(axis_symbol(axis),))
        if name in FUNCTIONS or name in ALIASES:
            self._fail(tree, f"{name}[…] is followed by its argument, as in {name}[t](x[t])")
        return ref(name, self._index(tree, tree.slice, name, self.sequences.get(name)))

    def _index(self, tree: ast.expr, inner: ast.expr, name: str, axis: str | None) -> Index:
        """The index `inner` of a quantity `name` that runs along `axis` (None: not known yet)."""
        shift = 0
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add | ast.Sub):
            shift = self._whole(inner.right) * (1 if isinstance(inner.op, ast.Add) else -1)
            inner = inner.left
        ends = {str(length(axis_symbol(known))): known for known in self.axes}
        if not isinstance(inner, ast.Name):
            offset = self._whole(inner) + shift
            if axis is None:
                self._fail(tree, f"{name} has no time axis: read it at a step somewhere, or declare '{name}[t] : …'")
            return fixed(axis, offset)
        if inner.id in self.axes:
            if axis not in (None, inner.id):
                self._fail(tree, f"{name} is a sequence along {axis} and cannot be read at [{inner.id}]")
            return step(inner.id, shift)
        if inner.id not in ends:
            self._fail(inner, f"{inner.id} is no time axis: no left side is indexed by it")
        if axis not in (None, ends[inner.id]):
            self._fail(tree, f"{inner.id} is the end of axis {ends[inner.id]}, but {name} runs along {axis}")
        return fixed(ends[inner.id], shift, from_end=True)

    def _whole(self, tree: ast.expr) -> int:
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return -self._whole(tree.operand)
        if isinstance(tree, ast.Constant) and type(tree.value) is int and tree.value <= 1000:
            return tree.value
        self._fail(tree, "a time index is t, t-1, t+2, 0, T or :, with whole numbers up to 1000")

    def _operator(self, tree: ast.BinOp) -> sympy.Expr:
        op = tree.op
        if isinstance(op, ast.BitXor):
            self._fail(tree, "^ is no power here; write **")
        if not isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.MatMult | ast.Pow):
            self._fail(tree, f"{type(op).__name__} has no meaning in an equation")
        if mixes_products(tree):  # U @ r[t] * h[t-1] would be another network than its author thinks
            self._fail(tree, "@ mixed with * or / needs parentheses: write W @ (r * h) or (W @ r) * h")
        left, right = self._expr(tree.left), self._expr(tree.right)
        if isinstance(op, ast.Pow):
            return self._power(tree, left, right)
        if isinstance(op, ast.Div) and right == 0:
            self._fail(tree.right, "division by zero")
        if left.is_number and right.is_number and not isinstance(op, ast.MatMult):
            folded = {ast.Add: left + right, ast.Sub: left - right, ast.Mult: left * right}
            return self._bounded(tree, left / right if isinstance(op, ast.Div) else folded[type(op)])
        match op:
            case ast.Add():
                return plus(left, right)
            case ast.Sub():
                return plus(left, neg(right))
            case ast.Mult():
                return times(left, right)
            case ast.Div():
                return times(left, power(right, -1))
            case _:
                if left.is_number or right.is_number:
                    self._fail(tree, "@ multiplies matrices; write * with a number")
                return matmul(left, right)

    def _power(self, tree: ast.BinOp, base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
        if not exponent.is_number or abs(exponent) > 100:
            self._fail(tree.right, "the exponent of ** is a number between -100 and 100")
        if base.is_number and (not exponent.is_Integer or (base == 0 and exponent < 0)):
            self._fail(tree, "this power of a number is no finite fraction")
        if base.is_number and abs(exponent) * len(f"{base.p}{base.q}") > 200:
            return self._bounded(tree, sympy.Integer(10) ** 100)
        raised = power(base, exponent)
        if is_op(raised, "power") and abs(raised.static[0]) > 100:
            self._fail(tree.right, "the exponent of ** is a number between -100 and 100")
        return self._bounded(tree, raised)

    def _bounded(self, tree: ast.expr, value: sympy.Expr) -> sympy.Expr:
        if value.is_number and (abs(value.p) >= 10**100 or value.q >= 10**100):
            self._fail(tree, "a number beyond 1e100 or below 1e-100")
        return value

    def _call(self, tree: ast.Call) -> sympy.Expr:
        if tree.keywords or any(isinstance(argument, ast.Starred) for argument in tree.args):
            self._fail(tree, "a function takes plain arguments")
        function, bracket = _opened(tree.func)
        if not isinstance(function, ast.Name):
            self._fail(tree, "only a named function can be called")
        name = ALIASES.get(function.id, function.id)
        if name not in FUNCTIONS:
            close = difflib.get_close_matches(name, sorted(FUNCTIONS | set(ALIASES)), 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            self._fail(function, f"unknown function {function.id}{hint}")
        record = TABLE[name]
        static: list[sympy.Basic] = []
        kinds = () if record.static == ("axis",) else record.static
        axis = self._bound_axis(tree, name, bracket, record.static)
        if record.static == ("axis",):
            static.append(axis_symbol(axis))
        count = record.arity or 1
        optional = name in ("reduce_to", "broadcast_to")
        if not (count + (0 if optional else len(kinds)) <= len(tree.args) <= count + len(kinds)):
            wanted = count + len(kinds)
            self._fail(tree, f"{name} takes {wanted} argument{'s' * (wanted != 1)}, not {len(tree.args)}")
        static += [self._static(kind, argument, axis) for kind, argument in zip(kinds, tree.args[count:], strict=False)]
        if optional:
            static = [*static, sympy.Integer(1), sympy.Integer(1)][:2]
        return apply(name, *(self._expr(argument) for argument in tree.args[:count]), static=tuple(static))

    def _bound_axis(self, tree: ast.expr, name: str, bracket: ast.expr | None, kinds: tuple[str, ...]) -> str:
        """The axis in ``sum[t](…)``; for ``place(v, T)`` it may be left out along time."""
        if kinds not in (("axis",), ("position",)):
            if bracket is not None:
                self._fail(tree, f"{name} takes no brackets")
            return ""
        if isinstance(bracket, ast.Name) and bracket.id in self.axes:
            return bracket.id
        if bracket is None and kinds == ("position",) and self.axis is not None:
            return self.axis
        self._fail(tree, f"{name} needs a time axis in brackets, as in {name}[t](…)")

    def _static(self, kind: str, tree: ast.expr, axis: str) -> sympy.Basic:
        if kind == "slice":
            if not (isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr)):
                self._fail(tree, "a range of rows reads first:stop, as in 0:H")
            return sympy.Tuple(self._known_dimension(tree.left), self._known_dimension(tree.right))
        if kind == "position":
            index = self._index(tree, tree, "place", axis)
            if isinstance(index, Fixed):
                return index
            self._fail(tree, "a place is a fixed step, such as 1 or T")
        return self._known_dimension(tree)

    def _known_dimension(self, tree: ast.expr) -> sympy.Expr:
        try:
            dim = dimension_of(tree, self.syntax.text(tree))
        except ValueError as error:
            self._fail(tree, str(error))
        for symbol in dim.free_symbols:
            if str(symbol) not in self.dimensions:
                self._fail(tree, f"{symbol} is no declared dimension")
        return sympy.expand(dim)
