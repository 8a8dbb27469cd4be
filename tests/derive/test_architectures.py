"""The library: what each cell computes, written again from the paper's formula, and published numbers.

Transcriptions below use the form with two matrices, U for what is fed back and W for the input, as papers write it.
"""

import re

import numpy as np
import pytest

import derive
from derive.architectures import LIBRARY
from derive.architectures.entry import family
from numeric.reference import evaluate
from tests.canonical import canonical
from tests.derive import literature, modern
from tests.derive.test_published import GREFF

T, B, D, H = 4, 2, 3, 2
SIZES = {"D": D, "H": H, "O": 5, "P": 4, "K": 6, "C": 3, "F": 2, "N": 4, "R": 7, "V": 8}
STEPS = {**literature.STEPS, **modern.STEPS}
DECLARED = re.compile(r"(\w+)(?:\[t\])?(?:,|$)")  # names before the colon of a declaration
BINDING = """
    rnn rnn-sigmoid rnn-relu rnn-readout jordan gru-simplified gru gru-cho gru-reset-after gru-reset-after-update
    lstm lstm-1997 lstm-peephole lstm-peephole-prev lstm-peephole-full
"""


def s(a):
    return 1 / (1 + np.exp(-a))


def shapes_at(system, sizes):
    """Shapes as numbers."""

    def number(dim):
        return int(dim.subs({symbol: sizes[str(symbol)] for symbol in dim.free_symbols}))

    return {name: tuple(map(number, dims)) for name, dims in system.shapes.items()}


def normal(system, names, rng, *, sizes=SIZES, batch=()):
    """Random arrays for some quantities."""
    shapes = shapes_at(system, sizes)
    return {name: rng.normal(size=(*batch, *shapes[name])) for name in names}


def run(name, parameters, x, initial=None):
    return evaluate(derive.load(name), parameters, {"x": x}, initial)


# --- what a cell computes -----------------------------------------------------------------------------------------


def affine(p, gate, x, h):
    """U h + W x + b of a gate, from its matrix [U | W]."""
    u, w = np.split(p["W_" + gate], [len(h)], axis=1)
    return u @ h + w @ x + p["b_" + gate]


def elman(phi):
    def step(p, x, h):
        h = phi(affine(p, "h", x, h))
        return (h,), {"h": h}

    return step


def rnn_nobias(p, x, h):
    h = np.tanh(p["W_h"] @ h + p["W_x"] @ x)
    return (h,), {"h": h}


def rnn_readout(p, x, h):
    h = np.tanh(affine(p, "h", x, h))
    return (h,), {"h": h, "o": p["Q"] @ h + p["q"]}


def jordan(p, x, y):
    h = np.tanh(affine(p, "h", x, y))
    y = s(p["Q"] @ h + p["q"])
    return (y,), {"h": h, "y": y}


def gru_simplified(p, x, h):
    z = s(affine(p, "z", x, h))
    n = np.tanh(affine(p, "n", x, h))
    h = h + z * (n - h)
    return (h,), {"h": h}


def gru(after, keep):
    def step(p, x, h):
        z, r = s(affine(p, "z", x, h)), s(affine(p, "r", x, h))
        if after:
            n = np.tanh(p["W_n"] @ x + p["b_n"] + r * (p["U_n"] @ h + p["b_hn"]))
        else:
            n = np.tanh(affine(p, "n", x, r * h))
        h = z * h + (1 - z) * n if keep else (1 - z) * h + z * n
        return (h,), {"h": h, "z": z, "r": r, "n": n}

    return step


def lstm(p, x, h, c):
    i, f, o = (s(affine(p, gate, x, h)) for gate in "ifo")
    c = f * c + i * np.tanh(affine(p, "g", x, h))
    h = o * np.tanh(c)
    return (h, c), {"h": h, "c": c}


def lstm_1997(p, x, h, c):
    i, o = (s(affine(p, gate, x, h)) for gate in "io")
    c = c + i * 2 * np.tanh(affine(p, "g", x, h) / 2)
    h = o * np.tanh(c / 2)
    return (h, c), {"h": h, "c": c}


