"""Pictures: what is drawn is what the equations say, nothing lies on top of another, and the bytes are the same."""

from __future__ import annotations

import hashlib
import itertools
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import derive
from derive.networks import NAMED, build
from derive.operands import name_operands
from derive.stability import stability
from numeric.examples import example
from numeric.reference import evaluate
from numeric.regimes import regimes
from reports.context import Context
from reports.document import Figure, Prose, Table
from reports.notation import Notation
from reports.pictures import canvas, drawing, graphviz, grid
from reports.pictures.diagram import Diagram, Edge, Node, samples
from reports.pictures.layered import layered
from reports.pictures.overview import overview
from reports.pictures.step import parts, step_graph, whole
from reports.pictures.unrolled import Path as Between
from reports.pictures.unrolled import unrolled
from reports.sections.pictures import pictures
from reports.sections.plots import plots

ROOT = Path(__file__).parents[2]
EVERY = (*derive.names(), *NAMED)
NETWORKS = ("rnn-deep", "lstm-bidirectional-deep", "encoder-decoder", "attention-bahdanau", "many-to-one", "tagger")
LAG = "h[t] = tanh(A @ h[t-1] + B @ h[t-2] + U @ x[t])"


def system_of(name):
    if name in derive.names():
        return derive.load(name)
    return build(name) if name in NAMED else derive.parse(name)


def diagrams(name):
    """All diagrams of a report that have no cycle, laid out on letters of a fixed size."""
    system = system_of(name)
    primal = name_operands(system)
    names = Notation().names(primal)
    found = [step_graph(primal, names, axis).diagram for axis in primal.axes if whole(primal, names)]
    if not found:
        found = [overview(system, names)[0], *(step_graph(primal, names, *part).diagram for part in parts(primal))]
    return [diagram for diagram in found if diagram.nodes]


def sized(diagram):
    labels = {edge.label: (5.0 * len(edge.label), 8.0) for edge in diagram.edges if edge.label}
    return layered(diagram, {node.key: (10.0 + 4 * len(node.label), 20.0) for node in diagram.nodes}, labels)


def collisions(placed):
    """What lies on top of what: nodes, labels, and arrows that run over nodes that are not their ends."""
    boxes = dict(placed.boxes)
    labels = {f"label {n}": box for n, box in enumerate(placed.labels) if box is not None}
    found = [
        (a, b)
        for (a, one), (b, other) in itertools.combinations({**boxes, **labels}.items(), 2)
        if not one.apart(other)
    ]
    for edge, curve in zip(placed.diagram.edges, placed.curves, strict=True):
        points = samples(curve)
        found += [
            (f"{edge.tail} to {edge.head}", key)
            for key, box in boxes.items()
            if key not in (edge.tail, edge.head) and any(box.holds(point, -0.01) for point in points)
        ]
    return found


# --- our own layout ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_nothing_lies_on_top_of_another(name):
    for diagram in diagrams(name):
        assert collisions(sized(diagram)) == []


def test_arrows_begin_and_end_at_their_boxes_and_point_to_the_right():
    for name in ("lstm", "gru", "rwkv-7"):
        for placed in map(sized, diagrams(name)):
            for edge, curve in zip(placed.diagram.edges, placed.curves, strict=True):
                tail, head = placed.boxes[edge.tail], placed.boxes[edge.head]
                assert curve[0] == pytest.approx((tail.x + tail.width / 2, tail.y))
                assert curve[-1] == pytest.approx((head.x - head.width / 2, head.y))
                assert curve[-1][0] > curve[0][0]


def test_the_order_untangles_what_can_be_untangled():
    """Two paths given crosswise."""
    nodes = tuple(Node(key, key) for key in "abcdef")
    edges = (Edge("a", "d"), Edge("b", "c"), Edge("d", "e"), Edge("c", "f"))
    placed = layered(Diagram(nodes, edges), dict.fromkeys("abcdef", (20.0, 20.0)), {})
    above = {key: placed.boxes[key].y > placed.boxes[other].y for key, other in ("ab", "dc", "ef")}
    assert len(set(above.values())) == 1


def test_a_cycle_has_no_layers():
    nodes = (Node("a", "a"), Node("b", "b"))
    with pytest.raises(ValueError, match="a diagram with a cycle has no layers"):
        layered(Diagram(nodes, (Edge("a", "b"), Edge("b", "a"))), {"a": (9.0, 9.0), "b": (9.0, 9.0)}, {})


@pytest.mark.needs("dot", "matplotlib")
@pytest.mark.parametrize("name", ["lstm", "rwkv-7", "attention-bahdanau"])
def test_graphviz_puts_no_box_on_another_either(name):
    for diagram in diagrams(name):
        with canvas.style():
            placed = drawing.laid_out(diagram)
        boxes = placed.boxes.values()
        assert all(one.apart(other) for one, other in itertools.combinations(boxes, 2))


# --- one step ------------------------------------------------------------------------------------------------------

# whose direct paths lead through a function, whose derivative is diagonal too
THROUGH_FUNCTIONS = {"indrnn", "indrnn-tanh", "slstm", "mlstm", "rwkv-4"}


