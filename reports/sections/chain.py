r"""Section 7: the chain through time.

The state Jacobian by blocks, the sum over all paths written out for three steps, the product over lags, and what
follows from it: when a gradient vanishes or explodes, and which path is spared.

Read next: `reports.sections.counts`.
"""

from __future__ import annotations

import sympy

from derive.bounds import Bound, product_bound
from derive.expr import ref, step
from derive.jacobian import Block as JacobianBlock
from derive.jacobian import Jacobian, jacobian
from derive.latex import function_name, shape_latex
from derive.operands import name_operands
from derive.primitives import TABLE
from derive.simplify import operations_in
from derive.system import System
from derive.typeset import typeset
from reports.context import Context
from reports.document import Block, Heading, Prose, Row, Rows
from reports.inline import plain
from reports.notation import LOSS, SystemNames
from reports.sections.paths import added, all_paths, product_latex


def chain(context: Context) -> list[Block]:
    """All of section 7, for every recurrence of the system."""
    primal = name_operands(context.system)
    names = context.notation.names(primal)
    blocks: list[Block] = []
    for component in context.system.components:
        states = tuple(name for name in context.system.states if name in component.carried)
        if not states or component.axis is None:
            continue
        try:
            blocks += _recurrence(context.system, primal, names, states, component.axis, component.direction)
        except ValueError as reason:  # documented: a quantity on the way is a matrix, or there are too many terms
            listed = ", ".join(f"${names.written(name, component.axis)}$" for name in states)
            blocks.append(Prose(f"The Jacobian of {listed} is not written out: {plain(str(reason))}."))
    return [Heading(1, "The chain through time", "chain"), *blocks] if blocks else []


def _recurrence(
    system: System, primal: System, names: SystemNames, states: tuple[str, ...], axis: str, direction: int
) -> list[Block]:
    found = jacobian(system, states, states)
    written = [names.written(name, axis) for name in states]
    listed = ", ".join(f"${text}$" for text in written)
    several = len(states) > 1
    blocks: list[Block] = [Heading(2, f"State Jacobian of {listed}")]
    blocks.append(
        Prose(
            "What a change of the state does one step later, everything that is computed within the step taken into "
            "account."
            + (" Blocks that are not listed are zero." if any(block.is_zero for block in found.values()) else "")
        )
    )
    rows = tuple(_block_row(block, primal, names) for block in found.all_lags.values())
    blocks.append(Rows(rows))
    blocks += all_paths(system, names, states, direction)
    single = {abs(lag) for _, _, lag in found.all_lags} == {1}
    if single:
        blocks += _product(names, states, axis, direction, several)
    blocks += _size(found, primal, names, single)
    return blocks


# --- blocks -------------------------------------------------------------------------------------------------------


def _block_row(block: JacobianBlock, primal: System, names: SystemNames) -> Row:
    axis = primal.variables[block.of].axis or "t"
    left = names.derivative(names.written(block.of, axis), names.read(ref(block.wrt, step(axis, -block.lag))))
    shape = (*primal.variables[block.of].shape[:1], *primal.variables[block.wrt].shape[:1])
    return Row(left, added(product_latex(term, names) for term in block.terms), shape=shape_latex(shape))


# --- product over lags, vanishing and exploding ---------------------------------------------------------------------


def _product(names: SystemNames, states: tuple[str, ...], axis: str, direction: int, several: bool) -> list[Block]:
    sign = "+" if direction > 0 else "-"

    def state(index: str) -> str:
        return "s" + f"_{{{index}}}" if several else names.written(states[0], index)

    later = f"{axis}{sign}k"
    far = rf"{axis}{sign}j"
    before = f"{far}{'-' if direction > 0 else '+'}1"
    end = rf"{axis.upper()}-{axis}" if direction > 0 else f"{axis}-1"
    local = names.derivative(rf"\ell_{{{later}}}", state(later))
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
        reason="a loss k steps away comes back through k state Jacobians",
    )
    return [Heading(2, "Product over lags"), Prose(intro), Rows((row,))]


def _size(found: Jacobian, primal: System, names: SystemNames, single: bool) -> list[Block]:
    """Bounds of all blocks, and what they say of many steps."""
    rows, simple = [], []
    for block in found.all_lags.values():
        terms = []
        for product in block.terms:
            number, norms = _in_latex(product_bound(product, primal), names)
            terms.append(_scaled(number, norms))
            if len(found.all_lags) == len(block.terms) == 1 and single:
                simple.append((number, norms))
        axis = primal.variables[block.of].axis or "t"
        inner = names.derivative(names.written(block.of, axis), names.read(ref(block.wrt, step(axis, -block.lag))))
        rows.append(Row(rf"\left\lVert {inner} \right\rVert", added(terms), r"\le"))
    gammas = _gammas(primal)
    text = f"Bounds in the spectral norm. A derivative counts with its largest value $\\gamma${gammas}; a gate with 1."
    blocks: list[Block] = [Heading(2, "When it vanishes, when it explodes"), Prose(text), Rows(tuple(rows))]
    if simple and len(simple[0][1]) == 1:
        number, norms = simple[0]
        axis = primal.variables[found.of[0]].axis or "t"
        ratio = names.derivative(names.written(found.of[0], f"{axis}+k"), names.written(found.of[0], axis))
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


def _direct_path(found: Jacobian, primal: System, names: SystemNames) -> list[Block]:
    """Diagonal terms from a state to itself: no matrix, so they neither mix nor shrink by a norm."""
    blocks: list[Block] = []
    for (of, wrt, lag), block in found.all_lags.items():
        if of != wrt or abs(lag) != 1:
            continue
        for term in block.direct:
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
