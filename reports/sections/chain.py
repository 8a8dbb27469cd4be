r"""Section 7: the chain through time.

The state Jacobian by blocks, the sum over all paths written out for three steps, the product over lags, and what
follows from it: when a gradient vanishes or explodes, and which path is spared.

Read next: `reports.sections.counts`.
"""

from __future__ import annotations

import sympy

from derive.bounds import Bound, map_bound, product_bound
from derive.expr import is_op, ref, step
from derive.latex import function_name
from derive.primitives import TABLE
from derive.simplify import operations_in
from derive.system import System
from derive.typeset import typeset
from reports.context import Context
from reports.document import Block, Heading, Prose, Row, Rows
from reports.grouping import grouped_terms
from reports.notation import LOSS, SystemNames
from reports.sections.paths import added, all_paths, direct, product_latex
from reports.sections.steps import StepJacobian, block_rows, step_jacobian, total
from reports.skeleton import of_expressions

BY = "norms of a sum and of a product"


def chain(context: Context) -> list[Block]:
    """All of section 7, for every recurrence of the system."""
    names = context.notation.names(context.primal)
    blocks: list[Block] = []
    seen: dict[str, str] = {}
    for component in context.primal.components:
        states = tuple(name for name in context.system.states if name in component.carried)
        if not states or component.axis is None:
            continue
        written = ", ".join(f"${names.written(name, component.axis)}$" for name in states)
        equations = [expr for equation in component.equations for expr in (equation.out, equation.expr)]
        form = of_expressions(context, equations, {equation.name for equation in component.equations})
        like = seen.setdefault(form, written)
        if like is not written:
            text = f"The recurrence of {written} is that of {like} with other names, or against the direction of time."
            blocks.append(Prose(f"{text} What was said there holds here."))
        elif any(context.primal.shape_of(ref(name))[1] != 1 for name in states):
            blocks += _maps(context, names, states, component.axis, component.direction)
        else:
            blocks += _recurrence(context, names, states, component.axis, component.direction)
    return [Heading(1, "The chain through time", "chain"), *blocks] if blocks else []


def _recurrence(
    context: Context, names: SystemNames, states: tuple[str, ...], axis: str, direction: int
) -> list[Block]:
    system, primal = context.system, context.primal
    found = step_jacobian(system, primal, states)
    listed = ", ".join(f"${names.written(name, axis)}$" for name in states)
    several = len(states) > 1
    blocks: list[Block] = [Heading(2, f"State Jacobian of {listed}")]
    complete = {(of, wrt) for of, wrt, _ in found.blocks} >= {(of, wrt) for of in states for wrt in states}
    blocks.append(
        Prose(
            "What a change of the state does one step later, everything that is computed within the step taken into "
            "account." + ("" if complete else " Blocks that are not listed are zero.")
        )
    )
    blocks.append(Rows(block_rows(found, names)))
    if context.detail == "full":
        blocks += all_paths(system, names, states, direction)
    single = {abs(lag) for _, _, lag in found.blocks} == {1}
    if single:
        blocks += _product(context, names, states, axis, direction, several)
    elif context.detail == "full":
        blocks.append(Prose(_companion(found, names, states, axis)))
    blocks += _size(found, primal, names, single)
    return blocks


def _companion(found: StepJacobian, names: SystemNames, states: tuple[str, ...], axis: str) -> str:
    """What to do with a state that is read at several lags."""
    longest = max(abs(lag) for _, _, lag in found.blocks)
    sign = -1 if max(lag for _, _, lag in found.blocks) > 0 else 1
    stacked = ";\\, ".join(names.read(ref(name, step(axis, sign * k))) for k in range(longest) for name in states)
    return (
        f"States are read at lags up to {longest}, so the product over lags is that of the column "
        f"$s_{{{axis}}} = [{stacked}]$, of whose Jacobian the blocks above are the first rows; the others shift."
    )