def lstm_peephole(o_sees_new):
    def step(p, x, h, c):
        i = s(affine(p, "i", x, h) + p["p_i"] * c)
        f = s(affine(p, "f", x, h) + p["p_f"] * c)
        new = f * c + i * np.tanh(affine(p, "g", x, h))
        o = s(affine(p, "o", x, h) + p["p_o"] * (new if o_sees_new else c))
        h = o * np.tanh(new)
        return (h, new), {"h": h, "c": new, "o": o}

    return step


def lstm_peephole_full(p, x, h, c):
    def gate(name):
        u, w, v = np.split(p["W_" + name], [H, H + D], axis=1)
        return s(u @ h + w @ x + v @ c + p["b_" + name])

    i, f, o = map(gate, "ifo")
    c = f * c + i * np.tanh(affine(p, "g", x, h))
    h = o * np.tanh(c)
    return (h, c), {"h": h, "c": c}


CELLS = {
    "rnn": elman(np.tanh),
    "rnn-sigmoid": elman(s),
    "rnn-relu": elman(lambda a: np.where(a > 0, a, 0)),
    "rnn-nobias": rnn_nobias,
    "rnn-readout": rnn_readout,
    "jordan": jordan,
    "gru-simplified": gru_simplified,
    "gru": gru(after=False, keep=False),
    "gru-cho": gru(after=False, keep=True),
    "gru-reset-after": gru(after=True, keep=True),
    "gru-reset-after-update": gru(after=True, keep=False),
    "lstm": lstm,
    "lstm-1997": lstm_1997,
    "lstm-peephole": lstm_peephole(o_sees_new=True),
    "lstm-peephole-prev": lstm_peephole(o_sees_new=False),
    "lstm-peephole-full": lstm_peephole_full,
}


def step_of(name):
    """A step that takes states by name and returns all values by name; cells above take states in order."""

    def step(p, x, **states):
        after, values = CELLS[name](p, x, *states.values())
        return {**values, **dict(zip(states, after, strict=True))}

    return STEPS.get(name, step)


@pytest.mark.parametrize("name", derive.names())
def test_cell_is_its_papers_formula(name):
    rng = np.random.default_rng(1)
    system, step = derive.load(name), step_of(name)
    parameters = normal(system, (*system.parameters, *system.constants), rng)
    parameters |= {"eps": abs(parameters["eps"])} if "eps" in parameters else {}
    inputs = {n: rng.normal(size=(T, B, *shapes_at(system, SIZES)[n])) for n in system.inputs}
    initial = normal(system, system.boundaries, rng, batch=(B,))
    values = evaluate(system, parameters, inputs, initial)
    for b in range(B):
        states = {state: initial[state][b] for state in system.states}
        for t in range(T):
            given = {n: array[t, b] for n, array in inputs.items()}
            given["x before"] = inputs["x"][t - 1, b] if t else initial.get("x", inputs["x"][0])[b]
            expected = step({**parameters, **given}, given["x"], **states)
            assert set(expected) >= {*system.outputs, *system.states}
            for quantity, value in expected.items():
                np.testing.assert_allclose(values[quantity][t, b], value, rtol=1e-13, atol=1e-15, equal_nan=False)
            states = {state: expected[state] for state in system.states}


# --- how cells are related ----------------------------------------------------------------------------------------


def related(one, other, translate, *, sizes=SIZES):
    """Whether `other` under translated parameters computes what `one` does, from the same random start."""
    rng = np.random.default_rng(2)
    system = derive.load(one)
    parameters = normal(system, system.parameters, rng, sizes=sizes)
    x = rng.normal(size=(T, B, sizes["D"]))
    initial = normal(system, system.states, rng, sizes=sizes, batch=(B,))
    here, there = run(one, parameters, x, initial)["h"], run(other, translate(parameters), x, initial)["h"]
    return np.allclose(here, there, rtol=1e-12, atol=1e-14)


def negate_z(p):
    return {**p, "W_z": -p["W_z"], "b_z": -p["b_z"]}


def reset_after(p):
    """Matrices of a GRU that resets before the product, as one that resets after it has them."""
    u, w = np.split(p["W_n"], [-D], axis=1)
    return {**p, "W_n": w, "U_n": u, "b_hn": np.zeros(len(u))}


def test_polarities_differ_by_the_sign_of_z():
    assert related("gru", "gru-cho", negate_z)
    assert related("gru-reset-after", "gru-reset-after-update", negate_z)
    assert not related("gru", "gru-cho", dict)
    assert not related("gru-reset-after", "gru-reset-after-update", dict)


