"""Sections 1 and 2: notation and shapes, and the forward equations.

What a symbol means is read off the equations: a sigmoid that multiplies something is a gate, what a recurrence reads
from another step is a state.

Read next: `reports.sections.pictures`.
"""

from __future__ import annotations

import sympy

from derive.equation import Equation
from derive.expr import Op, Ref, ref, refs, step
from derive.latex import dim_latex, shape_latex
from derive.primitives import TABLE
from derive.simplify import operations_in
from derive.typeset import typeset
from reports.anatomy import gates
from reports.context import Context
from reports.document import Block, Heading, Prose, Rows, Table
from reports.forms import WORDS
from reports.grouping import Group, group, range_of
from reports.inline import plain
from reports.notation import LOSS
from reports.pytorch import in_torch
from reports.rows import equation_rows, group_names
from reports.sections.headings import heading


def notation(context: Context) -> list[Block]:
    """What the symbols mean, and how large they are."""
    blocks: list[Block] = [Heading(1, "Notation and shapes", "notation"), Prose(_conventions(context))]
    blocks.append(Table(("Symbol", "Meaning", "Shape"), tuple(_symbols(context)), align="lll"))
    legend = " ".join(filter(None, [_legend(context), in_torch(context.names)]))
    if legend:
        blocks.append(Prose(legend))
    if context.system.notes:
        blocks.append(Prose("\n\n".join(plain(note) for note in context.system.notes)))
    return blocks


def forward(context: Context) -> list[Block]:
    """The equations, numbered, shapes at the right."""
    blocks: list[Block] = [Heading(1, "Forward equations", "forward")]
    direction = _directions(context)
    if direction:
        blocks.append(Prose(direction))
    for part in context.parts(context.forward):
        blocks += heading(context, part)
        blocks.append(Rows(equation_rows(context, part.equations)))
    return blocks


# --- conventions ---------------------------------------------------------------------------------------------------


def _conventions(context: Context) -> str:
    names, variables = context.names, context.adjoint.variables
    states = [name for name in context.system.states if name in context.readings.cotangent]
    output = (states or [name for name in context.readings.cotangent if name in context.system.defined])[0]
    axis = variables[output].axis or ""
    read, delta = names.written(output, axis), names.cotangent(output, axis)
    text = (
        f"Vectors are columns. ${delta}$ is the gradient of the loss ${LOSS}$ that reaches ${read}$ along all paths; "
        f"it has the shape of ${read}$. Products $\\odot$, quotients, powers and functions act element by element"
    )
    ones = any(is_broadcast(e) for e in context.reading.equations)
    text += r"; $\boldsymbol{1}$ is a column of ones." if ones else "."
    upstream = next((v for v in context.adjoint.variables.values() if v.origin and v.origin.kind == "upstream"), None)
    if context.loss:
        text += rf" The loss is computed here, ${LOSS} = {names.written(context.loss)}$, so its own gradient is 1."
    elif upstream is not None and upstream.axis:
        loss, at = rf"\ell_{{{upstream.axis}}}", upstream.axis.upper()
        text += (
            rf" The loss is a sum over steps, ${LOSS} = \sum_{{{upstream.axis}=1}}^{{{at}}} {loss}$; "
            f"${names.written(upstream.name, upstream.axis)}$ is what the loss contributes directly."
        )
    text += "".join(f" {meaning}" for operation, meaning in SIGNS.items() if operation in operations_of(context))
    given = [names.read(ref(name, p)) for name, where in context.system.boundaries.items() for p in where]
    if given:
        listed = ", ".join(f"${name}$" for name in given)
        text += f"\n\nGiven at the start of a run, zero if nothing is said: {listed}."
    return text


SIGNS = {  # what operations of the derived equations look like in print
    "take": r"$E_{:,j}$ is column $j$ of $E$.",
    "scatter": r"$\operatorname{scatter}_{j}(v)$ is a matrix of zeros, but for $v$ in column $j$.",
    "stack": r"$h_{1:T}$ is the matrix of all steps of $h$, one column each.",
    "unstack": r"$[M]_{:,t}$ is column $t$ of $M$.",
    "place": r"$[t = T]$ is 1 at that step and 0 at all others.",
    "rows": r"$[v]_{p}$ are the rows of $v$ that hold $p$.",
    "embed": r"$\operatorname{embed}_{a:b}(v)$ has $v$ in its rows $a$ to $b$, and zeros elsewhere.",
    "stop": r"$\operatorname{stop}(v)$ is $v$, through which no gradient flows.",
}


def operations_of(context: Context) -> set[str]:
    """Names of the primitives of all equations that are printed; rows of a parameter are printed as a block of it."""
    found = {name for e in context.reading.equations for name in operations_in(e.expr)}
    cut = [op for e in context.reading.equations for op in _cut(e.expr)]
    parts = any(context.adjoint.variables[r.name].axis for op in cut for r in refs(op))
    return found if parts else found - {"rows"}


