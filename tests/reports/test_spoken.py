"""What a listener hears of a formula."""

from __future__ import annotations

import re

import pytest

from reports import formula
from reports.mathml import to_mathml

HEARD = {
    r"\delta h_t = o_t \odot \tanh(c_t)": "delta h sub t equals o sub t elementwise times tanh ( c sub t )",
    r"\frac{\partial \mathcal{L}}{\partial W_{qh}}": "(partial L) over (partial W sub (q h))",
    r"\sum_{t=1}^{T} \delta z^{q}_t x_t^\top": ("sum from t equals 1 to T of delta z sub t super q x sub t transposed"),
    r"\sum_{q \in Q} W_q": "sum over q in Q of W sub q",
    r"\bar{h}_t - \hat y^2": "h bar sub t minus y hat squared",
    r"\overline{x + y}": "x plus y bar",
    r"\Gamma_f \boldsymbol{1}": "capital gamma sub f 1",
    r"a^{\langle t-1 \rangle}": "a super (t minus 1)",
    r"\begin{bmatrix} A & B \\ 0 & D \end{bmatrix}": "[ table A, B; 0, D; end table ]",
    r"\sqrt{x + 1}": "root of (x plus 1)",
    r"\text{שלום}_t": "שלום sub t",
}


def heard(latex: str) -> str:
    match = re.search(r'aria-label="([^"]*)"', to_mathml(latex, display=True))
    assert match is not None
    return match[1]


@pytest.mark.parametrize("latex", HEARD)
def test_formula_in_words(latex):
    assert heard(latex) == HEARD[latex]


def test_every_command_is_heard():
    """No command of the table falls silent: what it is put around is still said, or it is a word of its own."""
    silent = set(f"{formula.LAYOUT} {formula.SPACES} phantom langle rangle".split())
    for command in sorted(set(formula.COMMANDS) - silent):
        arguments = {"substack": r"{q\\r}"}.get(command, "{q}{r}" if command in formula.WITH_ARGUMENTS else "{q}")
        said = heard(rf"x \{command}{arguments} y").split()
        assert len(said) > 3 or command in formula.WITH_ARGUMENT.split(), (command, said)
        assert "q" in "".join(said), (command, said)
