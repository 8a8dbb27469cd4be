"""Dumps as people write them: single steps, T + 1 entries, classes, losses, two directions, forwards that are off.

Every dump is laid out by hand from a system's own values and gradients, and must come back with every number in place.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import derive
import numeric
from derive.networks import bidirectional, head, loss, stack
from derive.system import System
from numeric.check.bound import Bound
from numeric.check.conventions.assemble import derived
from numeric.check.conventions.bind import Undecided, bind
from numeric.check.dump import Dump

D, H, V, B, T = 5, 4, 7, 3, 6
Arrays = dict[str, Any]


def case(system: System, seed: int = 0, outputs: tuple[str, ...] = (), **sizes: int) -> Arrays:
    """Values of a system, and under d… its gradients for the upstream gradients up_…; of a loss for 1."""
    rng = np.random.default_rng(seed)
    known = {"H": H, "D": D, "O": V, "H_1": H, "H_2": 3, **sizes}
    numbers = {symbol: known[str(symbol)] for symbol in system.dimensions}
    steps = sizes.get("T", T)
    given: Arrays = {}
    for name in (*system.parameters, *system.inputs, *system.boundaries):
        var = system.variables[name]
        shape = [int(d.subs(numbers)) for d in var.shape]
        lead = [] if name in system.parameters else [steps, B] if name in system.inputs and var.axis else [B]
        key = name + "0" if name in system.boundaries else name
        if var.classes is not None:
            given[key] = rng.integers(0, V, lead)
        else:
            given[key] = rng.standard_normal([*lead, *shape]) * (0.5 if name not in system.inputs else 1.0)
    either = ("L",) if "L" in system.variables else tuple(dict.fromkeys((*system.outputs, *system.states)))
    outputs = outputs or either
    kernel = numeric.compile(system, outputs=tuple(n for n in system.defined if n in outputs or "L" in outputs))
    initial = {name: given[name + "0"] for name in system.boundaries}
    run = kernel.forward({n: given[n] for n in system.parameters}, {n: given[n] for n in system.inputs}, initial)
    up = {n: np.ones(B) if n == "L" else rng.standard_normal(run.outputs[n].shape) for n in outputs}
    back = kernel.backward(run, up)
    found = {**given, **run.outputs, **{"up_" + n: v for n, v in up.items()}}
    grads = {**back.parameters, **back.inputs, **{n + "0": v for n, v in back.initial.items()}}
    return {**found, **{"d" + n: v for n, v in grads.items()}}


def errors(bound: Bound, scale: float = 1.0) -> dict[str, float]:
    """By gradient, how far the system's own, gathered by the claim, are from the author's."""
    truth = scale * derived(bound)
    size = {c.name: float(np.abs(c.values).max()) or 1.0 for c in bound.claims}
    return {c.name: float(np.abs(truth[c.index] - c.values).max()) / size[c.name] for c in bound.claims}


def only(dump: Mapping[str, Any], **options: Any) -> Bound:
    bound, *others = bind(Dump.of(dump), **options)
    assert not others, [bound.architecture, *(other.architecture for other in others)]
    scale = next(iter(bound.scales.values()))
    found = errors(bound, scale)
    assert set(found) == {key[5:] for key in dump if key.startswith("grad/")}
    assert max(found.values()) < 1e-10, found
    return bound


def rnn(v: Arrays, key: str = "") -> Arrays:
    """Split weights, rows."""
    W, b = v[key + "W_h"], v[key + "b_h"]
    return {"Whh": W[:, :H].T, "Wxh": W[:, H:].T, "bh": b}


def parameters(v: Arrays, **more: str) -> Arrays:
    """The weights of an RNN and their gradients; `more` are parameters as they are, by the author's names."""
    found = {f"param/{n}": a for n, a in rnn(v).items()} | {f"grad/{n}": a for n, a in rnn(v, "d").items()}
    for theirs, ours in more.items():
        found |= {f"param/{theirs}": v[ours], f"grad/{theirs}": v["d" + ours]}
    return found


def test_states_with_their_initial_value_and_single_steps() -> None:
    v = case(derive.load("rnn"))
    last = np.random.default_rng(1).standard_normal((B, H))
    again = dict(v)
    again["up_h"] = v["up_h"].copy()
    again["up_h"][-1] -= last  # of which the rest comes under another name
    bound = only(
        parameters(v)
        | {"input/x": v["x"], "initial/h0": v["h0"], "output/hs": np.concatenate([v["h0"][None], v["h"]])}
        | {"output/h_last": v["h"][-1], "cotangent/hs": np.concatenate([0 * last[None], again["up_h"]])}
        | {"cotangent/h_last": last, "grad/x_last": v["dx"][-1], "grad/dh0": v["dh0"]}
    )
    np.testing.assert_allclose(bound.cotangents["h"], v["up_h"], rtol=1e-14)


