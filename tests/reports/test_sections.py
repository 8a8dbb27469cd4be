"""Sections: what the LSTM's report says, and that every section copes with every kind of system."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sympy

import derive
from derive.bounds import product_bound
from derive.evidence import Evidence
from derive.networks import NAMED, build
from derive.operands import name_operands
from reports.context import Context, loss_of
from reports.document import Block, Code, Note, Prose, Row, Rows, Table
from reports.notations import notation
from reports.sections import certificate
from reports.sections.chain import chain
from reports.sections.code import renumbered
from reports.sections.counts import counts
from reports.sections.forward import notation as notation_section
from reports.terminal import show
from reports.writing import report

GOLDEN = Path(__file__).parents[1] / "golden"
LSTM = derive.load("lstm")
KINDS = {
    "lag 2": "h[t] = tanh(A @ h[t-1] + B @ h[t-2] + U @ x[t])",
    "scalars": "a : scalar\nh[t] : scalar\nx[t] : scalar\nh[t] = tanh(a * h[t-1] + x[t])",
    "without time": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny = V @ h[T]",
    "softmax": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny[t] = softmax(V @ h[t] + c)",
    "division": "h[t] = (W @ h[t-1] + U @ x[t]) / (1 + exp(V @ h[t-1]))",
    "two directions": "q[t] = q[t+1] + p[t-1]\np[t] = tanh(W @ p[t-1] + U @ x[t])",
    "embedding": "j[t] : index V\nh[t] = tanh(W @ h[t-1] + take(E, j[t]))",
    "names": "delta_h[t] = tanh(W_1 @ delta_h[t-1] + W1 @ gate_in_x[t] + b_Ω)\ndh[t] = é * delta_h[t]",
    "matrix state": "S[t] : K, V\nk[t] : K\nv[t] : V\nS[t] = 0.9 * S[t-1] + k[t] @ v[t].T\ny[t] = S[t].T @ k[t]",
    "no recurrence": "y[t] = tanh(A @ x[t-1] + B @ x[t] + C @ x[t+1])",
    "linear": "h[t] = h[t-1] + x[t]",
    "learned start": "h[t] = tanh(W @ h[t-1] + U @ x[t])\nh[0] = s",
    "stopped": "h[t] = tanh(W @ stop(h[t-1]) + U @ x[t])",
    "sum over time": "h[t] = tanh(W @ h[t-1] + U @ x[t])\ny = sum[t](h[t] * h[t])",
    "attention": """
        p[t] = tanh(W_p @ p[t-1] + U_p @ x[t])
        q[t] = tanh(W_q @ q[t+1] + U_q @ x[t])
        m[t] = [p[t], q[t]]
        a[u] = softmax(tanh(U_a @ m[:] + W_a @ s[u-1]).T @ v_a)
        s[u] = tanh(W_s @ s[u-1] + C @ m[:] @ a[u])
        s[0] = tanh(W_0 @ q[1])
    """,
}

pytestmark = pytest.mark.usefixtures("undrawn")


def rows(blocks: list[Block]) -> list[Row]:
    return [row for block in blocks if isinstance(block, Rows) for row in block.rows]


def prose(blocks: list[Block]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, Prose))


def test_golden_lstm():
    """Every row of the LSTM's report. To renew: write `text` to the file, and read the difference."""
    found = rows(list(report(Context(LSTM, example="none")).blocks))
    text = "".join(f"{row.latex}    [{row.reason}]\n" for row in found)
    assert text == (GOLDEN / "lstm-rows.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("style", ["standard", "ng", "pytorch"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_system_has_a_report(kind, style):
    """Labels, references and formulas are checked by `Report` itself."""
    found = report(Context(derive.parse(KINDS[kind], name="cell"), notation(style)))
    assert len(rows(list(found.blocks))) >= 4
    assert isinstance(found.blocks[-1], Code)


def test_paths_through_three_steps():
    blocks = chain(Context(LSTM))
    paths = [row for row in rows(blocks) if row.latex.startswith((r"\frac{\partial h_{3}}{\partial c_{1}}", "+"))]
    assert len(paths) == 8
    assert "8 paths lead from $c_{1}$ to $h_{3}$" in prose(blocks)
    assert r"$c_{t}$ has a direct path to itself, $\operatorname{diag}(f_{t})$" in prose(blocks)


def test_when_a_plain_network_vanishes():
    found = [row.latex for row in rows(chain(Context(derive.load("rnn-sigmoid"))))]
    assert any(r"\le \left(\tfrac{1}{4}\,\lVert W_{hh} \rVert\right)^{k}" in latex for latex in found)
    assert "exponentially in the lag $k$, if $" in prose(chain(Context(derive.load("rnn-sigmoid"))))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("h[t] = tanh(W @ h[t-1] + U @ x[t])", 1),
        ("h[t] = sigmoid(W @ h[t-1] + U @ x[t])", sympy.Rational(1, 4)),
        ("h[t] = 2 * sigmoid(W @ h[t-1] + U @ x[t])", sympy.Rational(1, 2)),
        ("z[t] = sigmoid(V @ x[t])\nh[t] = (1 - z[t]) * h[t-1] + z[t] * x[t]", 1),
        ("h[t] = -3 * h[t-1] + x[t]", 3),
    ],
)
def test_bounds(text, number):
    primal = name_operands(derive.parse(text))
    (block,) = derive.jacobian.jacobian(derive.parse(text)).all_lags.values()
    assert product_bound(block.terms[0], primal).number == number


