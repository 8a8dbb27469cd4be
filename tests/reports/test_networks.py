"""Reports of networks: parts, folded repetitions, losses, and state Jacobians in short rows that multiply out right."""

from __future__ import annotations

import numpy
import pytest
import sympy

import derive
from derive.bounds import map_bound
from derive.expand import Expander
from derive.expr import ref
from derive.jacobian import jacobian
from derive.networks import build, stack
from derive.operands import name_operands
from reports import html
from reports.context import Context
from reports.document import Block, Heading, Prose, Row, Rows
from reports.notations import notation
from reports.sections.backward import backward
from reports.sections.chain import chain
from reports.sections.forward import forward
from reports.sections.parameters import parameters
from reports.sections.steps import MOST, step_jacobian
from reports.skeleton import folds
from reports.writing import LONGEST, broken, report

LSTM = Context(derive.load("lstm"))
ATTENTION = Context(build("attention-bahdanau"))
DEEP = Context(build("lstm-bidirectional-deep"))


def rows(blocks: list[Block]) -> list[Row]:
    return [row for block in blocks if isinstance(block, Rows) for row in block.rows]


def headings(blocks: list[Block], level: int = 2) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Heading) and block.level == level]


# --- parts --------------------------------------------------------------------------------------------------


def test_a_network_is_told_by_layer_direction_and_axis():
    assert headings(forward(LSTM)) == []
    assert headings(forward(DEEP))[:3] == [
        r"Layer 1, $t = 1, \dots, T$: $h^{\mathrm{fwd},1}_{t}$, $c^{\mathrm{fwd},1}_{t}$",
        r"Layer 1, $t = T, \dots, 1$: $h^{\mathrm{bwd},1}_{t}$, $c^{\mathrm{bwd},1}_{t}$",
        r"Every step $t$: $h^{(1)}_{t}$",
    ]
    assert headings(forward(ATTENTION))[-3:] == [
        r"Decoder, $u = 1, \dots, U$: $h^{\mathrm{dec}}_{u}$",
        "Every step $u$: $y_{u}$, $p_{u}$, $l_{u}$",
        "Once: $L$",
    ]


def test_the_gradient_runs_against_every_recurrence():
    found = headings(backward(ATTENTION))
    assert found[0] == "Once: $L$"
    assert found.index(r"Decoder, $u = U, \dots, 1$: $h^{\mathrm{dec}}_{u}$") < found.index("Every step $t$: $h_{t}$")
    assert r"Recurrence, $t = 1, \dots, T$: $h^{\mathrm{bwd}}_{t}$" in found


@pytest.mark.parametrize("context", [ATTENTION, DEEP], ids=["attention", "deep"])
def test_parts_hold_every_equation_once(context):
    for equations in (context.forward, context.recursion, context.of_parameters):
        held = [equation for part in context.parts(equations) for equation in part.equations]
        assert sorted(map(str, held)) == sorted(map(str, equations))


def test_boundary_conditions_stand_with_their_recurrence():
    blocks = backward(ATTENTION)
    at = next(i for i, block in enumerate(blocks) if isinstance(block, Heading) and block.text.startswith("Decoder"))
    texts = [row.latex + row.reason for row in blocks[at + 1].rows]
    assert any(r"\delta h^{\mathrm{dec}}_{U+1} = 0" in text and "after the last step" in text for text in texts)
    assert any(r"\delta h^{\mathrm{dec}}_{0} =" in text and "{eq:eq-h_dec-at0} computes" in text for text in texts)


# --- losses, folds, long rows -------------------------------------------------------------------------------


def test_a_loss_has_the_gradient_one():
    found = {row.label: row for row in rows(backward(ATTENTION))}
    assert found["eq-dL"].terms == ("1",)
    assert found["eq-dL"].reason == "this is the loss"
    assert not any("up_" in str(equation.expr) for equation in ATTENTION.recursion if equation.name != "dL")
    assert LSTM.loss == ""
    assert Context(ATTENTION.system, outputs=("p",)).loss == ""


