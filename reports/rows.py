"""Rows of a report from equations, and the rows that unfold one δ.

Read next: `reports.sections`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import sympy

from derive.equation import Equation
from derive.expr import Ref, refs
from derive.latex import shape_latex, signed
from derive.typeset import typeset
from reports.context import Context, label_of
from reports.derivation import Path
from reports.document import Row
from reports.forms import all_factors, chain, rule_text, separate, times_of
from reports.grouping import Group, group, grouped_terms, letter_for, range_of
from reports.notation import SystemNames
from reports.sections.rules import linked


def equation_rows(
    context: Context,
    equations: Sequence[Equation],
    reason: Callable[[Equation], str] = lambda equation: "",
    *,
    labelled: bool = True,
) -> tuple[Row, ...]:
    """One numbered row for every equation, or for every group that is equal up to names."""
    rows = []
    for found in context.groups(tuple(equations)):
        equation = equations[found.first]
        names = group_names(context.names, found)
        rows.append(
            Row(
                typeset(equation.out, names),
                grouped_terms(equation.expr, names),
                shape=shape_latex(context.adjoint.variables[equation.name].shape),
                reason=reason(equation),
                label=label_of(equation) if labelled else "",
                tail=range_of(context.names, found) if found.keys else "",
            )
        )
    return tuple(rows)


def group_names(names: SystemNames, found: Group) -> SystemNames:
    """Names in which the mark that varies over a group is a letter."""
    return names.for_all(found.varying, letter_for(names.system)) if found.keys else names


def unfolding(context: Context, equation: Equation, names: SystemNames) -> tuple[Row, ...]:
    """Chain rule, local Jacobians, their product, column form of one cotangent, a reason at each row."""
    of = context.of(equation.name)
    paths = context.readings.paths(of)
    bars = context.readings.cotangent
    together = group(context.adjoint, [(path.column, *_outs(path)) for path in paths], 3, names.spellings.apart)
    upstream = [read for read in refs(equation.expr) if context.kind(read.name) in ("upstream", "final")]
    of_read = context.adjoint.equation(of).out if of in context.adjoint.defined else _leaf_read(context, of)
    given = [names.read(read) for read in upstream]
    chained, separated, joined = list(given), list(given), list(given)
    apart: bool = True
    whole: bool = True
    for found in together:
        path = paths[found.first]
        inner = group_names(names, found)
        total = rf"\sum_{{{range_of(names, found)}}} " if found.keys else ""
        chained.append(total + chain(path, of, inner))
        rows = all_factors(path.column, frozenset({bars[path.edges[-1].reader.name]}), inner)
        whole = whole and rows is not None
        joined += [total + r"\,".join(row.words) for row in rows or ()]
        text = separate(path, inner, bars)
        apart = apart and text is not None
        separated.append(total + (text or ""))
    left = names.derivative(r"\mathcal{L}", names.read(of_read))
    shape = shape_latex(context.adjoint.variables[equation.name].shape)
    steps = [Row(left, _joined(chained), label=how(equation))]
    rules, used = rules_text(context, paths, together, names), _local_text(context, paths, together)
    reasons = [readers_text(context, of, paths, together, names, bool(upstream))]
    if apart and whole and separated != joined:
        steps.append(Row("", _joined(separated)))
        reasons += [used or rules]
        used, rules = "", "diagonal matrices multiply entry by entry"
    if whole:
        steps.append(Row("", _joined(joined)))
        reasons += [f"{used}: {rules}" if used else rules]
    steps.append(Row(typeset(equation.out, names), grouped_terms(equation.expr, names), shape=shape))
    link = _link(context, equation)
    reasons.append(f"transposed, {link}")
    if not whole:
        reasons[-1] = (
            f"{rules_text(context, paths, together, names, numbers=True)}; no row of matrices, so at once {link}"
        )
    return tuple(replace(row, reason=reason) for row, reason in zip(steps, reasons, strict=True))


def how(equation: Equation) -> str:
    """The label under which the steps to a cotangent begin."""
    return f"how-{label_of(equation)}"


def _local_text(context: Context, paths: Sequence[Path], together: Sequence[Group]) -> str:
    """The local derivatives that stand in for the fractions, by number, in the order of the row."""
    edges = [edge for found in together for edge in reversed(paths[found.first].edges)]
    labels = dict.fromkeys(context.local_labels.get((edge.reader.out, edge.read), "") for edge in edges)
    if not labels or "" in labels:
        return ""
    word = "local derivative" if len(labels) == 1 else "local derivatives"
    return f"{word} {', '.join(f'{{eq:{label}}}' for label in labels)}"


def _outs(path: Path) -> list[sympy.Basic]:
    return [edge.reader.out for edge in path.edges]


def _leaf_read(context: Context, name: str) -> Ref:
    return next(read for equation in context.adjoint.equations for read in refs(equation.expr) if read.name == name)


def brief_reason(context: Context, equation: Equation) -> str:
    """Who reads the quantity of a cotangent, in one line."""
    of = context.of(equation.name)
    names = context.names
    upstream = any(context.kind(read.name) in ("upstream", "final") for read in refs(equation.expr))
    paths = context.readings.paths(of)
    together = group(
        context.adjoint, [(path.column, *_outs(path)) for path in paths], least=3, apart=names.spellings.apart
    )
    return readers_text(context, of, paths, together, names, upstream)


def _joined(terms: Sequence[str]) -> tuple[str, ...]:
    """Terms with signs, as a row wants them."""
    return tuple(
        signed(term.removeprefix("-"), term.startswith("-"), position == 0) for position, term in enumerate(terms)
    ) or ("0",)


def readers_text(
    context: Context, name: str, paths: Sequence[Path], together: Sequence[Group], names: SystemNames, loss: bool
) -> str:
    """Who reads the quantity, and in which equation."""
    if loss and name == context.loss:
        return "this is the loss"
    words = ["the loss"] if loss else []
    for found in together:
        inner = group_names(names, found)
        same = zip(*(paths[member].edges for member in found.members), strict=True)
        steps = [
            f"${inner.read(read)}$ in {' and '.join(dict.fromkeys(_link(context, edge.reader) for edge in edges))}"
            for edges, read in zip(same, times_of(paths[found.first], name, context.adjoint)[1:], strict=True)
        ]
        words.append(", which is read by ".join(steps))
    if not words:
        return "nothing reads it"
    return "read by " + (" and by ".join(words) if len(words) < 3 else ", ".join(words[:-1]) + ", and by " + words[-1])


def rules_text(
    context: Context, paths: Sequence[Path], together: Sequence[Group], names: SystemNames, *, numbers: bool = False
) -> str:
    """Which records fired, by equation; with the numbers of their rows if asked."""
    words: dict[str, str] = {}
    for found in together:
        for edge in paths[found.first].edges:
            text = linked(context, edge.rules) if numbers else rule_text(edge.rules, names)
            words.setdefault(_link(context, edge.reader), text)
    alike: dict[str, list[str]] = {}
    for link, rules in words.items():
        alike.setdefault(rules, []).append(link)
    return "; ".join(f"{rules} in {', '.join(links)}" for rules, links in alike.items())


def _link(context: Context, equation: Equation) -> str:
    return f"{{eq:{label_of(equation)}}}" if equation.is_boundary else context.link(equation.name)