def test_counts_at_sizes():
    (each, conventions, _) = [b for b in counts(Context(LSTM, sizes={"D": 4, "H": 3})) if isinstance(b, Table)]
    assert each.rows[-1][-1] == "96"
    by_name = {row[0]: row for row in conventions.rows}
    assert by_name["Keras"][2:] == ("96", "the same")
    assert by_name["PyTorch"][2] == "108"
    assert "second bias" in by_name["PyTorch"][3]


def test_the_table_of_symbols_says_what_things_are():
    table = next(block for block in notation_section(Context(LSTM)) if isinstance(block, Table))
    meanings = {row[0]: row[1] for row in table.rows}
    assert meanings["$f_{t}$, $i_{t}$, $o_{t}$"] == "gate, between 0 and 1"
    assert meanings["$h_{t}$"] == "state, output"
    assert "$W_{q} = [W_{qh} \\;\\; W_{qx}]$" in prose(notation_section(Context(LSTM)))


# --- the certificate ------------------------------------------------------------------------------------------------

HOLDS = Evidence("gradient", "autograd", 8, 1.5e-16, 1e-13, True)
FAILS = Evidence("gradient", "dot test", 8, 0.3, 1e-13, False, where="dW")


@pytest.mark.parametrize(
    ("evidence", "kind", "words"),
    [
        ((), "warning", "not checked"),
        ((HOLDS,), "pass", r"$1.5 \times 10^{-16}$ of $1.0 \times 10^{-13}$"),
        ((HOLDS, FAILS), "fail", "1 of 2 checks fail: gradient (dot test, worst at dW)"),
    ],
)
def test_certificate_in_short(evidence, kind, words):
    (note,) = certificate.in_short(Context(LSTM, evidence=evidence))
    assert isinstance(note, Note)
    assert note.kind == kind
    assert words in note.text


def test_certificate_in_full_has_a_row_for_each_check():
    table = certificate.in_full(Context(LSTM, evidence=(HOLDS, FAILS)))[1]
    assert isinstance(table, Table)
    assert [row[-1] for row in table.rows] == ["holds", "fails"]
    assert certificate.number(float("nan")) == r"\text{nan}"


