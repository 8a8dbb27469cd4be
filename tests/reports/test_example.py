"""The worked example: what is printed is right, and somebody with a pocket calculator gets it."""

from __future__ import annotations

import json
import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from math import exp, log, sqrt, tanh

import numpy as np
import pytest

import derive
import reports
from derive.networks import build
from reports import html, latex
from reports.context import Context
from reports.document import Prose, Report, Row, Rows, Table
from reports.notations import notation
from reports.sections.example import example
from reports.substitution import array, number
from tests.reports.test_sections import KINDS

GROUPS = re.compile(r"\s*=\s*")
LANGUAGE = [  # LaTeX of numbers → Python
    (r"\\left|\\right|\\,", ""),
    (r"\\boldsymbol\{1\}(\^\{\\top\})?", "1"),
    (r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"((\1)/(\2))"),
    (r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)"),
    (r"(\\tanh|\\sigma)\^\{2\}(\([^()]*\))", r"(\1\2)**2"),
    (r"10\^\{(-?\d+)\}", r"10**(\1)"),
    (r"e\^\{([^{}]*)\}", r"exp(\1)"),
    (r"\^\{([^{}]*)\}", r"**(\1)"),
    (r"\\cdot|\\odot", "*"),
    (r"\\operatorname", ""),
    (r"\\(log|exp)", r"\1"),
    (r"\\tanh", "tanh"),
    (r"\\sigma", "sigmoid"),
    (r"[{}]", ""),
]
FUNCTIONS = {
    **{"exp": exp, "log": log, "sqrt": sqrt, "tanh": tanh, "sigmoid": lambda z: 1 / (1 + exp(-z))},
    **{"relu": lambda z: max(z, 0), "step": lambda z: float(z > 0), "softplus": lambda z: log(1 + exp(z))},
}


def rows_of(blocks) -> list[Row]:
    return [row for block in blocks if isinstance(block, Rows) for row in block.rows]


def groups(row: Row) -> list[str]:
    """What stands between the signs of equality: symbols, numbers, values of terms, result."""
    found: list[str] = []
    for term in row.terms:
        if term.startswith("=") or not found:
            found.append(term.lstrip("= "))
        else:
            found[-1] += f" {term}"
    return found


def typed(text: str) -> float:
    """A formula without names, as somebody types it."""
    for pattern, put in LANGUAGE:
        while (new := re.sub(pattern, put, text)) != text:
            text = new
            if pattern not in (LANGUAGE[2][0],):
                break
    assert not set(re.findall(r"[A-Za-z]+", text)) - set(FUNCTIONS), text
    return float(eval(text, {"__builtins__": {}}, FUNCTIONS))


def complaints(rows, tolerance=2.001e-4) -> list[str]:
    """Rows of scalars whose numbers do not give what stands after the last sign of equality."""
    found = []
    for row in rows:
        steps = groups(row)
        if any(word in " ".join(row.terms) for word in ("matrix", "lVert")) or len(steps) < 2:
            continue
        result = typed(steps[-1])
        numbers = [step for step in steps[1:-1] if not re.search(r"_|theta|delta", step)]
        found += [f"{row.left}: {step} is not {result}" for step in numbers if abs(typed(step) - result) > tolerance]
    return found


def blocks_of(name, **options):
    system = build(name) if name in ("rnn-bidirectional", "attention-bahdanau", "many-to-one") else derive.load(name)
    return example(Context(system, **options))


SCALAR = ("rnn", "rnn-sigmoid", "lstm", "gru", "gru-reset-after", "lstm-peephole", "mgu", "indrnn", "minlstm", "rg-lru")


@pytest.mark.parametrize("name", [*SCALAR, "many-to-one", "rnn-bidirectional"])
def test_a_pocket_calculator_gets_the_printed_results(name):
    rows = rows_of(blocks_of(name))
    assert len(rows) > 15
    assert complaints(rows, 4.001e-4 if name == "rg-lru" else 2.001e-4) == []


def test_the_check_objects_to_a_wrong_digit():
    rows = rows_of(blocks_of("lstm"))
    (place,) = [n for n, row in enumerate(rows) if row.left == "c_{2}"]
    (old,) = [term for term in rows[place].terms if "0.6464" in term]
    wrong = replace(rows[place], terms=tuple(t.replace("0.6464", "0.6446") for t in rows[place].terms))
    assert old
    assert len(complaints([*rows[:place], wrong])) == 1


# --- an LSTM by hand, with the numbers that are printed -----------------------------------------------


def by_hand(weights: dict[str, np.ndarray]) -> tuple[dict[str, float], float]:
    """Two steps of the LSTM with x = 1, 2 and the loss ½ Σ (h − 1)²."""
    h = c = loss = 0.0
    values = {}
    for t, x in enumerate((1.0, 2.0), 1):
        z = {gate: weights[f"W_{gate}"] @ [h, x] + weights[f"b_{gate}"] for gate in "figo"}
        f, i, o = (1 / (1 + np.exp(-z[gate])) for gate in "fio")
        c = f * c + i * np.tanh(z["g"])
        h = o * np.tanh(c)
        loss += 0.5 * (h - 1) ** 2
        values |= {f"c_{{{t}}}": c, f"h_{{{t}}}": h, f"f_{{{t}}}": f}
    return values, loss


