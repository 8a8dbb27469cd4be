"""Conventions found: data of a library cell, laid out by hand as authors do, come back with every number in its place.

The arrays are written with NumPy alone from the cell's own values and gradients; `bind` sees only names and arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import derive
import numeric
from numeric.check.bound import Bound
from numeric.check.conventions.bind import Undecided, bind
from numeric.check.dump import Dump

D, H, B, T = 5, 4, 3, 6
Arrays = dict[str, Any]


def case(name: str, seed: int = 0) -> tuple[Arrays, Arrays]:
    """A cell's values and upstream gradients, and its gradients."""
    cell = derive.load(name)
    rng = np.random.default_rng(seed)
    sizes = {symbol: {"H": H, "D": D}[str(symbol)] for symbol in cell.dimensions}
    shape = {n: [int(d.subs(sizes)) for d in cell.shapes[n]] for n in cell.parameters}
    parameters = {n: 0.5 * rng.standard_normal(s) for n, s in shape.items()}
    inputs = {"x": rng.standard_normal((T, B, D))}
    initial = {n: 0.5 * rng.standard_normal((B, H)) for n in cell.boundaries}
    kernel = numeric.compile(cell, outputs=cell.states)
    run = kernel.forward(parameters, inputs, initial)
    up = {n: rng.standard_normal((T, B, H)) for n in cell.states}
    back = kernel.backward(run, up)
    values = {**parameters, **inputs, **run.outputs, **{n + "0": v for n, v in initial.items()}}
    grads = {**back.parameters, **back.inputs, **{n + "0": v for n, v in back.initial.items()}}
    return {**values, **{"up_" + n: v for n, v in up.items()}}, grads


def gathered(bound: Bound) -> dict[str, float]:
    """By gradient, how far the system's own gradients, gathered by the claim, are from the author's."""
    kernel = numeric.compile(bound.system, outputs=tuple(bound.cotangents))
    back = kernel.backward(kernel.forward(bound.parameters, bound.inputs, bound.initial), bound.cotangents)
    flat = bound.space.flatten({**back.parameters, **back.inputs, **{f"{n}[0]": v for n, v in back.initial.items()}})
    return {c.name: float(np.abs(flat[c.index] - c.values).max() / np.abs(c.values).max()) for c in bound.claims}


def wide(v: Arrays, letters: str, kind: str = "W") -> np.ndarray:
    """Gates one below the other."""
    return np.concatenate([v[f"{kind}_{q}"] for q in letters])


def notebook(v: Arrays) -> Arrays:
    """Columns, [a, x], one array a gate, (D, B, T)."""
    return {f"W{q.replace('g', 'c')}": v[f"W_{q}"] for q in "figo"} | {
        f"b{q.replace('g', 'c')}": v[f"b_{q}"][:, None] for q in "figo"
    }


def torch_like(v: Arrays) -> Arrays:
    """i f g o, input and recurrent apart; one bias."""
    W = wide(v, "ifgo")
    return {"weight_ih_l0": W[:, H:], "weight_hh_l0": W[:, :H], "bias": wide(v, "ifgo", "b")}


def keras_like(v: Arrays) -> Arrays:
    """i f c o, rows."""
    W = wide(v, "ifgo").T
    return {"kernel": W[H:], "recurrent_kernel": W[:H], "bias": wide(v, "ifgo", "b")}


def bias_row(v: Arrays) -> Arrays:
    """[1, x, h] in one matrix."""
    W = wide(v, "iofg")
    return {"WLSTM": np.hstack([wide(v, "iofg", "b")[:, None], W[:, H:], W[:, :H]]).T}


def bias_column(v: Arrays) -> Arrays:
    """[h, x, 1] in one matrix a gate."""
    return {f"theta_{q}": np.hstack([v[f"W_{q}"], v[f"b_{q}"][:, None]]) for q in "figo"}


