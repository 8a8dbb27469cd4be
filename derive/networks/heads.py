"""Read-outs, embeddings and losses: what stands above and below a recurrent network.

A head turns h[t]: H into a prediction, at every step (many-to-many) or once, when all steps are seen (many-to-one).
``y`` is linear; ``p`` is y as probabilities.  A loss is a quantity L of the system, so that
``loss(net, "cross-entropy").adjoint(outputs=("L",))`` derives the gradient of everything; that it starts with p − y
follows from the derivation and is nowhere assumed.

Read next: `derive.networks.masks`.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from derive.errors import EquationError
from derive.expr import Ref, apply, axis_symbol, concat, is_op, matmul, neg, plus, power, ref, times, transpose
from derive.networks.connect import last, now, only_input, only_output, wired
from derive.networks.layers import defined
from derive.networks.rename import Names, assembled, dimension_text
from derive.shapes import ONE, pair, unpair
from derive.system import Equation, System, Var

HEADS = {"linear": "", "sigmoid": "sigmoid", "softmax": "softmax"}
LOSSES = ("cross-entropy", "cross-entropy-onehot", "binary", "squared")


def head(system: System, kind: str = "linear", *, of: str | None = None, at: str = "every", width: str = "O") -> System:
    """A read-out with its own parameters: ``y[t] = W_y @ h[t] + b_y``, and ``p[t] = softmax(y[t])``.

    Args:
        system: computes h[t]: H.
        kind: "linear", "sigmoid" or "softmax".
        of: what is read; default the only output.
        at: "every" step, or the "last": then it reads h[T], of a bidirectional network [h_fwd[T], h_bwd[1]].
        width: size of y: a new dimension, a number, or one that the system has.

    Raises:
        EquationError: for an unknown kind, or a width that is no dimension or too small.
    """
    if kind not in HEADS:
        raise EquationError(f"head {kind!r} is unknown; there are {', '.join(HEADS)}")
    if at not in ("every", "last"):
        raise EquationError(f"a head reads 'every' step or the 'last', not {at!r}")
    name = only_output(system, of)
    axis = system.variables[name].axis
    size = dimension_text(width)
    if size.is_Integer and size < (2 if kind == "softmax" else 1):
        raise EquationError(f"a {kind} head of width {size}: a softmax is over 2 classes or more, any head over 1")
    source = last(system, name) if at == "last" and axis is not None else now(system.variables[name])
    rows, columns = system.shape_of(source)
    if columns != 1:
        raise EquationError(f"a head reads a column, but {name} is {rows} × {columns}")
    supply = Names(system.variables)
    out = supply.fresh("y")
    weight = Var(supply.fresh(f"W_{out}"), (size, rows), None, "parameter")
    shape = unpair((size, ONE))
    bias = Var(supply.fresh(f"b_{out}"), shape, None, "parameter")
    y = Var(out, shape, axis if at == "every" else None)
    read = Equation(now(y), plus(matmul(ref(weight.name), source), ref(bias.name)))
    variables = {**system.variables, **{var.name: var for var in (weight, bias, y)}}
    net = assembled((*system.equations, read), variables, system)
    if not HEADS[kind]:
        return net
    return defined(net, supply.fresh("p"), apply(HEADS[kind], now(y)), y.axis)


def maxout(system: System, *, of: str | Sequence[str] | None = None, width: str = "M") -> System:
    """A layer of pairs of which the larger counts: ``pair[t] = W_pair @ h[t] + b_pair``.

    Then ``maxout[t] = max(rows(pair[t], 0:M), rows(pair[t], M:2*M))``.

    Goodfellow et al. 2013, arXiv 1302.4389; read out so by Cho et al. 2014 and Bahdanau et al. 2015, who pair rows 2i−1
    and 2i.  Here row i is paired with row M + i: the same layers, with the rows of W_pair in another order.

    Args:
        system: computes h[t]: H.
        of: what is read, several quantities along one axis one below the other; default the only output.
        width: M, a new dimension or a number; W_pair has 2M rows.

    Raises:
        EquationError: if something is nothing that the system has, or along another axis.
    """
    names = [of] if isinstance(of, str) else list(of or [only_output(system)])
    for name in names:
        if name not in system.variables:
            raise EquationError(f"{name} is no quantity of {system.name}; there are {', '.join(system.variables)}")
        if system.variables[name].axis not in (None, system.variables[names[0]].axis):
            raise EquationError(f"{name} cannot be read with {names[0]}: it runs along another axis")
    source = concat(*(now(system.variables[name]) for name in names))
    size, supply = dimension_text(width), Names(system.variables)
    if size.is_Integer and size < 1:
        raise EquationError(f"a maxout layer of width {size}: at least 1")
    out = supply.fresh("pair")
    weight = Var(supply.fresh(f"W_{out}"), (2 * size, system.shape_of(source)[0]), None, "parameter")
    bias = Var(supply.fresh(f"b_{out}"), (2 * size,), None, "parameter")
    pair_ = Var(out, (2 * size,), system.variables[names[0]].axis)
    line = Equation(now(pair_), plus(matmul(ref(weight.name), source), ref(bias.name)))
    net = assembled(
        (*system.equations, line), {**system.variables, **{v.name: v for v in (weight, bias, pair_)}}, system
    )
    halves = [apply("rows", now(pair_), static=(sympy.Tuple(low, low + size),)) for low in (sympy.Integer(0), size)]
    return defined(net, supply.fresh("maxout"), apply("max", *halves), pair_.axis)


def embedded(
    system: System, input: str | None = None, *, index: str = "k", classes: str = "V", padding: int | None = None
) -> System:
    """Integers instead of vectors: ``x[t] := take(E, k[t])``, a column of the table E: D, V.

    The gradient of E adds up where an index occurs more than once.

    Args:
        system: reads x[t]: D.
        input: which input; default the only one.
        index: name of the sequence of integers in 0…V−1.
        classes: V.
        padding: an index that stands for no word: ``x[t] := take(real, k[t]) * take(E, k[t])``, where the row real is
            0 at that index and 1 elsewhere.  Its vector is zero, and its column of E gets no gradient, whatever is
            stored there.  PyTorch's ``padding_idx`` has the same gradient, and the same values as long as the column
            is zero, as it is at first.

    Raises:
        EquationError: if `padding` is no index of the table for certain.
    """
    name = only_input(system, input)
    var = system.variables[name]
    supply = Names(system.variables)
    count = dimension_text(classes)
    table = Var(supply.fresh("E"), (var.shape[0], count), None, "parameter")
    indices = Var(supply.fresh(index), (), var.axis, "input", count)
    vector = apply("take", ref(table.name), now(indices))
    if padding is not None:
        real = Var(supply.fresh("real"), (ONE, count))
        system = _first(system, real, _all_but(padding, count))
        vector = times(apply("take", ref(real.name), now(indices)), vector)
    return wired(system, {name: vector}, (table, indices))


def _all_but(index: int, count: sympy.Expr) -> sympy.Expr:
    """A row of ones with a zero at one index."""
    if index < 0 or (index > 0 and not (count.is_Integer and index < count)):
        known = f"0…{count - 1}" if count.is_Integer else "0, unless classes is a number"
        raise EquationError(f"padding {index} is no index of a table of {count} classes for certain; give {known}")
    place = sympy.Tuple(sympy.Integer(index), sympy.Integer(index + 1))
    return plus(ONE, neg(transpose(apply("embed", ONE, static=(place, count)))))


def _first(system: System, var: Var, expr: sympy.Expr) -> System:
    """The system with one more quantity, before all others."""
    equations = (Equation(now(var), expr), *system.equations)
    return assembled(equations, {var.name: var, **system.variables}, system)


def loss(system: System, kind: str = "cross-entropy", *, of: str | None = None, target: str | None = None) -> System:
    """A loss L, summed over all steps at which there is a prediction.

    Args:
        system: computes the prediction; for the first three kinds `of` is either y or p = softmax(y), sigmoid(y).
        kind: "cross-entropy" with integer targets k, logsumexp(y) − y_k; "cross-entropy-onehot" with targets whose
            entries sum to 1, logsumexp(y) − targetᵀ y; "binary", Σ softplus(y) − target y; "squared",
            ½ Σ (y − target)².  Each is the textbook's form without a logarithm of 0.
        of: the prediction; default the output that is defined last.
        target: name of the target; an input that the system already has (teacher forcing) is that target.

    Returns:
        The system with ``l[t]`` of every step and ``L = sum[t](l[t])``; for one prediction only L.

    Raises:
        EquationError: for an unknown kind, a target of another shape, or probabilities of another head.
    """
    if kind not in LOSSES:
        raise EquationError(f"loss {kind!r} is unknown; there are {', '.join(LOSSES)}")
    name = only_output(system, of or system.outputs[-1])
    system = _with_named_logits(system, name) if kind != "squared" else system
    predicted = _logits(system, name, kind)
    var = system.variables[predicted]
    supply = Names(system.variables)
    wish = target or ("k" if kind == "cross-entropy" else "target")
    rows = pair(var.shape)[0]
    if kind == "cross-entropy" and rows == 1:
        raise EquationError(f"cross-entropy over one class: {predicted} has one row")
    goal = (
        Var(wish, (), var.axis, "input", rows) if kind == "cross-entropy" else Var(wish, var.shape, var.axis, "input")
    )
    known = system.variables.get(wish) if target or kind != "cross-entropy" else None
    if known is None:
        goal = Var(supply.fresh(wish), goal.shape, goal.axis, "input", goal.classes)
    elif known != goal:
        raise EquationError(f"{wish} is no target for {predicted}: its shape or its role is another")
    step_loss = _loss(kind, now(var), now(goal))
    variables = {**system.variables, goal.name: goal}
    total = Var(supply.fresh("L"), ())
    variables[total.name] = total
    if var.axis is None:
        return assembled((*system.equations, Equation(ref(total.name), step_loss)), variables, system)
    part = Var(supply.fresh("l"), (), var.axis)
    variables[part.name] = part
    summed = apply("sum", now(part), static=(axis_symbol(var.axis),))
    return assembled(
        (*system.equations, Equation(now(part), step_loss), Equation(ref(total.name), summed)), variables, system
    )


def _loss(kind: str, y: Ref, target: Ref) -> sympy.Expr:
    if kind == "cross-entropy":
        return plus(apply("logsumexp", y), neg(apply("take", transpose(y), target)))
    if kind == "cross-entropy-onehot":
        return plus(apply("logsumexp", y), neg(matmul(transpose(target), y)))
    if kind == "binary":
        return total(plus(apply("softplus", y), neg(times(target, y))))
    return total(times(sympy.Rational(1, 2), power(plus(y, neg(target)), 2)))


def total(expr: sympy.Expr) -> sympy.Expr:
    """The sum of all entries."""
    return apply("reduce_to", expr, static=(ONE, ONE))


def _with_named_logits(system: System, name: str) -> System:
    """The system with ``p[t] = softmax(V @ h[t])`` in two equations, so that there are logits to take the loss of."""
    equation, var = system.equation(name), system.variables[name]
    expr = equation.expr
    if not (is_op(expr, "softmax") or is_op(expr, "sigmoid")) or isinstance(expr.operands[0], Ref):
        return system
    logits = Var(Names(system.variables).fresh(f"z_{name}"), var.shape, var.axis)
    pair_of = (Equation(now(logits), expr.operands[0]), Equation(equation.out, apply(expr.primitive, now(logits))))
    equations = [new for e in system.equations for new in (pair_of if e.out == equation.out else (e,))]
    return assembled(equations, {**system.variables, logits.name: logits}, system)


def _logits(system: System, name: str, kind: str) -> str:
    """What the probabilities `name` are made of; `name` itself if it is no probability."""
    expr = system.equation(name).expr
    for function, kinds in (("softmax", ("cross-entropy", "cross-entropy-onehot")), ("sigmoid", ("binary",))):
        if is_op(expr, function) and isinstance(expr.operands[0], Ref) and kind != "squared":
            if kind not in kinds:
                raise EquationError(f"{name} is a {function}: its loss is {kinds[0]!r}, not {kind!r}")
            return expr.operands[0].name
    return name