def test_code_has_the_numbers_of_the_report():
    source = '"""m: made.\n\n(1) h[t] = a\n(2) g[t] = b\n"""\n\nh = a  # (1)\ng = b  # (2)\n'
    assert renumbered(source, {"h[t]": 7}) == '"""m: made.\n\n(7) h[t] = a\ng[t] = b\n"""\n\nh = a  # (7)\ng = b\n'
    code = report(Context(LSTM)).blocks[-1]
    assert isinstance(code, Code)
    assert re.search(r"^\(27\) dh\[t\] = up_h\[t\]", code.text, re.MULTILINE)
    compile(code.text, "generated", "exec")


# --- the terminal -----------------------------------------------------------------------------------------------


def test_show():
    text = show(derive.parse("h[t] = tanh(W @ h[t-1] + U @ x[t] + b)", name="rnn"), width=100)
    for line in (
        "  z_h[t] = W h[t-1] + U x[t] + b",
        "   δh[t] = ∂ℓ/∂h[t] + Wᵀ δz_h[t+1]",
        "  δz_h[t] = δh[t] ⊙ (1 - h[t]²)".replace("  δz", " δz"),
        "   ∂L/∂W = Σ[t](δz_h[t] h[t-1]ᵀ)",
        "Parameters: H*(D + H + 1)",
    ):
        assert line in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_show_names_blocks_and_breaks_sums():
    text = show(LSTM, width=64)
    assert "W_fhᵀ δz_f[t+1]" in text
    assert "+ W_ohᵀ δz_o[t+1]" in text
    equations = [line for line in text.splitlines() if line.startswith("  ")]
    assert all(len(line) <= 64 for line in equations)


TERMINAL = [  # what `bptt show` says of a network, and how a line of it begins
    ("many-to-many", "δy[t]", "δl[t] ⊙ (softmax(y[t]) - onehot(k[t]))"),
    ("many-to-one", "δy", "δL ⊙ (σ(y) - target)"),
    ("many-to-one", "∂L/∂b_y", "δy"),
    ("rnn-deep", "δh_1[t]", "W_h_2[:, h_1]ᵀ δz_h_2[t] + W_h_1[:, h_1]ᵀ δz_h_1[t+1]"),
    ("rnn-bidirectional", "δh_bwd[t]", "δh[t][h_bwd] + W_h_bwd[:, h_bwd]ᵀ δz_h_bwd[t-1]"),
    ("encoder-decoder", "δc[0]", "δc[1] ⊙ f[1]"),
    ("self-attention", "δz_alpha_1[t]", "alpha_1[t] ⊙ (δalpha_1[t] - alpha_1[t]ᵀ δalpha_1[t])"),
    ("self-attention", "width", "K"),
    ("skip-gram", "∂L/∂E", "δv onehot(word)ᵀ"),
    ("skip-gram", "v", "E[:, word]"),
]


@pytest.mark.parametrize(("name", "left", "right"), TERMINAL, ids=[f"{n} {left}" for n, left, _ in TERMINAL])
def test_show_reads_as_a_textbook(name, left, right):
    lines = show(build(name), width=100).splitlines()
    assert [line.partition(" = ")[2] for line in lines if line.strip().startswith(f"{left} = ")] == [right]


@pytest.mark.parametrize("name", NAMED)
def test_show_needs_no_word_of_the_adjoint(name):
    text = show(build(name), width=100)
    shapes, _, equations = text.partition("Forward")
    assert shapes
    assert not re.search(r"\\|reduce_to|broadcast_to|scatter|unstack|place|rows\(|Fixed|\{", equations)
    zeros = equations.partition("where these are zero")[2]
    assert all(len(line) <= 100 or line.startswith("Parameters") for line in zeros.splitlines())


def test_the_loss_is_what_is_called_so_or_the_only_number():
    assert loss_of(build("many-to-one")) == ("L",)
    assert loss_of(derive.parse("h[t] = tanh(W @ h[t-1] + x[t])\ne = h[T].T @ h[T]")) == ("e",)
    assert loss_of(LSTM) == ()
