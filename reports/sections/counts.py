"""Section 8: how many parameters, as the equations have them and as each framework counts; operations; memory.

Read next: `reports.sections.certificate`.
"""

from __future__ import annotations

import sympy

from derive.conventions import conventions
from derive.counts import operations, parameter_count, parameter_counts, stored_numbers
from derive.dimensions import dimension
from derive.expr import ref
from derive.latex import dim_latex, shape_latex
from derive.typeset import typeset
from reports.context import Context
from reports.document import Block, Heading, Prose, Table
from reports.grouping import group, range_of
from reports.rows import group_names

FRAMEWORKS = {"paper": "these equations", "keras": "Keras", "pytorch": "PyTorch", "onnx": "ONNX"}


def counts(context: Context) -> list[Block]:
    """Parameters one by one, the total as frameworks count it, operations and stored numbers."""
    system = context.system
    blocks: list[Block] = [Heading(1, "Parameters and cost", "counts")]
    if system.parameters:
        blocks += [_parameters(context), *_conventions(context)]
    cost, stored = operations(system), stored_numbers(system)
    rows = (
        ("operations, forward", polynomial(cost.forward)),
        ("operations, backward", polynomial(cost.backward)),
        ("numbers kept for the backward pass", polynomial(stored)),
    )
    blocks.append(
        Prose(
            "One example over a whole sequence costs, with an addition, a multiplication or a function of one entry "
            "as one operation, and all gradients computed:"
        )
    )
    blocks.append(Table(("", "for one example"), rows, align="ll"))
    return blocks


def _parameters(context: Context) -> Table:
    system, names = context.system, context.names
    each = parameter_counts(system)
    order = list(system.parameters)
    header = ["Parameter", "Shape", "Entries"]
    rows = []
    for found in group(context.adjoint, [(ref(name),) for name in order], apart=context.names.spellings.apart):
        name = order[found.first]
        inner = group_names(names, found)
        symbol = f"${typeset(ref(name), inner)}$" + (f", ${range_of(names, found)}$" if found.keys else "")
        times = len(found.members)
        entries = polynomial(each[name]) if times == 1 else f"${times} \\cdot {_latex(each[name])}$"
        row = [symbol, f"${shape_latex(system.variables[name].shape)}$", entries]
        rows.append((*row, *_at(context, times * each[name])))
    total = parameter_count(system)
    rows.append(("total", "", polynomial(total), *_at(context, total)))
    if context.sizes:
        header.append("at " + ", ".join(f"${name} = {size}$" for name, size in context.sizes.items()))
    return Table(tuple(header), tuple(rows), align="llr" + "r" * (len(header) - 3))


def _conventions(context: Context) -> list[Block]:
    found = conventions(context.system)
    paper = found["paper"]
    if paper is None:
        return []
    rows = []
    for key, value in found.items():
        if value is None:
            continue
        difference = sympy.expand(value - paper)
        rows.append((FRAMEWORKS.get(key, key), polynomial(value), *_at(context, value), _reason(key, difference)))
    missing = [FRAMEWORKS.get(key, key) for key, value in found.items() if value is None]
    sizes = [f"at {', '.join(f'${name} = {size}$' for name, size in context.sizes.items())}"] if context.sizes else []
    if not missing and all(value == paper for value in found.values()):
        return [
            Prose("Keras, PyTorch and ONNX, which count biases of recurrent layers differently, count the same here.")
        ]
    blocks: list[Block] = [
        Prose("Frameworks count the same layer differently."),
        Table(("Counted by", "Parameters", *sizes, "Why"), tuple(rows), align="lr" + "r" * len(sizes) + "l"),
    ]
    if len(rows) == 1:
        blocks = []
    if missing:
        blocks.append(Prose(f"No layer of {', '.join(missing)} computes these equations."))
    return blocks


def _reason(key: str, difference: sympy.Expr) -> str:
    if difference == 0:
        return "as written above" if key == "paper" else "the same"
    more = f"${_latex(difference)}$"
    if all(coefficient > 0 for coefficient in sympy.Poly(difference).coeffs()):
        return f"{more} more: a second bias, for the recurrent product, in every block of weights"
    return f"${_latex(-difference)}$ fewer: biases that are added to each other count as one"


def _at(context: Context, value: sympy.Expr) -> tuple[str, ...]:
    if not context.sizes:
        return ()
    found = value.subs({dimension(name): size for name, size in context.sizes.items()})
    return (f"{int(found):,}".replace(",", "\u2009") if found.is_Integer else polynomial(found),)


def polynomial(value: sympy.Expr) -> str:
    """A polynomial in the sizes as a formula."""
    return f"${_latex(value)}$"


def _latex(value: sympy.Expr) -> str:
    """A polynomial in the sizes, by SymPy, with names spelled as everywhere."""
    symbols = {symbol: dim_latex(symbol) for symbol in value.free_symbols}
    return sympy.latex(value, symbol_names=symbols).replace(r"\left(", "(").replace(r"\right)", ")")