def test_reset_before_and_after_differ_except_for_one_unit():
    assert not related("gru-cho", "gru-reset-after", reset_after)
    assert related("gru-cho", "gru-reset-after", reset_after, sizes={"D": D, "H": 1})


def test_peepholes_of_zero_are_none():
    def without(p):
        return {**p, **{f"p_{gate}": np.zeros(H) for gate in "fio"}}

    for name in ("lstm-peephole", "lstm-peephole-prev"):
        assert related("lstm", name, without)
    assert not related("lstm", "lstm-peephole", lambda p: {**without(p), "p_o": np.ones(H)})


def test_full_peepholes_contain_the_diagonal_ones_that_see_the_old_cell():
    def full(p):
        wide = {f"W_{gate}": np.hstack([p[f"W_{gate}"], np.diag(p[f"p_{gate}"])]) for gate in "fio"}
        return {n: wide.get(n, value) for n, value in p.items() if not n.startswith("p_")}

    assert related("lstm-peephole-prev", "lstm-peephole-full", full)
    assert not related("lstm-peephole", "lstm-peephole-full", full)


def test_two_matrices_are_one():
    def one_matrix(p):
        return {"W_h": np.hstack([p["W_h"], p["W_x"]]), "b_h": np.zeros(H)}

    assert related("rnn-nobias", "rnn", one_matrix)


# --- the notes' examples ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("logit", "kept"), [(40, [4, 5, 6]), (0, [2, 2.5, 3]), (-40, [0, 0, 0])])
def test_forget_gate_of_the_notes(logit, kept):
    system = derive.load("lstm")
    shapes = shapes_at(system, {"D": 4, "H": 3})
    parameters = {name: np.zeros(shapes[name]) for name in system.parameters}
    parameters |= {"b_f": np.full(3, float(logit)), "b_i": np.full(3, -40.0)}  # f is 1, ½ or 0; i * g is 0
    values = run("lstm", parameters, np.eye(4)[:1, None], {"c": np.array([[4.0, 5.0, 6.0]])})
    np.testing.assert_allclose(values["c"][0, 0], kept, rtol=1e-15, atol=1e-16)


def test_gate_of_the_notes_has_21_weights_and_3_biases():
    shapes = shapes_at(derive.load("lstm"), {"D": 4, "H": 3})
    assert shapes["W_f"] == (3, 7)
    assert shapes["b_f"] == (3,)


# --- golden numbers, catalogue section 7.3 ---------------------------------------------------------------------------

GATES = {"rnn": "h", "rnn-relu": "h", "lstm": "ifgo", "gru-reset-after": "rzn"}  # rows as PyTorch has them
GOLDEN = {  # h_T, c_T, loss, 2-norm and sum of absolute values of all gradients of PyTorch's parameters
    "rnn": ([-0.023957887658, -0.807426519693], None, 0.917151684919, 1.899769361687, 4.440373063933),
    "rnn-relu": ([0, 0], None, 0.069358525422, 0.675756129836, 1.318576318110),
    "lstm": (
        [0.031247123888, 0.191008098472],
        [0.051806118262, 0.460613337864],
        0.046009883246,
        0.180758526714,
        0.672550644194,
    ),
    "gru-reset-after": (
        [-0.241647272322, -0.321219495217],
        None,
        0.165004161775,
        0.562511397451,
        1.891955054585,
    ),
}