def test_one_step_has_no_time_axis() -> None:
    v = case(derive.load("lstm"), T=1)
    W, dW = (np.concatenate([v[f"{d}W_{q}"] for q in "ifgo"]) for d in ("", "d"))
    b, db = (np.concatenate([v[f"{d}b_{q}"] for q in "ifgo"]) for d in ("", "d"))
    bound = only(
        {"input/x": v["x"][0], "initial/h": v["h0"], "initial/c": v["c0"], "param/W": W, "param/b": b}
        | {"output/h_next": v["h"][0], "output/c_next": v["c"][0], "cotangent/h_next": v["up_h"][0]}
        | {"cotangent/c_next": v["up_c"][0], "grad/W": dW, "grad/b": db, "grad/x": v["dx"][0]}
        | {"grad/h": v["dh0"], "grad/c": v["dc0"]}
    )
    assert "gates i,f,g,o stacked" in bound.convention


def test_integers_are_classes() -> None:
    v = case(derive.load("rnn"))
    ids = np.random.default_rng(2).integers(0, D, (T, B))
    cell = derive.load("rnn")
    kernel = numeric.compile(cell)
    run = kernel.forward({n: v[n] for n in cell.parameters}, {"x": np.eye(D)[ids]})
    back = kernel.backward(run, {"h": v["up_h"]})
    w = {**v, **{"d" + n: g for n, g in back.parameters.items()}}
    bound = only(parameters(w) | {"input/ids": ids.T, "output/h": run.outputs["h"], "cotangent/h": v["up_h"]})
    assert np.array_equal(bound.inputs["x"], np.eye(D)[ids])


@pytest.mark.parametrize("dims", [{"D": H}, {"D": 1}, {"T": B}])
def test_sizes_that_coincide_are_told_apart_by_values(dims: Mapping[str, int]) -> None:
    v = case(derive.load("rnn"), **dims)
    only(
        parameters(v)
        | {"input/x": v["x"].swapaxes(0, 1), "initial/h0": v["h0"], "output/h": v["h"].swapaxes(0, 1)}
        | {"cotangent/h": v["up_h"].swapaxes(0, 1), "grad/x": v["dx"].swapaxes(0, 1), "grad/h0": v["dh0"]}
    )


def gate_axis(v: Arrays, key: str, order: str) -> Arrays:
    """Gates on an axis of their own, the last."""
    W = np.stack([v[f"{key}W_{q}"] for q in order], axis=-1)  # (H, H + D, 4)
    return {"R": W[:, :H], "W": W[:, H:], "bias": np.stack([v[f"{key}b_{q}"] for q in order], axis=-1)}


def test_gates_on_an_axis_of_their_own_and_their_pre_activations() -> None:
    cell = derive.load("lstm")
    v = case(cell)
    adjoint = derive.operands.name_operands(cell).adjoint(outputs=("h", "c"))
    up = {adjoint.find("upstream", n).name: v["up_" + n] for n in "hc"}  # type: ignore[union-attr]
    inside = numeric.evaluate(
        adjoint, {n: v[n] for n in cell.parameters}, {"x": v["x"], **up}, {"h": v["h0"], "c": v["c0"]}
    )
    gates = np.stack([inside[adjoint.find("cotangent", f"z_{q}").name] for q in "fogi"], axis=-1)  # type: ignore[union-attr]
    bound = only(
        {f"param/{n}": a for n, a in gate_axis(v, "", "fogi").items()}
        | {f"grad/{n}": a for n, a in gate_axis(v, "d", "fogi").items()}
        | {"input/x": v["x"], "initial/h0": v["h0"], "initial/c0": v["c0"], "output/h": v["h"]}
        | {"cotangent/h": v["up_h"], "cotangent/c": v["up_c"], "grad/gates": gates, "grad/dzf": gates[..., 0]}
        | {"grad/df": inside[adjoint.find("cotangent", "f").name]}  # type: ignore[union-attr]
    )
    assert any("z_f, z_o, z_g, z_i" in note for note in bound.notes)