@pytest.mark.parametrize("name", derive.names())
def test_the_thick_path_is_the_direct_path_of_the_jacobian(name):
    """Found by walking the picture, against diagonal terms of the derived Jacobian."""
    system = derive.load(name)
    try:
        analysis = stability(system)
    except ValueError:
        pytest.skip("the state is a matrix")
    expected = {path.state for r in analysis.recurrences for path in r.direct if abs(path.lag) == 1}
    primal = name_operands(system)
    found = {n for axis in primal.axes for n in step_graph(primal, Notation().names(primal), axis).direct}
    carried = {name for r in analysis.recurrences for name in r.states}
    assert found & carried <= expected
    assert (expected <= found) == (name not in THROUGH_FUNCTIONS)


def test_a_step_of_an_lstm():
    primal = name_operands(derive.load("lstm"))
    found = step_graph(primal, Notation().names(primal), "t")
    assert found.alt == (
        "Graph of one step: h[t-1], x[t], c[t-1] enter, 13 operations follow, c[t], h[t] leave. "
        "A thick path leads from the last value of c straight to the next."
    )
    labels = [node.label for node in found.diagram.nodes if node.inside]
    assert labels.count(r"$\sigma$") == 3
    assert labels.count("⊙") == 3
    assert {edge.label for edge in found.diagram.edges} == {"", "$f$", "$i$", "$g$", "$o$", "$c$"}


@pytest.mark.parametrize(
    ("name", "number"), [("lstm-bidirectional-deep", 1), ("rnn-deep", 1), ("attention-bahdanau", 2), ("clockwork", 3)]
)
def test_recurrences_that_differ_in_names_and_direction_are_drawn_once(name, number):
    assert len(parts(name_operands(system_of(name)))) == number


# --- unrolled ------------------------------------------------------------------------------------------------------


def reached(found, start):
    ahead = {}
    for tail, head in found.edges:
        ahead.setdefault(tail, []).append(head)
    seen, queue = {start}, [start]
    for place in queue:
        more = [head for head in ahead.get(place, ()) if head not in seen]
        seen.update(more)
        queue += more
    return seen


@pytest.mark.parametrize("name", ["rnn", "lstm", LAG, "rnn-deep", "rnn-bidirectional", "lstm-bidirectional-deep"])
def test_a_loss_is_reached_from_an_input_if_its_value_changes_with_it(name):
    """The arrows, against the slow evaluator with one input changed."""
    system = system_of(name)
    found = unrolled(system)
    (axis,) = system.axes
    steps = found.lengths[axis]
    case = example(system, steps, seed=4)
    (output,) = system.outputs
    usual = evaluate(system, case.parameters, case.inputs)[output]
    for at in range(1, steps + 1):
        inputs = {key: array.copy() for key, array in case.inputs.items()}
        inputs["x"][at - 1] += 0.5
        changed = np.abs(evaluate(system, case.parameters, inputs)[output] - usual).max(axis=(1, 2)) > 0
        places = reached(found, ("x", at))
        assert [(f"loss {axis}", t) in places for t in range(1, steps + 1)] == changed.tolist()


@pytest.mark.parametrize("name", ["encoder-decoder", "attention-bahdanau", "attention-luong"])
def test_every_loss_of_a_decoder_is_reached_from_every_word(name):
    found = unrolled(system_of(name))
    words, losses = found.lengths["t"], found.lengths["u"]
    for at in range(1, words + 1):
        places = reached(found, ("x", at))
        assert all(("loss u", u) in places for u in range(1, losses + 1))


def placed(name, wanted=None):
    system = system_of(name)
    found = unrolled(system, wanted)
    names = Notation().names(name_operands(system))
    sizes = {p: (10.0 + 3 * len(re.sub(r"\\\w+", "", n.label)), 20.0) for p, n in grid.nodes_of(found, names).items()}
    return grid.grid(found, names, found.path(wanted), sizes)


@pytest.mark.parametrize("name", [*NETWORKS, "rnn", "lstm", "clockwork", "attention-luong", "translation", LAG])
def test_no_arrow_of_the_unrolled_picture_runs_over_a_box(name):
    assert collisions(placed(name)) == []


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        ("rnn", None, ["loss t 5", "r0 5", "r0 4", "r0 3", "r0 2", "x 2"]),
        ("rnn", Between(3, 3), ["loss t 3", "r0 3", "x 3"]),
        ("rnn", Between(7, 5), ["loss t 7", "r0 7", "r0 6", "r0 5", "x 5"]),
        ("rnn-bidirectional", Between(2, 4), ["loss t 2", "r1 2", "r1 3", "r1 4", "x 4"]),
        ("attention-bahdanau", None, ["loss u 3", "r2 3", "h[:] 0", "r0 2", "x 2"]),
        ("many-to-one", None, ["loss 0", "r0 5", "r0 4", "r0 3", "r0 2", "x 2"]),
        ("rnn", Between(2, 5), []),
    ],
)
def test_the_path(name, wanted, expected):
    found = placed(name, wanted)
    told = [(edge.head, edge.tail) for edge in found.diagram.edges if edge.path]
    assert sorted(told) == sorted(itertools.pairwise(expected))