def torch_layout(gates):
    """Weights (input, hidden) and biases (input, hidden) of two units, filled with 0.5 sin(1), 0.5 sin(2), …"""
    shapes = [(len(gates), 2, 2), (len(gates), 2, 2), (len(gates), 2), (len(gates), 2)]
    starts = np.cumsum([0] + [np.prod(shape) for shape in shapes])
    counters = [k + np.arange(np.prod(shape)).reshape(shape) for k, shape in zip(starts, shapes, strict=False)]
    return [0.5 * np.sin(counter + 1) for counter in counters]


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_values_of_pytorch(name):
    h_last, c_last, loss, norm, absolute = GOLDEN[name]
    w_x, w_h, b_x, b_h = torch_layout(GATES[name])
    parameters = {}
    for k, gate in enumerate(GATES[name]):
        if name == "gru-reset-after" and gate == "n":
            parameters |= {"W_n": w_x[k], "U_n": w_h[k], "b_n": b_x[k], "b_hn": b_h[k]}
        else:
            parameters |= {f"W_{gate}": np.hstack([w_h[k], w_x[k]]), f"b_{gate}": b_x[k] + b_h[k]}
    x = np.cos(2 * np.arange(3)[:, None, None] + np.arange(2))
    system = derive.load(name)
    h = run(name, parameters, x)["h"]
    np.testing.assert_allclose(h[-1, 0], h_last, atol=6e-13)
    assert 0.5 * np.sum(h**2) == pytest.approx(loss, abs=6e-13)
    if c_last:
        np.testing.assert_allclose(run(name, parameters, x)["c"][-1, 0], c_last, atol=6e-13)

    adjoint = system.adjoint()
    values = evaluate(adjoint, parameters, {"x": x, adjoint.find("upstream", "h").name: h})
    flat = []
    for parameter in system.parameters:
        gradient = values[adjoint.find("cotangent", parameter).name].ravel()
        twice = parameter.startswith("b_") and parameter not in ("b_n", "b_hn")
        flat += [gradient, gradient] if twice else [gradient]  # PyTorch has two biases with one gradient
    flat = np.concatenate(flat)
    assert flat.size == sum(part.size for part in torch_layout(GATES[name]))
    assert np.linalg.norm(flat) == pytest.approx(norm, abs=6e-13)
    assert np.abs(flat).sum() == pytest.approx(absolute, abs=6e-13)


def scalars(*numbers):
    return np.array(numbers, dtype=float).reshape(-1, 1, 1)


def all_ones(name):
    system = derive.load(name)
    shapes = shapes_at(system, {"D": 1, "H": 1})
    return {name: np.full(shapes[name], 0.0 if name.startswith("b_") else 1.0) for name in system.parameters}


def test_rnn_by_hand():
    """h = tanh(0.5 x + 0.8 h): states, and the derivatives of the last by both weights and by the initial state."""
    parameters = {"W_h": np.array([[0.8, 0.5]]), "b_h": np.zeros(1)}
    x = scalars(1, 0, -1)
    adjoint = derive.load("rnn").adjoint()
    values = evaluate(adjoint, parameters, {"x": x, adjoint.find("upstream", "h").name: scalars(0, 0, 1)})
    np.testing.assert_allclose(values["h"].ravel(), [0.4621171573, 0.3537237885, -0.2136768637], atol=6e-11)
    by_weights = values[adjoint.find("cotangent", "W_h").name].ravel()
    np.testing.assert_allclose(by_weights, [0.6462435496, -0.5340975440], atol=6e-11)
    assert values.at(adjoint.find("cotangent", "h").name, 0)[0, 0] == pytest.approx(0.3361957231, abs=6e-11)


def test_lstm_by_hand():
    values = run("lstm", all_ones("lstm"), scalars(1, 1))
    np.testing.assert_allclose(values["c"].ravel(), [0.5567699411, 1.1444461580], atol=6e-11)
    np.testing.assert_allclose(values["h"].ravel(), [0.3696063529, 0.6505352232], atol=6e-11)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gru-reset-after", [0.2048242148, 0.3467530829]),
        ("gru-reset-after-update", [0.5567699411, 0.8382740923]),
    ],
)
def test_gru_by_hand(name, expected):
    values = run(name, all_ones(name), scalars(1, 1))
    np.testing.assert_allclose(values["h"].ravel(), expected, atol=6e-11)


# --- the entries --------------------------------------------------------------------------------------------------


def test_names():
    assert set(BINDING.split()) <= set(derive.names())
    assert len(set(derive.names())) == len(LIBRARY)


@pytest.mark.parametrize("entry", LIBRARY, ids=lambda entry: entry.name)
def test_entry_is_complete(entry):
    system = derive.load(entry.name)
    assert (system.name, system.title, system.source) == (entry.name, entry.title, entry.source)
    assert system.notes == entry.notes
    assert all(text == text.strip() and text for text in (entry.title, entry.source, *entry.notes))
    assert 3 + len(entry.notes) + entry.text.count("\n") <= 16, "an entry has at most 15 lines, and a blank one"
    declared = {n for line in entry.text.splitlines() if " : " in line for n in DECLARED.findall(line.split(" : ")[0])}
    assert {*system.parameters, *system.constants} == declared - {*system.inputs}
    assert not system.warnings
    assert derive.parse(str(system)) == system