def partly_stacked(v: Arrays) -> Arrays:
    """Gates together, candidate apart."""
    return {"Wg": wide(v, "ifo"), "Wc": v["W_g"], "bg": wide(v, "ifo", "b"), "bc": v["b_g"]}


def split_all(v: Arrays) -> Arrays:
    """W and U a gate, rows."""
    found = {}
    for q in "figo":
        found |= {f"W_x{q}": v[f"W_{q}"][:, H:].T, f"W_h{q}": v[f"W_{q}"][:, :H].T, f"b_{q}": v[f"b_{q}"]}
    return found


def unnamed(v: Arrays) -> Arrays:
    """Names that say nothing."""
    return {f"p{n}": v[f"W_{q}"] for n, q in enumerate("ogfi")} | {f"q{n}": v[f"b_{q}"] for n, q in enumerate("ogfi")}


def gru_split(v: Arrays) -> Arrays:
    """The candidate has no letter."""
    found = {}
    for q in "zrn":
        key = q.replace("n", "")
        found |= {"W" + key: v[f"W_{q}"][:, H:], "U" + key: v[f"W_{q}"][:, :H], "b" + key: v[f"b_{q}"]}
    return found


def gru_after(v: Arrays) -> Arrays:
    """r z n, b_hn inside the reset; the second bias of r and z is not there: the first holds it."""
    W = np.vstack([v["W_r"], v["W_z"]])
    return {
        "w_ih": np.vstack([W[:, H:], v["W_n"]]),
        "w_hh": np.vstack([W[:, :H], v["U_n"]]),
        "b_ih": np.concatenate([v["b_r"], v["b_z"], v["b_n"]]),
        "b_hn": v["b_hn"],
    }


def rnn_rows(v: Arrays) -> Arrays:
    return {"Wx": v["W_h"][:, H:].T, "Wh": v["W_h"][:, :H].T, "b": v["b_h"]}


def peephole(v: Arrays) -> Arrays:
    return notebook(v) | {f"p{q}": v[f"p_{q}"] for q in "fio"}


Axes = tuple[Callable[[Any], Any], Callable[[Any], Any], str]
TBD: Axes = (lambda a: a, lambda a: a, "T, B, D")
BTD: Axes = (lambda a: a.swapaxes(0, 1), lambda a: a, "B, T, D")
DBT: Axes = (lambda a: a.transpose(2, 1, 0), lambda a: a.T, "D, B, T")
TDB: Axes = (lambda a: a.swapaxes(1, 2), lambda a: a.T, "T, D, B")

CONVENTIONS = {
    "course notebook": ("lstm", notebook, DBT),
    "stacked as torch": ("lstm", torch_like, TBD),
    "stacked as Keras": ("lstm", keras_like, BTD),
    "bias row": ("lstm", bias_row, TBD),
    "bias column": ("lstm", bias_column, TDB),
    "partly stacked": ("lstm", partly_stacked, DBT),
    "all apart, rows": ("lstm", split_all, BTD),
    "names say nothing": ("lstm", unnamed, TBD),
    "diagonal peepholes": ("lstm-peephole", peephole, TDB),
    "peepholes of c[t-1]": ("lstm-peephole-prev", peephole, TDB),
    "full peepholes": ("lstm-peephole-full", notebook, DBT),
    "GRU, update": ("gru", gru_split, BTD),
    "GRU, keep": ("gru-cho", gru_split, DBT),
    "GRU, reset after": ("gru-reset-after", gru_after, TBD),
    "GRU, reset after, update": ("gru-reset-after-update", gru_after, BTD),
    "RNN": ("rnn", rnn_rows, BTD),
    "RNN, sigmoid": ("rnn-sigmoid", rnn_rows, TBD),
    "RNN, ReLU": ("rnn-relu", rnn_rows, DBT),
}


