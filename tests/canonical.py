"""A canonical form: what is left of a system when names, sizes, order and notation are taken away.

Right sides are read as commutative algebra: intermediates are written out, a product with a concatenation is a sum of
products with blocks, sums and products are expanded and sorted.  Names get colours: first their role, then, round by
round, what all equations look like from where they stand.  Systems that differ only in what is taken away have one
form; so an equality here is no proof, and two systems that ought to differ and do not are looked at.
"""

from __future__ import annotations

import sympy

from derive.expr import Op, Ref, Step, is_op
from derive.structural import bounds
from derive.system import System

ROUNDS = 3


def canonical(system: System) -> tuple[int, ...]:
    """The form, comparable within one process."""
    equations = {e.name: e for e in system.equations if not e.is_boundary}
    kept = [name for name in equations if name in (*system.states, *system.outputs)]
    lines = [(name, algebra(system, equations[name].expr, kept)) for name in kept]
    lines += [(e.name, algebra(system, e.expr, kept)) for e in system.equations if e.is_boundary]
    names = sorted({n for name, expr in lines for n in (name, *(s.name.partition("@")[0] for s in expr.free_symbols))})
    colours = {name: hash(_role(system, name)) for name in names}
    for _ in range(ROUNDS):
        colours = {
            name: hash((old, tuple(sorted(_seen(line, colours, name) for line in lines))))
            for name, old in colours.items()
        }
    return tuple(sorted(colours.values()))


def algebra(system: System, expr: sympy.Expr, kept: list[str]) -> sympy.Expr:
    """A right side as a SymPy expression of symbols ``name@shift``, with every name that is not kept written out."""
    definitions = {e.name: e.expr for e in system.equations if not e.is_boundary}

    def read(node: Ref) -> sympy.Expr:
        now = node.index is None or (isinstance(node.index, Step) and node.index.shift == 0)
        if now and node.name in definitions and node.name not in kept:
            return entry(definitions[node.name])
        at = "" if node.index is None else node.index.shift if isinstance(node.index, Step) else node.index
        return sympy.Symbol(f"{node.name}@{at}")

    def blocks(weight: sympy.Expr, column: Op) -> sympy.Expr:
        """``W @ [a, b]`` as W:0 a + W:n b; the name of a block is that of the first row it meets."""
        lows = (low for low, _ in bounds(column, system.shape_of))
        named = isinstance(weight, Ref)
        factors = [sympy.Symbol(f"{weight.name}:{low}@") if named else _call("block", entry(weight)) for low in lows]
        return sympy.Add(*(_call("matmul0", w, entry(p)) for w, p in zip(factors, column.operands, strict=True)))

    def entry(node: sympy.Expr) -> sympy.Expr:
        if isinstance(node, Ref):
            return read(node)
        if not isinstance(node, Op):
            return node
        if is_op(node, "matmul") and len(node.operands) == 2 and is_op(node.operands[1], "concat"):
            return blocks(*node.operands)
        operands = [entry(operand) for operand in node.operands]
        if node.primitive in ("plus", "times"):
            build = sympy.Add if node.primitive == "plus" else sympy.Mul
            return sympy.expand(build(*operands), deep=False)
        if node.primitive == "power":
            return sympy.expand(operands[0] ** node.static[0], deep=False)
        return _call(f"{node.primitive}{len(node.static)}", *operands)

    return entry(expr)


def _call(name: str, *operands: sympy.Expr) -> sympy.Expr:
    return sympy.Function(f"op_{name}")(*operands)


def _role(system: System, name: str) -> tuple[str, int]:
    var = system.variables[name.partition(":")[0]]
    return var.role, len(var.shape)


def _seen(line: tuple[str, sympy.Expr], colours: dict[str, int], name: str) -> int:
    """An equation from where one name stands."""
    colours = {**colours, name: hash((colours[name], "here"))}
    return hash((colours[line[0]], _tree(line[1], colours)))


def _tree(expr: sympy.Expr, colours: dict[str, int]) -> int:
    if expr.is_Symbol:
        name, _, at = expr.name.partition("@")
        return hash((colours[name], at))
    if not expr.args:
        return hash(str(expr))
    parts = [_tree(part, colours) for part in expr.args]
    return hash((str(expr.func), tuple(sorted(parts) if expr.is_Add or expr.is_Mul else parts)))