def test_two_biases_and_a_reset_inside() -> None:
    v = case(derive.load("gru-reset-after"))
    W, dW = (np.vstack([v[d + "W_r"], v[d + "W_z"]]) for d in ("", "d"))
    extra = np.random.default_rng(3).standard_normal(2 * H)
    found = {"input/x": v["x"], "initial/h0": v["h0"], "output/out": v["h"], "cotangent/out": v["up_h"]}
    for d, key, less in (("", "param", extra), ("d", "grad", 0)):
        m = W if d == "" else dW
        found[f"{key}/weight_ih_l0"] = np.vstack([m[:, H:], v[d + "W_n"]])
        found[f"{key}/weight_hh_l0"] = np.vstack([m[:, :H], v[d + "U_n"]])
        zr = np.concatenate([v[d + "b_r"], v[d + "b_z"]])
        found[f"{key}/bias_ih_l0"] = np.concatenate([zr - less, v[d + "b_n"]])
        found[f"{key}/bias_hh_l0"] = np.concatenate([zr * (d == "d") + less, v[d + "b_hn"]])
    bound = only(found)
    assert "two biases" in bound.convention
    assert bound.system.name == "gru-reset-after"


def torch_like(v: Arrays, d: str, copies: Mapping[str, str], width: Mapping[str, int]) -> Arrays:
    """weight_ih_l0_reverse and its kin, from the names of copies."""
    found = {}
    for copy, suffix in copies.items():
        W = np.concatenate([v[f"{d}W_{q}_{copy}"] for q in "ifgo"])
        found |= {f"weight_ih_{suffix}": W[:, width[copy] :], f"weight_hh_{suffix}": W[:, : width[copy]]}
        found |= {f"bias_{suffix}": np.concatenate([v[f"{d}b_{q}_{copy}"] for q in "ifgo"])}
    return found


@pytest.mark.parametrize(
    ("make", "copies", "out", "words"),
    [
        (bidirectional, {"fwd": "l0", "bwd": "l0_reverse"}, "h", "bidirectional LSTM"),
        (lambda cell: stack([cell, cell]), {"1": "l0", "2": "l1"}, "h_2", "two layers of LSTM"),
    ],
)
def test_two_cells(make: Any, copies: Mapping[str, str], out: str, words: str) -> None:
    v = case(make(derive.load("lstm")))
    width = dict.fromkeys(copies, H) | {"2": 3}
    found = {f"param/{n}": a for n, a in torch_like(v, "", copies, width).items()}
    found |= {f"grad/{n}": a for n, a in torch_like(v, "d", copies, width).items()}
    states = {
        name: v[f"{name}0"]
        for name in ("h_fwd", "c_fwd", "h_bwd", "c_bwd", "h_1", "c_1", "h_2", "c_2")
        if f"{name}0" in v
    }
    found |= {f"initial/{name}": a for name, a in states.items()}
    found |= {f"grad/d{name}": v[f"d{name}0"] for name in states}
    ups = {name: v["up_" + name] for name in (*states, out) if "up_" + name in v}
    found |= {f"output/{name}": v[name] for name in ups} | {f"cotangent/{name}": a for name, a in ups.items()}
    # of a state's upstream gradient and its initial value the names alone differ: initial/h_1 and output/h_1
    found = {
        (
            "output/seq_" + k[7:]
            if k.startswith("output/")
            else "cotangent/seq_" + k[10:]
            if k.startswith("cotangent/")
            else k
        ): a
        for k, a in found.items()
    }
    bound = only(found | {"input/x": v["x"], "grad/x": v["dx"]})
    assert bound.architecture == words


@pytest.mark.parametrize("apart", [False, True])
def test_a_read_out_of_two_directions_may_be_two_arrays(apart: bool) -> None:
    v = case(head(bidirectional(derive.load("rnn"))))
    found = {"input/x": v["x"], "output/y": v["y"], "cotangent/y": v["up_y"], "grad/x": v["dx"]}
    zero = head(bidirectional(derive.load("rnn")))
    kernel = numeric.compile(zero, outputs=("y",))
    run = kernel.forward({n: v[n] for n in zero.parameters}, {"x": v["x"]})
    back = kernel.backward(run, {"y": v["up_y"]})
    found |= {"output/y": run.outputs["y"], "grad/x": back.inputs["x"]}
    for kind, of in (("param", v), ("grad", back.parameters)):
        for copy in ("fwd", "bwd"):
            W = of[f"W_h_{copy}"]
            found |= {f"{kind}/U_{copy}": W[:, :H], f"{kind}/W_{copy}": W[:, H:], f"{kind}/b_{copy}": of[f"b_h_{copy}"]}
        Q = of["W_y"]
        found |= {f"{kind}/V_fwd": Q[:, :H], f"{kind}/V_bwd": Q[:, H:]} if apart else {f"{kind}/V": Q}
        found |= {f"{kind}/c": of["b_y"]}
    assert only(found).architecture == "bidirectional RNN, tanh, linear read-out"