def _cut(expr: sympy.Expr) -> list[Op]:
    if not isinstance(expr, Op):
        return []
    return [*([expr] if expr.primitive == "rows" else []), *(op for o in expr.operands for op in _cut(o))]


def is_broadcast(equation: Equation) -> bool:
    """Whether a column of ones is printed."""
    text = str(equation.expr)
    return "reduce_to" in text or "broadcast_to" in text


def _directions(context: Context) -> str:
    system, names = context.system, context.names
    parts = []
    for component in system.components:
        if component.direction == 0 or component.axis is None:
            continue
        listed = ", ".join(f"${names.written(name, component.axis)}$" for name in component.carried)
        way = f"{component.axis} = 1, \\dots, {component.axis.upper()}"
        if component.direction < 0:
            way = f"{component.axis} = {component.axis.upper()}, \\dots, 1"
        parts.append(f"{listed} for ${way}$")
    return f"Computed step by step: {'; '.join(parts)}." if parts else ""


# --- the table of symbols ------------------------------------------------------------------------------------------


def _symbols(context: Context) -> list[tuple[str, str, str]]:
    system = context.system
    defined = dict.fromkeys(equation.name for equation in context.forward if not equation.is_boundary)
    order = (*system.inputs, *system.states, *(n for n in defined if n not in system.states))
    order = (*order, *system.constants, *system.parameters)
    rows: dict[tuple[str, str], list[str]] = {}
    for found in group(context.adjoint, [(now(context, name),) for name in order], apart=context.names.spellings.apart):
        meanings = {meaning(context, order[member]) for member in found.members}
        whole = len(meanings) == 1 or all(context.kind(order[member]) == "pre-activation" for member in found.members)
        for part in [found] if whole else [Group((member,)) for member in found.members]:
            name = order[part.first]
            names = group_names(context.names, part)
            symbol = f"${typeset(now(context, name), names)}$"
            if part.keys:
                symbol += f", ${range_of(context.names, part)}$"
            text = "pre-activations" if part.keys and context.kind(name) == "pre-activation" else meaning(context, name)
            shape = f"${_domain(context, name)}$"
            rows.setdefault((text, shape), []).append(symbol)
    return [
        ("; ".join(symbols) if any("in" in s for s in symbols) else ", ".join(symbols), *key)
        for key, symbols in rows.items()
    ]


def _domain(context: Context, name: str) -> str:
    var = context.adjoint.variables[name]
    if var.classes is not None:
        return rf"\{{0, \dots, {dim_latex(var.classes - 1)}\}}"
    return shape_latex(var.shape)


def now(context: Context, name: str) -> Ref:
    """A quantity at the current step."""
    axis = context.adjoint.variables[name].axis
    return ref(name, step(axis) if axis else None)


def meaning(context: Context, name: str) -> str:
    """What a quantity is, from its role and its equation."""
    system, names, var = context.system, context.names, context.adjoint.variables[name]
    if var.role == "input":
        return f"input, one of ${dim_latex(var.classes)}$ classes" if var.classes is not None else "input"
    if var.role == "constant":
        return "constant, has no gradient"
    if var.role == "parameter":
        return _parameter(context, name)
    if context.kind(name) == "pre-activation":
        of = context.of(name)
        starts = [e.out for e in context.forward if e.name == of and any(r.name == name for r in refs(e.expr))]
        return f"pre-activation of ${names.read(starts[0] if starts else now(context, of))}$"
    if context.kind(name) == "operand":
        return "named product"
    kinds = ["state"] if name in system.states else []
    equation = context.adjoint.equation(name)
    if name in gates(context.primal) and not kinds:
        return "gate, between 0 and 1"
    kinds += ["output"] if name in system.outputs else []
    if not kinds and isinstance(equation.expr, Op):
        record = TABLE[equation.expr.primitive]
        kinds = [f"{record.name} of a pre-activation" if record.is_elementwise else WORDS.get(record.name, record.name)]
    return ", ".join(kinds) or "intermediate"


def _parameter(context: Context, name: str) -> str:
    shape = context.adjoint.variables[name].shape
    return {0: "scalar parameter", 1: "vector of parameters"}.get(len(shape), "matrix of parameters")


def _legend(context: Context) -> str:
    """``W_q = [W_{qh} W_{qx}]``: the columns that multiply each part of a concatenation."""
    names, blocks = context.names, context.names.blocks
    order = [name for name in blocks if name not in names.torch.blocks]
    parts = []
    items = [(ref(name),) for name in order]
    for found in group(context.adjoint, items, apart=context.names.spellings.apart):
        alike = len({blocks[order[member]] for member in found.members}) == 1
        for part in [found] if alike else [Group((member,)) for member in found.members]:
            name = order[part.first]
            inner = group_names(names, part)
            columns = r" \;\; ".join(inner.block(name, label) for label, _, _ in blocks[name])
            text = rf"${inner.written(name)} = [{columns}]$"
            parts.append(text + (f" for ${range_of(names, part)}$" if part.keys else ""))
    stacked = "; ".join(parts)
    return f"A matrix that multiplies a concatenation is named by columns: {stacked}." if parts else ""