def test_an_lstm_by_hand():
    weights = {"W_f": [0.5, 0.3], "W_i": [-0.2, 0.4], "W_g": [0.1, -0.4], "W_o": [0.2, 0.6]}
    weights |= {"b_f": 0.1, "b_i": 0.2, "b_g": -0.1, "b_o": 0.1}
    weights = {name: np.array(value) for name, value in weights.items()}
    blocks = blocks_of("lstm")
    (given,) = [block.text for block in blocks if isinstance(block, Prose) and "Weights" in block.text]
    assert "$W_{f} = {\\begin{bmatrix} 0.5 & 0.3 \\end{bmatrix}}$, $b_{f} = 0.1$, $W_{i}" in given
    results = {row.left: groups(row)[-1] for row in rows_of(blocks)}
    values, loss = by_hand(weights)
    for left, value in values.items():
        assert typed(results[left]) == pytest.approx(float(value), abs=0.5001e-4)
    assert typed(results[r"\mathcal{L}"]) == pytest.approx(loss, abs=0.5001e-4)
    moved = dict(weights)
    for name, value in weights.items():
        slope = np.zeros(value.shape)
        for place in np.ndindex(value.shape):
            step = np.zeros(value.shape)
            step[place] = 1e-6
            up, down = (by_hand({**weights, name: value + sign * step})[1] for sign in (1, -1))
            slope[place] = (up - down) / 2e-6
        left = rf"\frac{{\partial \mathcal{{L}}}}{{\partial {name[0]}_{{{name[2]}}}}}"
        found = [
            float(word) for word in re.findall(r"-?\d+\.\d+|-?\d+", results[left].replace("{", "").replace("}", ""))
        ]
        assert np.allclose(found, slope.ravel(), rtol=0, atol=0.5001e-4), name
        moved[name] = value - 0.1 * slope
    assert typed(results[r"\mathcal{L}(\theta')"]) == pytest.approx(by_hand(moved)[1], abs=0.5001e-4)
    assert typed(results[r"\mathcal{L}(\theta')"]) < typed(results[r"\mathcal{L}(\theta)"])


# --- every kind of system -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "style"), [*((kind, "standard") for kind in KINDS), ("attention", "ng"), ("learned start", "partial")]
)
def test_every_kind_of_system_has_an_example(kind, style):
    context = Context(derive.parse(KINDS[kind], name="cell"), notation(style))
    blocks = example(context)
    assert "Left out" not in "".join(block.text for block in blocks if isinstance(block, Prose))
    assert len(rows_of(blocks)) > 3
    found = Report("x", "", tuple(unlinked(block) for block in blocks))
    ET.fromstring(re.sub(r"<!DOCTYPE html>|<script>.*</script>", "", html.render(found), flags=re.DOTALL))
    assert b"\\row" in latex.render(found)["report.tex"]


def unlinked(block):
    return Rows(tuple(replace(row, reason="") for row in block.rows)) if isinstance(block, Rows) else block


def test_a_large_network_shows_every_equation_once_and_says_so():
    blocks = blocks_of("attention-bahdanau")
    text = "".join(block.text for block in blocks if isinstance(block, Prose))
    assert "Every equation is shown once, at the step that is computed last" in text
    assert any(isinstance(block, Table) and block.header[-1] == "step 2" for block in blocks)
    lefts = [row.left for row in rows_of(blocks)]
    assert len(lefts) == len(set(lefts))
    assert r"\alpha_{2}" in lefts
    assert r"\alpha_{1}" not in lefts


def test_what_cannot_be_computed_is_left_out_with_the_reason():
    system = derive.parse("h[t] = tanh(W @ h[t-1]) * log(0 * x[t])", name="cell")
    (_, prose) = example(Context(system))
    assert isinstance(prose, Prose)
    assert prose.text.startswith("Left out: the worked example of cell has values that are not finite")


def test_the_example_is_chosen(tmp_path):
    lstm = derive.load("lstm")
    assert example(Context(lstm, example="none")) == []
    blocks = example(Context(lstm, example="notes"))
    assert any(isinstance(block, Prose) and "becomes [2 2.5 3]" in block.text for block in blocks)
    assert any(row.left == "c_{1}" and r"2 \\ 2.5 \\ 3" in row.terms[-1] for row in rows_of(blocks))
    with pytest.raises(ValueError, match="no example of lecture notes is called 'x'") as caught:
        reports.write(lstm, tmp_path, evidence=[], example="x")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("undrawn")
def test_the_json_file_has_the_numbers(tmp_path):
    (path,) = reports.write("lstm", tmp_path, formats=("json",), evidence=[])
    data = json.loads(path.read_text())["example"]
    before, after = data["loss"]
    assert after < before
    assert data["parameters"]["W_f"] == [[0.5, 0.3]]
    results = {row.left: groups(row)[-1] for row in rows_of(blocks_of("lstm"))}
    for step in (1, 2):
        ((value,),) = data["values"][f"h[{step}]"]
        assert typed(results[f"h_{{{step}}}"]) == pytest.approx(value, abs=0.5001e-4)


def test_rounding_is_stated_as_it_is():
    (text,) = [b.text for b in blocks_of("lstm") if isinstance(b, Prose) and "decimals, small" in b.text]
    assert "up to 1 in the fourth decimal" in text
    (text,) = [b.text for b in blocks_of("rnn-relu") if isinstance(b, Prose) and "decimals, small" in b.text]
    assert "gets every printed result" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.537, "0.537"), (0.53704999, "0.5370"), (1, "1"), (-0.0, "0"), (2e-5, "0.00002"),
     (3.21e-7, r"3.21 \cdot 10^{-7}"), (1.23456e-5, "0.0000123"), (1e-17, "0")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def test_matrices():
    assert array(np.array([[1.0, -0.25], [0.12345, 0]])) == (r"{\begin{bmatrix} 1 & -0.25 \\ 0.1235 & 0 \end{bmatrix}}")


def test_it_costs_little():
    """Less than half a second of processor time for the LSTM, derivation excepted."""
    context = Context(derive.load("lstm"))
    assert context.reading
    start = time.process_time()
    example(context)
    assert time.process_time() - start < 0.5