def _maps(context: Context, names: SystemNames, states: tuple[str, ...], axis: str, direction: int) -> list[Block]:
    """A recurrence with a matrix as state: its Jacobian is a linear map, given by what it passes back."""
    listed = ", ".join(f"${names.written(name, axis)}$" for name in states)
    several = len(states) > 1
    blocks: list[Block] = [Heading(2, f"State Jacobian of {listed}")]
    text = (
        "A derivative of a matrix by a matrix is a linear map, not a matrix. Its transpose takes the gradient that "
        "reaches a quantity to what this passes back to the state of the step before:"
    )
    rows, bounds = [], []
    adjoint_names = context.names
    for name in states:
        for edge in context.readings.edges(name):
            if edge.delay == 0:
                continue
            above, below = adjoint_names.read(edge.reader.out), adjoint_names.read(edge.read)
            bar = context.readings.cotangent[edge.reader.name]
            inner = adjoint_names.written(bar, axis)
            left = rf"{{\left({names.derivative(above, below)}\right)}}^{{\top}}\left[{inner}\right]"
            rows.append(
                Row(
                    left,
                    grouped_terms(edge.contribution, adjoint_names),
                    reason=f"from {context.link(edge.reader.name)}",
                )
            )
            terms = [map_bound(term, bar, context.primal) for term in _terms(edge.contribution)]
            if all(term is not None for term in terms) and edge.reader.name == name:
                texts = [_scaled(*_in_latex(term, adjoint_names)) for term in terms if term is not None]
                norm = rf"\left\lVert {names.derivative(above, below)} \right\rVert"
                bounds.append(Row(norm, added(texts), r"\le", reason=BY))
    blocks += [Prose(text), Rows(tuple(rows))]
    if any(edge.reader.name not in states for name in states for edge in context.readings.edges(name) if edge.delay):
        blocks.append(
            Prose("From there the backward recursion goes on to the state of that step, as its equations above say.")
        )
    if context.detail == "full":
        blocks += all_paths(context.system, names, states, direction)
    blocks += _product(context, names, states, axis, direction, several)
    if bounds:
        text = "Of each map the largest factor by which it can stretch, in the Frobenius norm; a gate counts with 1."
        blocks += [Heading(2, "When it vanishes, when it explodes"), Prose(text), Rows(tuple(bounds))]
    return blocks


def _terms(expr: sympy.Expr) -> tuple[sympy.Expr, ...]:
    return expr.operands if is_op(expr, "plus") else (expr,)


# --- product over lags, vanishing and exploding ---------------------------------------------------------------------


def _product(
    context: Context, names: SystemNames, states: tuple[str, ...], axis: str, direction: int, several: bool
) -> list[Block]:
    sign = "+" if direction > 0 else "-"
    outputs = [v.origin.of for v in context.adjoint.variables.values() if v.origin and v.origin.kind == "upstream"]
    within = {e.name for c in context.system.components if set(states) <= set(c.carried) for e in c.equations}
    losses = any(name in within for name in outputs)  # a loss at every step, else what leaves the recurrence

    def state(index: str) -> str:
        return "s" + f"_{{{index}}}" if several else names.written(states[0], index)

    later = f"{axis}{sign}k"
    far = rf"{axis}{sign}j"
    before = f"{far}{'-' if direction > 0 else '+'}1"
    end = rf"{axis.upper()}-{axis}" if direction > 0 else f"{axis}-1"
    local = names.derivative(rf"\ell_{{{later}}}", state(later)) if losses else direct(LOSS, state(later))
    step_jacobian = names.derivative(state(far), state(before))
    intro = "Over many steps the state Jacobians multiply, newest on the left."
    if several:
        vector = ";\\, ".join(names.written(name, axis) for name in states)
        column = f"$s_{{{axis}}} = [{vector}]$"
        intro = f"With all states in one column, {column}, the state Jacobians multiply, newest on the left. "
        intro += "A derivative by $s$ varies all states of a step independently."
    row = Row(
        names.derivative(LOSS, state(axis)),
        (rf"\sum_{{k=0}}^{{{end}}} {local}\,\prod_{{j=k}}^{{1}} {step_jacobian}",),
        reason="a loss k steps away comes back through k state Jacobians"
        if losses
        else "what the loss gets from the state k steps away, by no later state, comes back through k Jacobians",
    )
    return [Heading(2, "Product over lags"), Prose(intro), Rows((row,))]