@pytest.mark.parametrize("path", [(0, 1), (13, 2), (5, 0)])
def test_a_path_that_cannot_be_drawn(path):
    with pytest.raises(ValueError, match="a path leads between steps 1 to 12, as in 5:2, not"):
        Between(*path)


# --- in a report ---------------------------------------------------------------------------------------------------


@pytest.mark.needs("matplotlib")
def test_figures_have_what_a_reader_needs():
    system = build("rnn-bidirectional")
    figures = [block for block in pictures(Context(system, path=(4, 1))) if isinstance(block, Figure)]
    assert len(figures) == 3
    for figure in figures:
        ElementTree.fromstring(figure.svg)
        assert figure.pdf.startswith(b"%PDF")
        assert re.search(r"\d", figure.alt)
    assert "2 recurrences: h_fwd (forward along t); h_bwd (backward along t)" in figures[0].alt
    assert "A thick path of 5 arrows through 3 state Jacobians: the loss of step 4; h_fwd at 4" in figures[-1].alt


@pytest.mark.needs("matplotlib")
def test_a_path_that_there_is_not_is_said():
    figure = pictures(Context(derive.load("rnn"), path=(1, 3)))[-1]
    assert "No path leads from the loss of step 1 to step 3." in figure.caption


def test_without_matplotlib_a_table_takes_the_place(monkeypatch):
    monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)
    _, line, table = pictures(Context(derive.load("lstm")))
    assert isinstance(line, Prose)
    assert "\n" not in line.text
    assert "bptt[report]" in line.text
    assert isinstance(table, Table)


SCRIPT = """
import sys, derive
from reports.context import Context
from reports.sections.pictures import pictures
from reports.sections.plots import plots
for block in pictures(Context(derive.load("gru"))) + plots(Context(derive.load("rnn"))):
    print(getattr(block, "svg", ""), getattr(block, "pdf", ""))
"""


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("path", ["/nowhere", "/usr/bin:/bin"])
def test_the_same_bytes_in_every_process(path, tmp_path):
    """With our own layout and with Graphviz; whatever a user's matplotlibrc says."""
    (tmp_path / "matplotlibrc").write_text("font.size: 22\nlines.linewidth: 9\nsvg.fonttype: none\n")
    digests = set()
    for seed, rc in (("0", str(ROOT)), ("1", str(tmp_path))):
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "PATH": path, "MATPLOTLIBRC": rc}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=environment, check=True, timeout=120, capture_output=True)
        assert done.stdout.count(b"%PDF") == 5
        assert b"dc:date" not in done.stdout
        assert b"CreationDate" not in done.stdout
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


@pytest.mark.needs("matplotlib")
def test_without_graphviz_the_layout_is_ours(monkeypatch):
    monkeypatch.setattr(graphviz, "program", lambda: None)
    figures = [block for block in pictures(Context(derive.load("lstm"))) if isinstance(block, Figure)]
    assert len(figures) == 2
    assert all(figure.svg and figure.pdf for figure in figures)


# --- plots ---------------------------------------------------------------------------------------------------------


@pytest.mark.needs("matplotlib")
def test_plots_say_in_numbers_what_is_seen():
    system = derive.load("gru")
    ((found,), _) = regimes(system)
    blocks = plots(Context(system))
    norms, heat, spectrum = (block for block in blocks if isinstance(block, Figure))
    for regime in found.shown:
        assert f"{regime.name}: " in norms.alt
        assert f"{regime.spectra.norms[24, 0]:.3g} at lag 24, a factor of {regime.growth:.3g} a step" in norms.alt
        assert f"{regime.name}: {regime.spectra.pairs[12, 0, 0]:.3g} in the lower left corner" in heat.alt
        radii = regime.spectra.radii[:, 0]
        assert f"radius from {radii.min():.3g} to {radii.max():.3g}" in spectrum.alt
        assert f"of norm {regime.norm:.3g} ({regime.name})" in blocks[1].text
    assert "at $D = 8$, $H = 8$, over 24 steps" in blocks[1].text
    assert "seed 0" in blocks[1].text


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize(("name", "reason"), [("rwkv-7", "S is a matrix"), ("linear-attention", "S is a matrix")])
def test_a_state_that_is_no_column_is_not_plotted_and_why(name, reason):
    text = " ".join(block.text for block in plots(Context(derive.load(name))) if isinstance(block, Prose))
    assert "Not plotted" in text
    assert reason in text


def test_without_matplotlib_plots_are_one_line(monkeypatch):
    monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)
    _, line = plots(Context(derive.load("lstm")))
    assert line == Prose(canvas.MISSING)


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("name", ["状態", "ق", "h" * 100, "é"])
def test_any_name_can_be_drawn_without_a_word_on_stderr(name, capsys):
    system = derive.parse(f"{name}[t] = tanh(W @ {name}[t-1] + x[t])")
    context = Context(system)
    assert sum(isinstance(block, Figure) for block in [*pictures(context), *plots(context)]) == 5
    assert capsys.readouterr() == ("", "")
