"""Repairs: the line of NumPy that a user is told, run on the user's own arrays."""

import re
from functools import partial

import numpy as np
import pytest

import numeric.check.arrays as arrays
from derive.expr import Fixed, Step
from numeric.check.arrays import check_arrays
from numeric.check.diagnosis.authored import Author, Unwritten
from numeric.check.diagnosis.repair import author_names
from numeric.check.diagnosis.speech import Speech
from numeric.check.variants.lanes import Derivation
from numeric.check.variants.view import View
from numeric.reference import evaluate
from tests.corpus import load

CHOSEN = {  # of each way to hold vectors and weights: an implementation of the corpus, and lines it must be told
    "01_lstm_notebook": ["df[t] = dc[t] * c[t-1]", "dbf = sum(dz_f[t].sum(1, keepdims=True) for t in steps)"],
    "02_char_rnn_globals": ["dWhy = sum(do[t] @ h[t].T for t in steps)"],
    "04_gru_torch_port": [],
    "05_rnn_batch_rows": ["g_h[t] = dz_h[t] @ Wh.T", "db = sum(dz_h[t].sum(0) for t in steps)"],
    "06_lstm_bias_row": [
        "dWLSTM[6:10, 4:8] = sum(Hout[t-1].T @ dz_f[t] for t in steps)",
        "dWLSTM[0, 4:8] = sum(dz_f[t].sum(0) for t in steps)",
    ],
    "08_gru_uw_vectors": ["dU = sum(np.outer(da_n[t], v_n[t]) for t in steps)"],
    "10_peephole_columns": ["dpf = sum((dz_f[t] * c[t-1]).sum(1, keepdims=True) for t in steps)"],
    "13_lstm_f32_fgio": [],
    "19_peephole_prev_rows": [],
    "25_bilstm_objects": [],
    "35_bahdanau_decoder": [],
    "36_gru_classifier_ce": [],
    "39_lstm_cuda_port": [],
    "46_seq2seq_rnn": [],
}
CASES = {i.name.partition("_")[2]: i for i, mistake in load.cases() if mistake is None}


class Steps:
    """A sequence of an author, read at t = 1…T, and at 0 or T + 1."""

    def __init__(self, at):
        self.at = at

    def __getitem__(self, t):
        return self.at(t)


def bound_of(implementation):
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "judge", lambda bounds, **_: found.extend(bounds))
        check_arrays(load.dump(implementation), cell=implementation.cell)
    return found[0]


def laid(array, way, rank):
    """One step (B, n) as the author holds it."""
    if way == "vectors":
        return array[0]
    return array.T if way == "columns" and rank == 1 else array


def space_of_names(view, author, dump):
    """Everything that a line can read, in the author's layouts."""
    bound, whole = view.derivation.bound, view.whole
    upstream = {whole.find("upstream", of).name: value for of, value in bound.cotangents.items()}
    values = evaluate(whole, bound.parameters, {**bound.inputs, **upstream}, bound.initial, bound.steps)
    names = {"np": np, "sigmoid": lambda a: 1 / (1 + np.exp(-a)), "sum": lambda items: sum(items)}

    def at(name, rank, t):
        return laid(values.at(name, t), author.way, rank)

    for name, var in whole.variables.items():
        if name in bound.system.parameters or len(var.shape) > 1:
            continue
        if var.axis is None:
            array = values[name]
            names[author.say(name)] = laid(array, author.way, len(var.shape)) if name in whole.batched else array
        else:
            names[author.say(name)] = Steps(partial(at, name, len(var.shape)))
    names |= {axis.upper(): view.derivation.sizes.steps(axis) for axis in whole.axes}
    names |= {key.partition("/")[2]: np.asarray(a, float) for key, a in dump.items() if key.startswith("param/")}
    return names, values


@pytest.mark.parametrize("name", CHOSEN)
def test_every_line_computes_its_left_side(name):
    implementation = CASES[name]
    bound = bound_of(implementation)
    view = View(Derivation(bound))
    names = author_names(view, Speech(bound))
    author = Author(view, lambda one: names.get(one, one))
    namespace, values = space_of_names(view, author, load.dump(implementation))
    said = []
    for equation in view.equations:
        try:
            lines = author.lines(equation)
        except Unwritten:
            continue
        for line in lines:
            said.append(line)
            left, right = line.split(" = ", 1)
            index = equation.out.index
            if isinstance(index, Step):
                sizes = range(1, view.derivation.sizes.steps(index.axis) + 1)
                for t in sizes:
                    there = {**namespace, index.axis: t}
                    got = eval(right, there)
                    np.testing.assert_allclose(got, eval(left, there), rtol=1e-9, atol=1e-12, err_msg=line)
                continue
            if isinstance(index, Fixed):
                np.testing.assert_allclose(eval(right, namespace), eval(left, namespace), rtol=1e-9, err_msg=line)
                continue
            kind, owner = view.origin(equation.name)
            axes = re.findall(r"for (\w+) in steps", right)
            steps = range(1, view.derivation.sizes.steps(axes[0]) + 1) if axes else ()
            got = eval(right, {**namespace, "steps": steps})
            if kind == "cotangent" and owner in bound.system.parameters:
                compare_gradient(bound, values[equation.name], owner, left, got, line)
            else:
                np.testing.assert_allclose(got, eval(left, namespace), rtol=1e-9, atol=1e-12, err_msg=line)
    assert len(said) >= len(view.equations) / 3
    assert set(CHOSEN[name]) <= set(said)


def compare_gradient(bound, expected, owner, left, got, line):
    addresses = bound.space.addresses(owner)
    flat = np.full(bound.space.size, np.nan)
    flat[addresses.ravel()] = expected.ravel()
    array, _, span = left.partition("[")
    claim = next((c for c in bound.claims if f"d{c.name}" == array), None)
    if claim is not None:
        expected = eval(f"held[{span}" if span else "held", {"held": flat[claim.index]})
    got = np.asarray(got)
    assert got.shape == expected.shape or claim is None, line
    got = got.reshape(expected.shape)
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12, err_msg=line)