def test_a_read_out_of_all_steps_side_by_side() -> None:
    reads = ", ".join(f"h[{t + 1}]" for t in range(T))
    cell = derive.parse(f"W_h : H, D + H\nh[t] = tanh(W_h @ [h[t-1], x[t]] + b_h)\ny = W_y @ [{reads}] + b_y")
    v = case(cell, outputs=("y",))
    found = parameters(v, Wo="W_y", bo="b_y") | {"input/x": v["x"], "initial/h0": v["h0"], "grad/x": v["dx"]}
    bound = only(found | {"output/y": v["y"], "cotangent/y": v["up_y"]})
    assert bound.architecture == "RNN, tanh, linear read-out of all steps"


LOSSES = {
    "softmax, classes, mean over B": ("softmax", "cross-entropy", "mean over B", "softmax cross-entropy"),
    "binary, sum": ("sigmoid", "binary", "sum", "binary cross-entropy"),
    "squared without ½, mean over all": ("linear", "squared", "mean over B, T, classes, without ½", "squared error"),
}


def lossy(kind: str, of: str, at: str = "every") -> tuple[Arrays, Arrays, str]:
    """A dump of an RNN with a read-out that differentiates Σ L, the values, and the name of the target."""
    system = loss(head(derive.load("rnn"), kind, at=at), of)
    goal = next(n for n in system.inputs if n != "x")
    v = case(system)
    found = parameters(v, Why="W_y", by="b_y")
    found |= {"input/x": v["x"], "initial/h0": v["h0"], "target/t": v[goal], "output/h": v["h"], "grad/x": v["dx"]}
    return found, v, goal


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_recognised_by_its_number(name: str) -> None:
    kind, of, scale, words = LOSSES[name]
    found, v, goal = lossy(kind, of)
    if of == "binary":  # any number is a target of the squared error; of this one only what is in 0…1
        system = loss(head(derive.load("rnn"), kind), of)
        v[goal] = (v[goal] > 0).astype(float)
        kernel = numeric.compile(system, outputs=("h", "L"))
        run = kernel.forward({n: v[n] for n in system.parameters}, {"x": v["x"], goal: v[goal]}, {"h": v["h0"]})
        back = kernel.backward(run, {"L": np.ones(B)})
        w = {**v, **run.outputs, **{"d" + n: g for n, g in {**back.parameters, **back.inputs}.items()}}
        found |= parameters(w, Why="W_y", by="b_y") | {"target/t": v[goal], "grad/x": w["dx"]}
        v = w
    factor = {"mean over B": 1 / B, "sum": 1.0}.get(scale, 2 / (B * T * V))
    scaled = {key: factor * a if key.startswith("grad/") else a for key, a in found.items()}
    bound = only({**scaled, "loss": factor * v["L"].sum()})
    assert dict(bound.scales) == {scale: pytest.approx(factor)}
    assert f"{words} at every step" in bound.architecture
    assert np.array_equal(bound.cotangents["L"], np.ones(B))


def test_a_loss_of_the_last_step() -> None:
    found, v, _ = lossy("softmax", "cross-entropy", at="last")
    bound = only({**found, "loss": v["L"].sum()})
    assert bound.architecture.endswith("softmax cross-entropy of the last step")


def test_a_printed_loss_of_another_kind_is_a_note() -> None:
    found, v, _ = lossy("softmax", "cross-entropy")
    bound, *_ = bind(Dump.of({**found, "loss": 3 * v["L"].sum() + 1}), loss="cross-entropy")
    assert any("printed loss" in note for note in bound.notes)
    assert set(bound.scales) == {"sum", "mean over B", "mean over T", "mean over B, T"}
    assert max(errors(bound).values()) < 1e-10


def test_without_outputs_the_loss_is_compared() -> None:
    found, v, _ = lossy("linear", "squared")
    del found["output/h"]
    bound = only({**found, "loss": v["L"].sum()})
    assert "RNN, tanh, linear read-out" in bound.architecture
    assert bound.worst is None


