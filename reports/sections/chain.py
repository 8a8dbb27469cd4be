r"""Section 7: the chain through time.

The state Jacobian by blocks, the sum over all paths written out for three steps, the product over lags, and what
follows from it: when a gradient vanishes or explodes, and which path is spared.

Read next: `reports.sections.counts`.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy

from derive.expr import ref, step
from derive.factors import Product
from derive.jacobian import Block as JacobianBlock
from derive.jacobian import Jacobian, jacobian
from derive.latex import fenced, function_name, shape_latex
from derive.operands import name_operands
from derive.paths import Path, local_jacobian, path_count, paths
from derive.primitives import TABLE
from derive.simplify import operations_in
from derive.system import System
from derive.typeset import typeset
from reports.bounds import product_bound
from reports.context import Context
from reports.document import Block, Heading, Prose, Row, Rows
from reports.inline import plain
from reports.notation import LOSS, SystemNames

STEPS = 3
SHOWN = 16  # paths


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
    blocks += _paths(system, primal, names, states, direction)
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
    return Row(left, _sum(product_latex(term, names) for term in block.terms), shape=shape_latex(shape))


def product_latex(product: Product, names: SystemNames) -> str:
    r"""``\operatorname{diag}(f_t)\,W_{fh}``; I for the empty product."""
    words = []
    for factor in product:
        text = typeset(factor.expr, names)
        if factor.kind == "diag":
            scalar = names.shape(factor.expr) == (1, 1)
            words.append(
                text + r"\,I"
                if scalar and len(product) == 1
                else text
                if scalar
                else rf"\operatorname{{diag}}{fenced(text)}"
            )
        elif factor.kind == "softmax":
            words.append(rf"\left(\operatorname{{diag}}({text}) - {text}\,{text}^{{\top}}\right)")
        elif factor.kind == "matrix":
            words.append(fenced(text) if " + " in text or r"\odot" in text else text)
        else:
            low, high = factor.part.args
            words.append(rf"I_{{{low + 1}:{high}}}" + (r"^{\top}" if factor.kind == "embed" else ""))
    return r"\,".join(words) or "I"


def _sum(terms: Iterable[str]) -> tuple[str, ...]:
    listed = list(terms)
    return (listed[0], *(f"+ {term}" for term in listed[1:])) if listed else ("0",)


# --- paths --------------------------------------------------------------------------------------------------------


def _paths(system: System, primal: System, names: SystemNames, states: tuple[str, ...], direction: int) -> list[Block]:
    last, first = (STEPS, 1) if direction > 0 else (1, STEPS)
    target = next((name for name in states if name in system.outputs), states[0])
    source = states[-1]
    count = path_count(system, (source, first), (target, last), nodes=states, steps=STEPS)
    if count == 0:
        source = target
        count = path_count(system, (source, first), (target, last), nodes=states, steps=STEPS)
    if count == 0:
        return []
    shown = paths(system, (source, first), (target, last), nodes=states, steps=STEPS, limit=count)[:SHOWN]
    axis = (primal.variables[target].axis or "t").upper()
    above, below = names.written(target, str(last)), names.written(source, str(first))
    noun = "one path leads" if count == 1 else f"{count} paths lead"
    blocks: list[Block] = [
        Heading(2, f"All paths for ${axis} = {STEPS}$"),
        Prose(
            f"Unrolled over {STEPS} steps, {noun} from ${below}$ to ${above}$. A path is a product of direct "
            r"derivatives, written $\partial^{+}$, in which all other states are held fixed; the total derivative is "
            "the sum over all paths." + (f" The first {SHOWN} are written out." if count > SHOWN else "")
        ),
    ]
    rows = []
    for position, path in enumerate(shown):
        left = names.derivative(above, below) if position == 0 else ""
        rows.append(Row(left, (_path(path, names),), "=" if position == 0 else "+", reason=_route(path, names)))
    blocks.append(Rows(tuple(rows)))
    edges = dict.fromkeys((a[0], b[0], a[1] - b[1]) for path in shown for a, b in path.edges)
    factors = [_direct(system, primal, names, of, wrt, lag, states) for of, wrt, lag in edges]
    blocks += [Prose("The direct derivatives are these."), Rows(tuple(factors))]
    return blocks


def _path(path: Path, names: SystemNames) -> str:
    return r"\,".join(direct(_at(a, names), _at(b, names)) for a, b in path.edges)


def direct(above: str, below: str) -> str:
    """A derivative along paths that meet no other state."""
    return rf"\frac{{\partial^{{+}} {above}}}{{\partial {below}}}"


def _at(node: tuple[str, int], names: SystemNames) -> str:
    return names.written(node[0], str(node[1]))


def _route(path: Path, names: SystemNames) -> str:
    return " ← ".join(f"${_at(node, names)}$" for node in reversed(path.steps))


def _direct(
    system: System, primal: System, names: SystemNames, of: str, wrt: str, lag: int, states: tuple[str, ...]
) -> Row:
    axis = primal.variables[of].axis or "t"
    block = local_jacobian(system, (of, lag), (wrt, 0), nodes=states)
    left = direct(names.written(of, axis), names.read(ref(wrt, step(axis, -lag))))
    return Row(left, _sum(product_latex(term, names) for term in block.terms))


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
        intro = f"With all states in one column, {column}, the state Jacobians multiply, newest on the left."
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
            number, norms = product_bound(product, primal, names)
            terms.append(_scaled(number, norms))
            if len(found.all_lags) == len(block.terms) == 1 and single:
                simple.append((number, norms))
        axis = primal.variables[block.of].axis or "t"
        inner = names.derivative(names.written(block.of, axis), names.read(ref(block.wrt, step(axis, -block.lag))))
        rows.append(Row(rf"\left\lVert {inner} \right\rVert", _sum(terms), r"\le"))
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
                    "multiplied entry by entry, by the product of these factors over the lag: it survives where they stay "
                    "near 1, and vanishes where they do not."
                )
            blocks.append(Prose(text))
    return blocks