def _size(found: StepJacobian, primal: System, names: SystemNames, single: bool) -> list[Block]:
    """Bounds of all blocks, and what they say of many steps."""
    rows, simple = [], []
    for key, terms in found.blocks.items():
        texts = []
        for term in terms:
            number, norms = (
                (sympy.Integer(1), [])
                if term.product is None
                else _in_latex(product_bound(term.product, primal), names)
            )
            axis = primal.variables[key[0]].axis or "t"
            if term.product is None:
                below = names.written(term.via, axis) if term.via else names.read(ref(key[1], step(axis, -key[2])))
                norms = [rf"\left\lVert {direct(names.written(key[0], axis), below)} \right\rVert"]
            if term.via:
                inner = total((term.via, *key[1:]), found.system, names)
                norms = [*norms, rf"\left\lVert {inner} \right\rVert"]
            elif len(found.blocks) == len(terms) == 1 and single:
                simple.append((number, norms))
            texts.append(_scaled(number, norms))
        rows.append(
            Row(rf"\left\lVert {total(key, found.system, names)} \right\rVert", added(texts), r"\le", reason=BY)
        )
    gammas = _gammas(primal)
    text = f"Bounds in the spectral norm. A derivative counts with its largest value $\\gamma${gammas}; a gate with 1."
    blocks: list[Block] = [Heading(2, "When it vanishes, when it explodes"), Prose(text), Rows(tuple(rows))]
    if simple and len(simple[0][1]) == 1:
        number, norms = simple[0]
        state = found.states[0]
        axis = primal.variables[state].axis or "t"
        sign = "+" if next(iter(found.blocks))[2] > 0 else "-"
        ratio = names.derivative(names.written(state, f"{axis}{sign}k"), names.written(state, axis))
        blocks.append(
            Rows(
                (Row(rf"\left\lVert {ratio} \right\rVert", (rf"\left({_scaled(number, norms)}\right)^{{k}}",), r"\le"),)
            )
        )
        blocks.append(
            Prose(
                f"It vanishes, exponentially in the lag $k$, if ${norms[0]} < {sympy.latex(1 / number)}$. To explode, "
                f"${norms[0]}$ must be larger, which is necessary but not sufficient."
            )
        )
    blocks += _direct_path(found, primal, names)
    return blocks


def _in_latex(bound: Bound, names: SystemNames) -> tuple[sympy.Expr, list[str]]:
    """(a number, norms as LaTeX)."""
    marks = {"2": "", "inf": r"_{\infty}"}
    return bound.number, [rf"\lVert {typeset(norm.expr, names)} \rVert{marks[norm.kind]}" for norm in bound.norms]


def _gammas(primal: System) -> str:
    """``, γ = 1 for tanh``, of the functions that the system uses."""
    used = dict.fromkeys(name for equation in primal.equations for name in operations_in(equation.expr))
    known = [(TABLE[name], TABLE[name].slope) for name in used if TABLE[name].slope is not None]
    words = [rf"$\gamma = {sympy.latex(slope)}$ for ${function_name(record)}$" for record, slope in known]
    return ": " + ", ".join(words) if words else ""


def _scaled(number: sympy.Expr, norms: list[str]) -> str:
    text = r"\,".join(norms)
    if number == 1 and norms:
        return text
    factor = (
        str(number)
        if number.is_Integer
        else rf"\tfrac{{{number.p}}}{{{number.q}}}"
        if number.is_Rational
        else sympy.latex(number)
    )
    return rf"{factor}\,{text}" if norms else factor


def _direct_path(found: StepJacobian, primal: System, names: SystemNames) -> list[Block]:
    """Diagonal terms from a state to itself: no matrix, so they neither mix nor shrink by a norm."""
    blocks: list[Block] = []
    for (of, wrt, lag), terms in found.blocks.items():
        if of != wrt or abs(lag) != 1:
            continue
        products = [term.product for term in terms if term.product is not None and not term.via]
        for term in (p for p in products if all(factor.kind == "diag" for factor in p)):
            axis = primal.variables[of].axis or "t"
            state = names.written(of, axis)
            inner = product_latex(term, names)
            if not term:
                text = f"${state}$ has a direct path with derivative $I$: along it a gradient is passed on unchanged."
            else:
                text = (
                    f"${state}$ has a direct path to itself, ${inner}$, without a matrix. Along it a gradient is "
                    "multiplied entry by entry, by the product of these factors over the lag: it survives where they "
                    "stay near 1, and vanishes where they do not."
                )
            blocks.append(Prose(text))
    return blocks