def test_load_gives_the_same_system_each_time():
    assert derive.load("lstm") is derive.load("lstm")


@pytest.mark.parametrize(("wrong", "closest"), [("ltsm", "lstm"), ("gru-reset-afte", "gru-reset-after"), ("?", None)])
def test_unknown_name(wrong, closest):
    with pytest.raises(derive.UnknownArchitecture) as caught:
        derive.load(wrong)
    assert caught.value.closest == closest
    assert "\n" not in str(caught.value)
    assert repr(wrong) in str(caught.value)


@pytest.mark.parametrize("text", ["h[t] = tanh(h[t-1])", "# no name\n# source\nh[t] = x[t]", "# a: b\nh[t] = x[t]"])
def test_entry_without_name_or_source(text):
    with pytest.raises(ValueError, match="an entry begins with"):
        family(text)


# --- no two are the same up to renaming -----------------------------------------------------------------------------


def test_no_two_are_the_same_up_to_renaming():
    prints = {}
    for name in derive.names():
        prints.setdefault(canonical(derive.load(name)), []).append(name)
    assert [same for same in prints.values() if len(same) > 1] == []


RENAMED = {
    "lstm": """
        k[t] = forget[t] * k[t-1] + j[t] * m[t]
        m[t] = tanh(b4 + A4 @ [y[t-1], u[t]])
        y[t] = r[t] * tanh(k[t])
        r[t] = sigmoid(A3 @ [y[t-1], u[t]] + b3)
        forget[t] = sigmoid(A1 @ [y[t-1], u[t]] + b1)
        j[t] = sigmoid(A2 @ [y[t-1], u[t]] + b2)
    """,
    "gru": """
        u[t] : M
        a[t] = V1 @ u[t] + R1 @ y[t-1] + k1
        q[t] = sigmoid(k2 + V2 @ u[t] + R2 @ y[t-1])
        y[t] = y[t-1] + sigmoid(a[t]) * (tanh(A @ [u[t], q[t] * y[t-1]] + k) - y[t-1])
    """,
    "mgu3": "k : N\ny[t] = tanh(V @ u[t] + R @ (sigmoid(g) * y[t-1]) + k) * sigmoid(g) + y[t-1] * (1 - sigmoid(g))",
    "antisymmetric": """
        const a : scalar
        const b : scalar
        y[t] = y[t-1] + tanh(U @ u[t] - b * y[t-1] + c + (R - R.T) @ y[t-1]) * a
    """,
}


@pytest.mark.parametrize("name", RENAMED)
def test_renaming_is_seen_through(name):
    """Other names, order, separate matrices, an update written as a difference; and one that is no duplicate."""
    assert canonical(derive.parse(RENAMED[name])) == canonical(derive.load(name))
    for old, new in (("tanh", "sigmoid"), ("y[t-1])", "y[t-2])"), ("tanh(k[t])", "tanh(k[t-1])")):
        if (other := RENAMED[name].replace(old, new)) != RENAMED[name]:
            assert canonical(derive.parse(other)) != canonical(derive.load(name))


def test_a_planted_duplicate_is_found():
    """The list of forms, with one renamed entry more, has one that occurs twice."""
    forms = [canonical(derive.load(name)) for name in derive.names()]
    assert len({*forms, canonical(derive.parse(RENAMED["gru"]))}) == len(forms) == len(set(forms))


def test_names_of_the_literature_that_are_entries_already():
    """Greff's V and NP, and MUT2 with a matrix for the input of its reset gate."""
    vanilla = GREFF.replace(" + p_i * c[t-1]", "").replace(" + p_f * c[t-1]", "").replace(" + p_o * c[t]", "")
    assert canonical(derive.parse(GREFF)) == canonical(derive.load("lstm-peephole"))
    assert canonical(derive.parse(vanilla)) == canonical(derive.load("lstm"))
    mut2 = derive.load("mut2")
    text = str(mut2).replace("x[t] : H", "x[t] : D").replace("sigmoid(x[t]", "sigmoid(W_r @ x[t]")
    projected = derive.parse(re.sub(r"(W_[zh]) : H, H", r"\1 : H, D", text))
    assert canonical(projected) == canonical(derive.load("gru")) != canonical(mut2)
