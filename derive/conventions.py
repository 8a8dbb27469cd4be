"""How many parameters each framework counts for a system, from its structure.

Papers have one bias per gate or none.  Keras stores one (two for a GRU that resets after the product), PyTorch two
everywhere, ONNX two, with diagonal peepholes as an option; all can do without.  Facts: catalogue §2 and §7.1, run
with Keras 3.15.1 and PyTorch 2.15, ONNX read from its specification.

Read next: `derive.counts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace as change

import sympy

from derive.entrywise import Algebra, NoLayer, activation, affine, is_function
from derive.equation import Var
from derive.expr import Fixed, Op, Ref, Step, is_op, ref, refs
from derive.layers import Cell, Layer
from derive.operands import NameSupply
from derive.rewrite import rebuild
from derive.shapes import unpair
from derive.system import Equation, System

Rule = Callable[[Layer], sympy.Expr | None]
TORCH_RNN = ("tanh", "relu")
ONNX_RNN = ("tanh", "relu", "sigmoid", "softplus")


def paper_count(system: System) -> sympy.Expr:
    """The parameters as the equations have them."""
    return _collected([system.variables[name].shape for name in system.parameters])


def _collected(shapes: Iterable[tuple[sympy.Expr, ...]]) -> sympy.Expr:
    """The sum of their sizes, factored, or else by number of rows: ``H*(D + H + 1) + O*(H + 1)``."""
    rows: dict[sympy.Expr, sympy.Expr] = {}
    for shape in shapes:
        head = (*shape, sympy.Integer(1))[0]
        rows[head] = rows.get(head, 0) + sympy.Mul(*shape)
    whole = sympy.factor(sympy.Add(*rows.values()))
    return sympy.Add(*map(sympy.factor, rows.values())) if whole.is_Add else whole


def _weights(layer: Layer, biases: int) -> sympy.Expr:
    projection = 0 if layer.projection is None else layer.projection * layer.units
    return layer.gates * layer.units * (layer.inputs + layer.recurrent + (biases if layer.bias else 0)) + projection


def keras(layer: Layer) -> sympy.Expr | None:
    """Keras: one bias per gate, two in a GRU that resets after the product; gates share their activations."""
    if (
        layer.projection is not None
        or layer.peepholes
        or (layer.kind == "lstm" and layer.activations[1] != layer.activations[2])
    ):
        return None
    return _weights(layer, 2 if layer.kind == "gru-after" else 1)


def pytorch(layer: Layer) -> sympy.Expr | None:
    """PyTorch: two biases per gate; tanh or ReLU in an RNN, fixed activations elsewhere, reset after the product."""
    fixed = {"lstm": ("sigmoid", "tanh", "tanh"), "gru-after": ("sigmoid", "tanh")}
    known = layer.activations[0] in TORCH_RNN if layer.kind == "rnn" else fixed.get(layer.kind) == layer.activations
    return _weights(layer, 2) if known and not layer.peepholes else None


def onnx(layer: Layer) -> sympy.Expr | None:
    """ONNX: two biases per gate; peepholes are three more columns, o sees the new cell state."""
    if layer.projection is not None or (layer.kind == "rnn" and layer.activations[0] not in ONNX_RNN):
        return None
    return _weights(layer, 2) + (3 * layer.units if layer.peepholes else 0)


FRAMEWORKS: Mapping[str, Rule] = {"keras": keras, "pytorch": pytorch, "onnx": onnx}


def conventions(system: System) -> dict[str, sympy.Expr | None]:
    """Parameter counts by convention: "paper", "keras", "pytorch", "onnx".

    Stacked and bidirectional layers add up, and so do dense layers and embeddings.

    Args:
        system: any system, under any names.

    Returns:
        Polynomials in the sizes; None where the framework has no such layer.
    """
    counts: dict[str, sympy.Expr | None] = {"paper": paper_count(system)}
    try:
        layers, others = layers_of(system)
    except NoLayer:
        return {**counts, **dict.fromkeys(FRAMEWORKS)}
    for name, rule in FRAMEWORKS.items():
        parts = [rule(layer) for layer in layers]
        counts[name] = None if None in parts else _total([*parts, *others])
    return counts


def _total(parts: list[sympy.Expr]) -> sympy.Expr:
    whole = sympy.factor(sympy.Add(*parts))
    return sympy.Add(*map(sympy.factor, parts)) if whole.is_Add else whole


def layers_of(system: System) -> tuple[list[Layer], list[sympy.Expr]]:
    """The recurrent layers that a system consists of, and the parameters of its dense layers and embeddings.

    Raises:
        NoLayer: if it is more, or something else, than that.
    """
    system = embeddings_named(system)
    layers: list[Layer] = []
    used: list[str] = []
    inlined: set[str] = set()
    for component in system.components:
        if component.direction:
            cell = Cell(system, component)
            layers.append(cell.layer())
            used += cell.used
            inlined |= cell.algebra.inlined
    others: list[sympy.Expr] = []
    for component in system.components:
        for equation in component.equations:
            if component.direction or equation.name in inlined:
                continue
            if equation.is_boundary:
                if not equation.expr.is_number:
                    raise NoLayer("a learned initial state")
                continue
            count, weights = _map(system, equation.name)
            others += [count] if count else []
            used += weights
    if not layers and not others:
        raise NoLayer("no layer")
    if len(set(used)) != len(used) or {name.partition("[")[0] for name in used} != set(system.parameters):
        raise NoLayer("shared parameters")
    return layers, others


def _map(system: System, name: str) -> tuple[sympy.Expr, list[str]]:
    """A layer without memory: dense, an embedding, or anything without parameters."""
    expr = system.equation(name).expr
    if not any(system.variables[read.name].role == "parameter" for read in refs(expr)):
        return sympy.Integer(0), []
    table = _table(system, expr)
    if table:
        return sympy.Mul(*system.variables[table].shape), [table]
    if any(isinstance(read.index, Step) and read.index.shift for read in refs(expr)):
        raise NoLayer(f"{name} reads another step")
    value = Algebra(system, states=system.defined).definition(name)
    if is_function(value) and activation(value) not in ("max", "min"):
        value = value.args[0]
    dense = affine(value)
    sources = [v for _, v in dense.products]
    if dense.diagonals or not sources or len(set(sources)) != len(sources) or len(dense.biases) > 1:
        raise NoLayer(f"{name} is no dense layer")
    weights = {weight.partition("[")[0] for weight in dense.weights}
    return sympy.Add(*(sympy.Mul(*system.variables[weight].shape) for weight in sorted(weights))), list(dense.weights)


def _table(system: System, expr: sympy.Expr) -> str:
    """The parameter of which an expression picks one column, weighted or not; "" if it does not.

    A weight, as in ``take(real, k[t]) * take(E, k[t])``, is a number for each column that nothing learns.
    """
    if is_op(expr, "times") and isinstance(expr, Op):
        return _table(system, expr.operands[-1]) if all(_is_weight(system, o) for o in expr.operands[:-1]) else ""
    if not is_op(expr, "take") or not isinstance(expr, Op) or not isinstance(expr.operands[0], Ref):
        return ""
    name: str = expr.operands[0].name
    now = all(not isinstance(read.index, Fixed) and not (read.index and read.index.shift) for read in refs(expr))
    return name if now and system.variables[name].role == "parameter" else ""


def _is_weight(system: System, expr: sympy.Expr) -> bool:
    if not is_op(expr, "take") or not isinstance(expr, Op) or not isinstance(expr.operands[0], Ref):
        return False
    name = expr.operands[0].name
    return name in system.defined and not list(refs(system.equation(name).expr))


def embeddings_named(system: System) -> System:
    """The system with a name of its own for every embedding that stands inside a larger expression."""
    supply, found = NameSupply(set(system.variables)), dict[sympy.Expr, Equation]()
    variables = dict(system.variables)

    def named(expr: sympy.Expr) -> sympy.Expr:
        if not isinstance(expr, Op):
            return expr
        if not _table(system, expr):
            return rebuild(expr, [named(operand) for operand in expr.operands])
        if expr not in found:
            index = list(refs(expr))[-1].index
            var = Var(supply.fresh("e"), unpair(system.shape_of(expr)), None if index is None else index.axis)
            variables[var.name] = var
            found[expr] = Equation(ref(var.name, index), expr)
        return found[expr].out

    equations = [e if _table(system, e.expr) else change(e, expr=named(e.expr)) for e in system.equations]
    return System((*found.values(), *equations), variables) if found else system
