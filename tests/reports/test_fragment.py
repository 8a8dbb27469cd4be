"""The equations alone: they compile where the comment at their head says that they do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import derive
from derive.networks import build
from reports import fragment
from reports.context import Context

DOCUMENT = r"""\documentclass{article}
%s
\begin{document}
%s
\end{document}
"""
CELLS = (  # each a run of LaTeX; the last have terms that are wider than a line
    ("lstm",),
    ("names",),
    ("lstm-bidirectional-deep", "attention-bahdanau", "rwkv-4", "encoder-decoder-cho", "translation"),
)
NAMES = "שלום[t] = tanh(W @ שלום[t-1] + é * x[t] + b_Ω)\nd_中[t] = x̂[t] * שלום[t]"


def made(name: str) -> str:
    if name == "names":
        system = derive.parse(NAMES, name=name)
    else:
        system = derive.load(name) if name in derive.names() else build(name)
    return fragment.render(Context(system), stem=name)


def preamble(text: str) -> str:
    """What the comment asks for."""
    head = text.partition("\\begin{align}")[0]
    return "\n".join(re.findall(r"^%   (.*)$", head, re.MULTILINE))


@pytest.mark.needs("latexmk")
@pytest.mark.parametrize("cells", CELLS, ids=", ".join)
def test_compiles_with_the_preamble_that_it_asks_for(cells, tmp_path):
    body, asked = [], []
    for name in cells:
        text = made(name)
        (tmp_path / f"{name}.tex").write_text(text, "utf-8")
        label = re.findall(r"\\label\{([^}]*)\}", text)[-1]
        body.append(rf"Before \input{{{name}}} after, and \eqref{{{label}}}.")
        asked += preamble(text).splitlines()
    (tmp_path / "paper.tex").write_text(DOCUMENT % ("\n".join(dict.fromkeys(asked)), "\n".join(body)), "utf-8")
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, timeout=120, capture_output=True)
    log = (tmp_path / "paper.log").read_text("latin-1")
    assert done.returncode == 0, [line for line in log.splitlines() if line.startswith(("!", "l."))]
    overfull = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    assert max(overfull, default=0) <= 1
    assert "undefined" not in re.sub(r"Font shape `[^']*'\s+undefined", "", log)
    assert "multiply defined" not in log


@pytest.mark.needs("latexmk")
def test_the_example_of_the_documentation_compiles(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "papers.md").read_text("utf-8")
    (example,) = re.findall(r"```latex\n(.*?)```", page, re.DOTALL)
    (tmp_path / "lstm+equations.tex").write_text(made("lstm"), "utf-8")
    (tmp_path / "paper.tex").write_text(example, "utf-8")
    command = ["latexmk", "-norc", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    assert subprocess.run(command, cwd=tmp_path, timeout=120, capture_output=True).returncode == 0
    log = (tmp_path / "paper.log").read_text("latin-1")
    assert "undefined" not in re.sub(r"Font shape `[^']*'\s+undefined", "", log)
    assert all(
        line in preamble(made("lstm")) for line in (r"\usepackage{amsmath,amssymb,mathtools}", r"\allowdisplaybreaks")
    )


def test_is_a_part_and_not_a_document():
    text = made("lstm")
    assert not re.search(r"\\(?:documentclass|begin\{document\}|usepackage)", re.sub("(?m)^%.*$", "", text))
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(labels) == len(set(labels))
    assert {"lstm:eq-c", "lstm:eq-dc", "lstm:eq-dh-at0"} <= set(labels)
    assert all(label.startswith("lstm:") for label in labels)


def test_every_equation_has_a_line():
    context = Context(derive.load("gru"))
    text = fragment.render(context, stem="gru")
    equations = [*context.forward, *context.recursion, *context.zeros, *context.of_parameters, *context.of_inputs]
    groups = sum(len(context.groups(tuple(part))) for part in (
        context.forward, (*context.recursion, *context.zeros), context.of_parameters,
        (*context.of_inputs, *context.at_start),
    ))  # fmt: skip
    assert len(equations) > groups > 8
    assert len(re.findall(r"\\label\{", text)) == groups