def test_the_second_layer_repeats_no_steps():
    found = folds(DEEP)
    assert {str(out) for out in found} >= {"dz_f_fwd_1[t]", "dc_bwd_1[t]"}
    assert all(DEEP.of(like.name)[0] == DEEP.of(out.name)[0] for out, like in found.items())
    assert folds(LSTM) == {}
    assert len(headings(backward(DEEP), 3)) < len(DEEP.recursion) / 2
    assert "with other names" in "".join(row.reason for row in rows(backward(DEEP)))


def test_a_fold_needs_the_same_steps():
    """A layer with another function or another reader is unfolded on its own."""
    text = "\n".join(
        f"{name}[t] = {function}(W_{name} @ {name}[t-1] + U_{name} @ {below}[t])"
        for name, function, below in [("a", "tanh", "x"), ("b", "tanh", "a"), ("c", "sigmoid", "b"), *MORE]
    )
    context = Context(derive.parse(text))
    found = folds(context)
    assert "dz_c[t]" not in {str(out) for out in found}
    assert len(found) > 4


MORE = [(name, "tanh", below) for name, below in zip("defghi", "cdefgh", strict=True)]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["lstm-layer-norm", "rhn-3", "lem"])
def test_no_row_is_long(name):
    system = derive.load(name) if name in derive.names() else build(name)
    assert max(len(row.terms) for row in rows(list(report(Context(system)).blocks))) <= LONGEST


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["attention-luong-local", "glove", "embedding", "tagger", "qrnn-fo twice"])
def test_networks_in_print(name):
    """Every formula is one that the writers can set, in the notation with the most superscripts too."""
    system = stack(derive.load("qrnn-fo"), 2) if name == "qrnn-fo twice" else build(name)
    found = report(Context(system, notation=notation("ng")))
    assert "merror" not in html.render(found)
    titles = [block.text for block in found.blocks if isinstance(block, Heading) and block.level == 1]
    assert titles[:2] == ["Notation and shapes", "Forward equations"]
    assert titles[-1] == "Generated NumPy"


def test_a_long_row_goes_on_in_the_next():
    (block,) = [broken(Rows((Row("a", ("b", "- c", "+ d", "- e", "+ f"), shape="N", label="x", tail="t"),)))]
    assert [row.latex for row in block.rows] == ["a = b - c + d", r"- e + f \quad t"]
    assert [row.label for row in block.rows] == ["x", ""]


# --- detail -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("name", ["lstm", "attention-bahdanau"])
def test_a_brief_report_has_one_reason_a_row(name):
    system = LSTM.system if name == "lstm" else ATTENTION.system
    brief = list(report(Context(system, detail="brief", example="none")).blocks)  # an example is as long in both
    full = list(report(Context(system, example="none")).blocks)
    assert len(rows(brief)) < 0.6 * len(rows(full))
    assert "Local derivatives" not in headings(brief, 1)
    kept = [row for row in rows(brief) if row.label.startswith("eq-d") and "at0" not in row.label]
    assert {row.label for row in kept} <= {row.label for row in rows(full)}
    assert all("read" in row.reason for row in kept if "end" not in row.label and row.label != "eq-dL")


def test_copies_of_a_weight_add_up():
    found = rows(parameters(LSTM))
    assert [row.reason.split(":")[0] for row in found[:3]] == [
        "the gradients of the copies add up",
        "one copy",
        "over all steps",
    ]
    assert (
        found[1].latex
        == r"\frac{\partial \mathcal{L}}{\partial W_{q}^{(t)}} = \delta z^{q}_{t}\,[h_{t-1};\, x_{t}]^{\top}"
    )


# --- the state Jacobian -------------------------------------------------------------------------------------


class Numbers(dict):
    """An array for every quantity that is read, drawn when it is first asked for."""

    def __init__(self, system):
        self.system, self.source = system, numpy.random.default_rng(0)

    def __missing__(self, text):
        name = text.split("[")[0]
        shape = [1 if d == 1 else 3 if str(d) == "D" else 2 for d in (*self.system.shapes[name], 1, 1)[:2]]
        self[text] = self.source.normal(size=shape)
        return self[text]