def laid_out(name: str, parameters: Callable[[Arrays], Arrays], axes: Axes, dtype: str = "float64") -> Arrays:
    """A dump in an author's convention."""
    values, grads = case(name)
    steps, once, _ = axes
    states = [n for n in ("h", "c") if n in values]
    found = {f"param/{n}": v for n, v in parameters(values).items()}
    found |= {f"grad/{n}": v for n, v in parameters(grads).items()}
    found |= {"input/x": steps(values["x"]), "grad/dx": steps(grads["x"])}
    for n in states:
        found |= {f"initial/{n}0": once(values[n + "0"]), f"grad/d{n}0": once(grads[n + "0"])}
        found |= {f"output/{n}": steps(values[n]), f"cotangent/d{n}": steps(values["up_" + n])}
    return {key: np.asarray(value, dtype) for key, value in found.items()}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_every_number_is_in_its_place(convention: str) -> None:
    name, parameters, axes = CONVENTIONS[convention]
    bound, *others = bind(Dump.of(laid_out(name, parameters, axes)))
    assert not others
    assert bound.system.name == name
    assert bound.worst is not None
    assert bound.worst < 1e-13
    assert f"x ({axes[2]})" in bound.convention
    errors = gathered(bound)
    assert len(errors) == len([k for k in laid_out(name, parameters, axes) if k.startswith("grad/")])
    assert max(errors.values()) < 1e-12
    assert not bound.notes


def test_peepholes_stack_in_an_order_of_their_own() -> None:
    def arranged(v: Arrays) -> Arrays:
        W = wide(v, "fogi")
        peep = np.stack([v[f"p_{q}"] for q in "ifo"])
        return {"Wh": W[:, :H], "Wx": W[:, H:], "b": wide(v, "fogi", "b"), "peep": peep}

    bound, *others = bind(Dump.of(laid_out("lstm-peephole", arranged, TBD)), family="lstm")
    assert not others
    assert max(gathered(bound).values()) < 1e-12


def test_float32_binds() -> None:
    bound, *_ = bind(Dump.of(laid_out("lstm", torch_like, TBD, "float32")))
    assert max(gathered(bound).values()) < 1e-5
    assert all(claim.precision == np.finfo("float32").eps for claim in bound.claims)


def test_a_forward_that_is_none_is_undecided() -> None:
    dump = laid_out("lstm", torch_like, TBD)
    dump["output/h"] = dump["output/h"] + 0.1 * np.cos(dump["output/c"])
    with pytest.raises(Undecided, match="nearest is LSTM") as caught:
        bind(Dump.of(dump))
    assert caught.value.difference is not None
    assert caught.value.difference > 1e-3


def test_shapes_of_no_cell_are_undecided() -> None:
    dump = laid_out("lstm", torch_like, TBD)
    del dump["param/weight_hh_l0"]
    with pytest.raises(Undecided, match="fit no cell"):
        bind(Dump.of(dump))


GOOD: Mapping[str, Any] = {"input/x": [[1.0]], "param/W": [[1.0]], "cotangent/h": [[1.0]], "grad/W": [[1.0]]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inputs/x": [1.0]}, "did you mean 'input'"),
        ({"x": [1.0]}, "key 'x' says nothing known"),
        ({"grad/W": None}, "grad/W holds object"),
        ({"param/W": [[1.0, float("nan")]]}, r"param/W holds NaN, first at \[0, 1\]"),
        ({"cotangent/h": [[float("-inf")]]}, r"cotangent/h holds infinity, first at \[0, 0\]"),
        ({"input/x": np.zeros((0, 2))}, "input/x is empty"),
        ({"param/W": np.array([1, "a"], object)}, "param/W holds object"),
        ({"param/W": [[1.0], [1.0, 2.0]]}, "param/W is no array"),
        ({"loss": [1.0, 2.0]}, "loss is one number"),
    ],
)
def test_bad_dumps_have_a_reason_of_one_line(change: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        Dump.of({**GOOD, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["input/x", "param/W", "cotangent/h", "grad/W"])
def test_a_missing_key_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=missing.partition("/")[0] + "/"):
        numeric.check_arrays({key: value for key, value in GOOD.items() if key != missing})
