r"""The rules of the operations, each run on one small system: what reaches an operand, from what reaches the result.

Every row is the answer of a record of `derive.primitives.TABLE`, so that a reader can follow each step of the backward
recursion, and a record that is changed shows here too.

Read next: `reports.sections.local`.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.language import parse
from derive.latex import index_latex
from derive.primitives import TABLE
from derive.typeset import terms, typeset
from reports.context import Context
from reports.derivation import Readings
from reports.document import Block, Heading, Prose, Row, Rows
from reports.forms import SILENT, WORDS, rule_text
from reports.notation import Notation

EXAMPLES = {  # a system in which a record stands alone, and whose cotangents show what it does
    "plus": ("y[t] = a[t] + b[t]", "a"),
    "times": ("y[t] = a[t] * b[t]", "a"),
    "matmul": ("y[t] = W @ a[t]", "aW"),
    "concat": ("y[t] = [a[t], b[t]]", "ab"),
    "power": ("y[t] = a[t]**2", "a"),
    "transpose": ("M[t] : K, N\ny[t] = M[t].T", "M"),
    "softmax": ("y[t] = softmax(a[t])", "a"),
    "logsumexp": ("y[t] = logsumexp(a[t])", "a"),
    "take": ("j[t] : index V\ny[t] = take(E, j[t])", "E"),
    "stack": ("a[t] : N\ny = a[:] @ v", "a"),
    "sum": ("y = sum[t](a[t])", "a"),
    "reduce_to": ("y[t] = reduce_to(a[t], 1, 1)", "a"),
    "min": ("y[t] = min(a[t], b[t])", "a"),
    "max": ("y[t] = max(a[t], b[t])", "a"),
}


def rules(context: Context) -> list[Block]:
    """One row for every operation that passes something back in this system."""
    readings = context.readings
    fired = dict.fromkeys(
        rule for name in readings.cotangent for edge in readings.edges(name) for rule in edge.rules if rule in TABLE
    )
    rows = [row for rule in fired for row in rule_rows(rule, context.notation)]
    if not rows:
        return []
    intro = (
        "What reaches the operand of an operation, if $\\delta y$ reaches its result; the same rules in every system."
    )
    return [Heading(2, "The rules that were used"), Prose(intro), Rows(tuple(rows))]


def has_row(rule: str) -> bool:
    """Whether a record can be shown alone."""
    return rule not in SILENT and (rule in EXAMPLES or (TABLE[rule].is_elementwise and TABLE[rule].arity == 1))


def linked(context: Context, rules: Sequence[str]) -> str:
    """The records that fired, in words, each with the number of its row in a full report."""
    words = []
    for rule in dict.fromkeys(rules):
        number = f" {{eq:rule-{rule}}}" if context.detail == "full" and has_row(rule) else ""
        words += [] if rule in SILENT else [rule_text((rule,), context.names) + number]
    return ", ".join(words) or "sum"


def rule_rows(rule: str, notation: Notation) -> list[Row]:
    """What one record does; nothing for a record that has no example."""
    if not has_row(rule):
        return []
    text, operands = EXAMPLES.get(rule, (f"y[t] = {rule}(a[t])", "a"))
    system = parse(text)
    adjoint = system.adjoint(None, tuple(operands))
    names, readings = notation.names(adjoint), Readings(adjoint, frozenset())
    equation = typeset(system.equations[0].out, names) + " = " + typeset(system.equations[0].expr, names)
    rows = []
    for position, operand in enumerate(operands):
        for edge in readings.edges(operand)[:1]:  # none, if the record passes nothing back
            reason = (
                f"{WORDS.get(rule, rule_text((rule,), names))}: ${equation}$" if position == 0 else "its other operand"
            )
            label = f"rule-{rule}" if position == 0 else ""
            left = names.cotangent(operand, index_latex(edge.read.index))
            rows.append(Row(left, terms(edge.contribution, names), reason=reason, label=label))
    return rows