def dense(product, system, values):
    """A product of factors as an array."""
    dims = {symbol: sympy.Integer({"D": 3}.get(str(symbol), 2)) for symbol in system.dimensions}
    reads = lambda read, at: [[sympy.Float(float(entry)) for entry in row] for row in values[str(read)]]  # noqa: E731
    expander = Expander(system.shape_of, dims, {}, reads)
    total = numpy.eye(2)
    for factor in product:
        array = numpy.array(expander.expand(factor.expr, {"t": 1})).astype(float)
        total = total @ (numpy.diag(array[:, 0]) if factor.kind == "diag" else array)
    return total


@pytest.mark.parametrize("name", ["lstm", "gru", "rhn-2", "rhn-3", "slstm", "mgu", "lem"])
def test_short_rows_multiply_out_to_the_state_jacobian(name):
    system = derive.load(name)
    primal = name_operands(system)
    values = Numbers(primal)
    found = step_jacobian(system, primal, system.states)

    def block(key):
        products = [(dense(term.product, primal, values), term.via) for term in found.blocks[key]]
        return sum(array @ block((via, *key[1:])) if via else array for array, via in products)

    whole = jacobian(system).all_lags
    assert {key for key in found.blocks if key[0] in system.states} == set(whole)
    for key, expected in whole.items():
        total = sum(dense(product, primal, values) for product in expected.terms)
        assert numpy.allclose(block(key), total, rtol=1e-12, atol=1e-12)
    assert all(len(terms) <= MOST + 1 for terms in found.blocks.values())


def test_attention_in_the_decoder_is_part_of_its_jacobian():
    found = rows(chain(ATTENTION))
    latex = [row.latex for row in found]
    assert any(r"\partial \mathrm{context}_{u}}{\partial h^{\mathrm{dec}}_{u-1}} = h_{1:T}" in text for text in latex)
    assert any(r"\operatorname{diag}(\alpha_{u}) - \alpha_{u}\,\alpha_{u}^{\top}" in text for text in latex)


def test_a_matrix_state_has_a_map():
    context = Context(derive.load("rwkv-7"))
    found = [row.latex for row in rows(chain(context))]
    assert any(
        text.endswith(
            r"= \delta S_{t} \odot \boldsymbol{1}\,w_{t}^{\top} - \delta S_{t}\,(c_{t} \odot a_{t})\,c_{t}^{\top}"
        )
        for text in found
    )
    assert any(
        r"\lVert w_{t} \rVert_{\infty} + \lVert c_{t} \odot a_{t} \rVert\,\lVert c_{t} \rVert" in text for text in found
    )


def test_the_second_direction_is_not_told_again():
    blocks = chain(DEEP)
    assert len([text for text in headings(blocks) if text.startswith("State Jacobian")]) == 1
    told = [
        block.text for block in blocks if isinstance(block, Prose) and "against the direction of time" in block.text
    ]
    assert len(told) == 3


def test_two_lags_shift():
    text = " ".join(
        b.text
        for b in chain(Context(derive.parse("h[t] = tanh(A @ h[t-1] + B @ h[t-2] + U @ x[t])")))
        if isinstance(b, Prose)
    )
    assert r"lags up to 2, so the product over lags is that of the column $s_{t} = [h_{t};\, h_{t-1}]$" in text


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_a_map_holds(seed):
    """‖A X B ⊙ E‖ in the Frobenius norm, against random matrices."""
    system = derive.parse("const A : K, K\nX[t] : K, V\nconst B : V, V\nE[t] : K, V\ny[t] = (A @ X[t] @ B) * E[t]")
    bound = map_bound(system.equation("y").expr, "X", system)
    source = numpy.random.default_rng(seed)
    values = {name: source.normal(size=(3, 3)) for name in "AXBE"}
    norms = [
        numpy.linalg.norm(values[str(norm.expr)[0]], 2) if norm.kind == "2" else abs(values[str(norm.expr)[0]]).max()
        for norm in bound.norms
    ]
    result = values["A"] @ values["X"] @ values["B"] * values["E"]
    assert numpy.linalg.norm(result) <= float(bound.number) * numpy.prod(norms) * numpy.linalg.norm(values["X"])
    assert map_bound(ref("X"), "X", system).number == 1
    assert map_bound(system.equation("y").expr, "Y", system) is None