def test_without_any_forward_value_gradients_decide_and_a_note_says_so() -> None:
    v = case(derive.load("rnn-sigmoid"))
    bound, *_ = bind(Dump.of(parameters(v) | {"input/x": v["x"], "initial/h0": v["h0"], "cotangent/h": v["up_h"]}))
    assert bound.architecture == "RNN, sigmoid"
    assert any("the forward is not compared" in note for note in bound.notes)


WRONG = {
    "no tanh": ("h[t] = o[t] * tanh(c[t])", "h[t] = o[t] * c[t]", "o * c in place of o * tanh(c)"),
    "f forgotten": ("f[t] * c[t-1] + i", "c[t-1] + i", "c[t] = c[t-1] + i[t] * g[t] instead"),
    "carries tanh(c)": (
        "c[t] = f[t] * c[t-1] + i[t] * g[t]\nh[t] = o[t] * tanh(c[t])",
        "c[t] = tanh(f[t] * c[t-1] + i[t] * g[t])\nh[t] = o[t] * c[t]",
        "carries tanh",
    ),
    "puts out i * tanh(c)": ("h[t] = o[t] *", "h[t] = i[t] *", "h[t] = i[t] * tanh(c[t]) instead"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_forward_that_is_one_change_off(mistake: str) -> None:
    old, new, words = WRONG[mistake]
    text = str(derive.load("lstm"))
    assert old in text
    v = case(derive.parse(text.replace(old, new)), outputs=("h", "c"))
    found = {"input/x": v["x"], "initial/h0": v["h0"], "initial/c0": v["c0"], "output/h": v["h"], "output/c": v["c"]}
    for kind, d in (("param", ""), ("grad", "d")):
        found |= {f"{kind}/{name}{q}": v[f"{d}{name}_{q}"] for q in "fiog" for name in "Wb"}
    cell = None if mistake == "no tanh" else derive.load("lstm")  # among all cells the search is ten times as long
    bound = only(found | {"cotangent/h": v["up_h"], "cotangent/c": v.get("up_c", 0 * v["c"])}, cell=cell)
    assert any(words in change for change in bound.changed), bound.changed


def test_an_output_with_the_values_of_another_is_read_both_ways() -> None:
    v = case(derive.load("lstm"))
    found = {"input/x": v["x"], "output/h": v["c"], "cotangent/h": v["up_h"]}
    zero = derive.load("lstm")
    kernel = numeric.compile(zero, outputs=("h", "c"))
    run = kernel.forward({n: v[n] for n in zero.parameters}, {"x": v["x"]})
    found["output/h"] = run.outputs["c"]
    back = kernel.backward(run, {"h": v["up_h"]})
    for q in "fiog":
        found |= {f"param/W{q}": v[f"W_{q}"], f"grad/W{q}": back.parameters[f"W_{q}"]}
        found |= {f"param/b{q}": v[f"b_{q}"], f"grad/b{q}": back.parameters[f"b_{q}"]}
    first, second = bind(Dump.of(found))
    assert (set(first.cotangents), set(second.cotangents)) == ({"h"}, {"c"})
    assert max(errors(first).values()) < 1e-12
    assert first.changed == ("output/h has the values of c, not of h",)


def test_a_cell_of_ones_own() -> None:
    cell = derive.parse("f[t] = sigmoid(W @ x[t] + U @ s[t-1] + b)\ns[t] = s[t-1] * f[t] + (1 - f[t]) * (V @ x[t])")
    v = case(cell)
    found = {f"{kind}/{n}": v[d + n].T for kind, d in (("param", ""), ("grad", "d")) for n in "WUVb"}
    only(found | {"input/x": v["x"], "initial/s0": v["s0"], "output/s": v["s"], "cotangent/s": v["up_s"]}, cell=cell)


def test_the_user_can_say_what_names_do_not() -> None:
    v = case(derive.load("rnn"))
    dump = Dump.of(parameters(v) | {"input/x": v["x"], "output/h": 0 * v["h"], "cotangent/h": v["up_h"]})
    with pytest.raises(ValueError, match="did you mean 'output/h'"):
        bind(dump, mapping={"output/g": "h"})
    with pytest.raises(ValueError, match="loss 'mean' is unknown"):
        bind(Dump.of(lossy("linear", "squared")[0]), loss="mean")
    good = Dump.of(
        parameters(v) | {"input/x": v["x"], "initial/h0": v["h0"], "output/h": v["h"], "cotangent/h": v["up_h"]}
    )
    assert bind(good, mapping={"output/h": "h", "param/Wxh": "h"}, convention="rows; x (T, B, D)")
    with pytest.raises(Undecided, match="not with 'columns'"):
        bind(good, convention="columns")
