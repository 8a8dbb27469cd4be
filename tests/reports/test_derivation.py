"""Derivation steps: they come from the rules that fired, and end where the adjoint ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy

import derive
from derive import primitives
from derive.elementwise import partial
from derive.expr import Ref, is_op, plus, refs
from derive.expr import times as product
from derive.simplify import shifted, tidied
from reports import context as context_module
from reports import forms
from reports.context import Context
from reports.derivation import Readings
from reports.document import Rows
from reports.forms import all_factors, as_row, chain, jacobian, rule_text, times_of
from reports.notation import Notation
from reports.sections.backward import backward
from reports.sections.local import local_derivatives
from reports.sections.rules import has_row, rule_rows
from tests.canonical import algebra

SYSTEMS = {
    "lag 2": "h[t] = tanh(A @ h[t-1] + B @ h[t-2] + U @ x[t])",
    "two directions": """
        p[t] = tanh(W_p @ p[t-1] + U_p @ x[t])
        q[t] = tanh(W_q @ q[t+1] + U_q @ x[t])
        y[t] = V @ [p[t], q[t]]
    """,
    "without time": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny = V @ h[T]\nz[t] = h[t] * h[1]",
    "attention": """
        p[t] = tanh(W @ p[t-1] + U @ x[t])
        a[u] = softmax(p[:].T @ (A @ s[u-1]))
        s[u] = tanh(B @ s[u-1] + C @ p[:] @ a[u])
    """,
}


def context_of(name: str) -> Context:
    return Context(derive.parse(SYSTEMS[name], name=name) if name in SYSTEMS else derive.load(name))


def additive_terms(expr: sympy.Expr) -> list[sympy.Expr]:
    return list(expr.operands) if is_op(expr, "plus") else [expr]


def written_out(context: Context, term: sympy.Expr) -> sympy.Expr:
    """A contribution that is printed by name, as what it is, at the time at which it is read."""
    if isinstance(term, Ref) and context.kind(term.name) == "contribution":
        core = context.reading.equation(term.name)
        return shifted(core.expr, core.axis, term.index.shift)
    return term


@pytest.mark.parametrize("name", [*SYSTEMS, *derive.names()])
def test_the_steps_end_at_the_adjoint(name):
    """Run again one reader at a time, the rules give the terms of every printed equation, no more and no fewer."""
    context = context_of(name)
    checked = 0
    for equation in (*context.recursion, *context.of_inputs, *context.of_parameters):
        columns = [path.column for path in context.readings.paths(context.of(equation.name))]
        if context.kind(equation.name) == "contribution":  # printed by name because it divides; read by the next one
            continue
        printed = [
            term
            for summand in additive_terms(equation.expr)
            for term in additive_terms(written_out(context, summand))
            if any(refs(term))  # else a zero: nothing flows into stop(…)
            and not any(context.kind(read.name) in ("upstream", "final") for read in refs(term))
        ]
        found = [term for column in columns for term in additive_terms(column)]
        if sorted(map(str, printed)) != sorted(map(str, found)):  # a factor taken out, or what is read once inlined
            kept = list(context.reading.variables)
            assert algebra(context.adjoint, plus(*printed), kept) == algebra(context.adjoint, plus(*found), kept)
        checked += 1
    assert checked >= 4


def test_lstm_cell_state():
    context = Context(derive.load("lstm"))
    names = context.names
    through_h, through_c = context.readings.paths("c")
    assert chain(through_h, "c", names) == (
        r"\frac{\partial \mathcal{L}}{\partial h_{t}}\,\frac{\partial h_{t}}{\partial c_{t}}"
    )
    assert as_row(through_h.column, frozenset({"dh"}), names) == [
        r"\delta h_{t}^{\top}",
        r"\operatorname{diag}(o_{t} \odot (1 - \tanh^{2}(c_{t})))",
    ]
    assert rule_text(through_h.edges[0].rules, names) == "product, tanh′"
    assert str(times_of(through_c, "c", context.adjoint)[1]) == "c[t+1]"
    assert as_row(through_c.column, frozenset({"dc"}), names) == [
        r"\delta c_{t+1}^{\top}",
        r"\operatorname{diag}(f_{t+1})",
    ]


def test_a_gate_is_passed_through():
    """δf is not printed: the chain goes on to c."""
    context = Context(derive.load("lstm"))
    (path,) = context.readings.paths("z_f")
    assert [edge.reader.name for edge in path.edges] == ["f", "c"]
    assert chain(path, "z_f", context.names).count("frac") == 3


def test_a_gate_used_twice_keeps_both_readings():
    text = "u[t] = sigmoid(W @ [h[t-1], x[t]])\nh[t] = u[t] * tanh(V @ x[t]) + (1 - u[t]) * h[t-1]"
    context = Context(derive.parse(text))
    (path,) = context.readings.paths("z_u")
    assert "- h[t-1]" in str(path.column)


@pytest.fixture
def forget():
    """Forgets derivations made by rules that are changed, and those made by changed rules in the end."""

    def clear() -> None:
        for remembered in (partial, context_module._primal, context_module._adjoint, context_module._reading):
            remembered.cache_clear()

    yield clear
    clear()


def test_changing_a_rule_changes_the_text(forget, monkeypatch):
    """The text is no table of formulas: another derivative of tanh, or of the product, shows in it."""
    lstm = derive.load("lstm")

    def text() -> str:
        forget()
        context = Context(lstm)
        blocks = [*local_derivatives(context), *backward(context)]
        return "\n".join(row.latex for block in blocks if isinstance(block, Rows) for row in block.rows)

    right = text()
    record = primitives.TABLE["tanh"]
    monkeypatch.setitem(primitives.TABLE, "tanh", replace(record, meaning=lambda x: sympy.sin(x)))
    changed = text()
    monkeypatch.undo()
    assert r"1 - \tanh^{2}" in right
    assert r"1 - \tanh^{2}(c_{t})" not in changed

    def wrong(call, y, ybar, i, shape_of):
        return product(ybar, *call.operands)

    monkeypatch.setitem(primitives.TABLE, "times", replace(primitives.TABLE["times"], vjp=wrong))
    assert r"\operatorname{diag}(f_{t+1})" in right
    assert r"\operatorname{diag}(f_{t+1})" not in text()


def reasons(context: Context) -> str:
    blocks = [*local_derivatives(context), *backward(context)]
    return "\n".join(row.reason for block in blocks if isinstance(block, Rows) for row in block.rows)


def test_the_words_are_those_of_the_rules_that_fired(monkeypatch):
    """A rule with another name is named differently everywhere, and one that no longer fires is not named at all."""
    lstm = derive.load("lstm")
    right = reasons(Context(lstm))
    assert "product {eq:rule-times}, tanh′ {eq:rule-tanh}; from {eq:eq-h}" in right
    monkeypatch.setitem(forms.WORDS, "times", "entry by entry")
    renamed = reasons(Context(lstm))
    assert "entry by entry {eq:rule-times}, tanh′" in renamed
    assert "product {eq:rule-times}" not in renamed
    without = reasons(Context(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t])")))
    assert "rule-times" not in without
    assert "rule-tanh" in without


def test_every_rule_has_a_row_of_what_it_does(monkeypatch):
    rows = {row.label: row.latex for row in rule_rows("times", Notation())}
    assert rows == {"rule-times": r"\delta a_{t} = \delta y_{t} \odot b_{t}"}
    record = primitives.TABLE["times"]
    double = replace(record, vjp=lambda *given: product(sympy.Integer(2), record.vjp(*given)))
    monkeypatch.setitem(primitives.TABLE, "times", double)
    assert [row.latex for row in rule_rows("times", Notation())] == [r"\delta a_{t} = 2\,\delta y_{t} \odot b_{t}"]


@pytest.mark.parametrize("rule", [name for name in primitives.TABLE if has_row(name)])
def test_rules_can_be_shown_alone(rule):
    silent = rule in ("step", "sign")  # they pass nothing back
    assert silent or rule_rows(rule, Notation())[0].label == f"rule-{rule}"


@pytest.mark.parametrize("name", ["lstm", "gru", "rwkv-7"])
def test_every_step_names_its_rule(name):
    """No row of the derivation goes without a reason, and each line of the recursion leads to its steps."""
    blocks = backward(Context(derive.load(name)))
    rows = [row for block in blocks if isinstance(block, Rows) for row in block.rows]
    assert all(row.reason for row in rows)
    assert sum("steps from" in row.reason for row in rows) >= 2


def test_a_rule_that_is_dropped_is_missed():
    """A reader that the adjoint has and the readings have not would break the agreement that is tested above."""
    context = Context(derive.load("lstm"))
    readings = Readings(context.adjoint, context.readings.kept)
    readings.primal = tuple(e for e in readings.primal if e.name != "h")
    columns = [str(path.column) for path in readings.paths("c")]
    assert sorted(columns) != sorted(map(str, additive_terms(context.reading.equation("dc").expr)))


def test_rows_are_transposes_of_columns():
    """As a row and as a column, a linear chain has the same factors in opposite order."""
    context = Context(derive.parse("h[t] = tanh(W @ (r[t] * (V @ h[t-1])) + U @ x[t])"))
    edge = next(e for e in context.readings.edges("h"))
    bar = context.readings.cotangent[edge.reader.name]
    row = as_row(tidied(edge.contribution), frozenset({bar}), context.names)
    assert row is not None
    assert row[-1] == "V"


def test_the_row_of_a_softmax():
    context = Context(derive.parse("a[t] = softmax(x[t])\ny[t] = V @ a[t]"))
    (path,) = context.readings.paths("x")
    assert as_row(path.column, frozenset({context.readings.cotangent["a"]}), context.names) == [
        r"\delta a_{t}^{\top}",
        r"\left(\operatorname{diag}(a_{t}) - a_{t}\,a_{t}^{\top}\right)",
    ]


def test_a_sum_in_a_row_stands_in_parentheses():
    context = Context(derive.parse("y[t] = W @ x[t]\nl[t] = logsumexp(y[t]) - k[t].T @ y[t]"))
    (path,) = context.readings.paths("y")
    (row,) = all_factors(path.column, frozenset({context.readings.cotangent["l"]}), context.names)
    assert row.words == [r"\delta l_{t}", r"(\operatorname{softmax}(y_{t})^{\top} - k_{t}^{\top})"]
    assert row.jacobian() == row.words[1][1:-1]


def test_a_matrix_has_no_row():
    context = Context(derive.parse("S[t] : K, V\nS[t] = A @ S[t-1]\ny[t] = S[t] @ v"))
    (path, _) = context.readings.paths("S")
    assert as_row(path.column, frozenset({context.readings.cotangent["y"]}), context.names) is None


@pytest.mark.parametrize(
    ("text", "of", "printed"),
    [
        ("y[t] = 3 * x[t]", "x", ("3I",)),
        ("x[t] : scalar\ny[t] = -2 * x[t]", "x", ("-2",)),
        ("y[t] = x[t]**2", "x", (r"2\,\operatorname{diag}(x_{t})",)),
        ("y[t] = x[t] * tanh(x[t])", "x", (r"\operatorname{diag}(\tanh(x_{t}) + x_{t} \odot (1 - \tanh^{2}(x_{t})))",)),
        ("y[t] = A @ x[t] - B @ x[t]", "x", ("A", "- B")),
        ("y[t] = [x[t], v]", "x", (r"I_{1:D}^{\top}",)),
        ("y = sum[t](A @ x[t])", "x", ("A",)),
    ],
)
def test_local_jacobians_keep_their_numbers(text, of, printed):
    context = Context(derive.parse(text))
    (edge,) = context.readings.edges(of)
    assert jacobian(edge, context.readings.cotangent[edge.reader.name], context.names) == printed
