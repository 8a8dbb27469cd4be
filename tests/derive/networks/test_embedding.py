"""Embeddings: the gradient of a lookup, the padding index, and word vectors against formulas written by hand."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import derive
import numeric
from derive.networks import build, embedded, embeddings, loss
from numeric.reference import evaluate

RNN = derive.load("rnn")
IDENTITY = derive.parse("x[t] : D\ne[t] = x[t]")
INDICES = np.array([[1, 0], [3, 3], [1, 2], [0, 3]])  # (T, B): 1 and 3 occur more than once


def arrays(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_a_lookup_is_a_product_with_a_one_hot_vector_and_so_is_its_gradient():
    """Two systems: dE of take(E, k) by scatter-add, and of E @ onehot(k) by an outer product."""
    weights = {"W_h": arrays(2, 5), "b_h": arrays(2, seed=1), "E": arrays(3, 4, seed=2)}
    taken = embedded(RNN).adjoint(outputs=("h",))
    multiplied = derive.networks.wired(
        RNN, {"x": derive.parse("q[t] : V\nE : D, V\nx[t] = E @ q[t]").equation("x").expr},
        [derive.parse("q[t] : V\nE : D, V\nx[t] = E @ q[t]").variables[name] for name in ("q", "E")],
    ).adjoint(outputs=("h",))  # fmt: skip
    up = arrays(4, 2, 2, seed=3)
    one = evaluate(taken, weights, {"k": INDICES, "up_h": up})
    other = evaluate(multiplied, weights, {"q": np.eye(4)[INDICES], "up_h": up})
    assert np.abs(one["h"] - other["h"]).max() <= 1e-15
    assert np.abs(one["dE"] - other["dE"]).max() <= 1e-14


@pytest.mark.parametrize("padding", [None, 0, 3])
def test_repeated_indices_accumulate_and_padding_gets_nothing(padding):
    net = embedded(IDENTITY, classes="5", padding=padding)
    table, up = arrays(3, 5), arrays(4, 2, 3, seed=1)
    expected, vectors = np.zeros((3, 5)), np.zeros((4, 2, 3))
    for t, b in np.ndindex(INDICES.shape):
        if INDICES[t, b] != padding:
            expected[:, INDICES[t, b]] += up[t, b]
            vectors[t, b] = table[:, INDICES[t, b]]
    kernel = numeric.compile(net)
    run = kernel.forward({"E": table}, {"k": INDICES})
    assert (run.outputs["e"] == vectors).all()
    assert np.abs(kernel.backward(run, {"e": up}).parameters["E"] - expected).max() <= 1e-15
    assert (expected[:, 4] == 0).all()


@pytest.mark.needs("torch")
@pytest.mark.parametrize("padding", [None, 0, 2])
def test_embedding_is_torchs(padding):
    import torch

    layer = torch.nn.Embedding(5, 3, padding_idx=padding, dtype=torch.float64)
    up = arrays(4, 2, 3)
    vectors = layer(torch.from_numpy(INDICES))
    (vectors * torch.from_numpy(up)).sum().backward()
    kernel = numeric.compile(embedded(IDENTITY, classes="5", padding=padding))
    run = kernel.forward({"E": layer.weight.detach().numpy().T}, {"k": INDICES})
    assert (run.outputs["e"] == vectors.detach().numpy()).all()
    found = kernel.backward(run, {"e": up}).parameters["E"]
    assert np.abs(found - layer.weight.grad.numpy().T).max() <= 1e-15


@pytest.mark.parametrize(("padding", "classes"), [(3, "V"), (3, "3"), (-1, "V"), (-1, "3"), (5, "2*V")])
def test_padding_that_may_be_no_index_gets_one_line(padding, classes):
    with pytest.raises(derive.EquationError, match=rf"^padding {padding} is no index of a table of .* classes"):
        embedded(RNN, padding=padding, classes=classes)


def test_a_table_of_one_row_that_all_examples_share():
    """A bias picked by an index, as GloVe has it: the kernel computes what the reference does."""
    system = derive.parse("b : 1, V\nu : V\nk[t] : index V\ny[t] = take(b, k[t]) + take(u.T, k[t])")
    weights = {"b": arrays(1, 4), "u": arrays(4, seed=1)}
    kernel = numeric.compile(system)
    run = kernel.forward(weights, {"k": INDICES})
    assert (run.outputs["y"] == (weights["b"][0] + weights["u"])[INDICES]).all()
    up = arrays(4, 2, seed=2)
    grads = kernel.backward(run, {"y": up}).parameters
    expected = np.array([up[j == INDICES].sum() for j in range(4)])
    assert grads["b"].shape == (1, 4)
    assert np.abs(grads["b"][0] - expected).max() <= 1e-15
    assert np.abs(grads["u"] - expected).max() <= 1e-15


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_skip_gram_is_equation_4_and_its_gradient_the_hand_written_one():
    """−log σ(u_o · v) − Σ log σ(−u_n · v), for the pair (2, 1) and the words of noise 3, 0, 3."""
    E, U, noise = arrays(4, 5), arrays(4, 5, seed=1), [3, 0, 3]
    v, u = E[:, 2], U[:, 1]
    wanted = -np.log(sigmoid(u @ v)) - sum(np.log(sigmoid(-U[:, n] @ v)) for n in noise)
    dU, dE = np.zeros_like(U), np.zeros_like(E)
    dU[:, 1] = (sigmoid(u @ v) - 1) * v
    dE[:, 2] = (sigmoid(u @ v) - 1) * u
    for n in noise:
        dU[:, n] += sigmoid(U[:, n] @ v) * v
        dE[:, 2] += sigmoid(U[:, n] @ v) * U[:, n]
    kernel = numeric.compile(embeddings.skip_gram())
    data = {"word": np.array([2]), "context": np.array([1]), "noise": np.array(noise)[:, None]}
    run = kernel.forward({"E": E, "U": U}, data)
    grads = kernel.backward(run, {"L": np.ones(1)}).parameters
    assert abs(run.outputs["L"][0] - wanted) <= 1e-14
    assert np.abs(grads["E"] - dE).max() <= 1e-14
    assert np.abs(grads["U"] - dU).max() <= 1e-14


def test_skip_gram_stays_finite_where_a_logarithm_of_a_sigmoid_would_not():
    kernel = numeric.compile(embeddings.skip_gram())
    data = {"word": np.array([0]), "context": np.array([0]), "noise": np.array([[1]])}
    run = kernel.forward({"E": np.full((1, 2), 40.0), "U": np.array([[-20.0, 20.0]])}, data)
    assert run.outputs["L"].tolist() == [1600.0]


def test_glove_is_its_weighted_least_squares_and_its_gradient_the_hand_written_one():
    """Σ f(X) (w_i · w̃_j + b_i + b̃_j − log X)², with counts below, at and above x_max = 8."""
    W, W_c, b, b_c = arrays(3, 4), arrays(3, 4, seed=1), arrays(4, seed=2), arrays(4, seed=3)
    pairs = [(0, 1, 1.0), (1, 0, 1.0), (2, 3, 8.0), (0, 2, 0.5), (0, 3, 20.0)]
    wanted, grads = 0.0, {name: np.zeros_like(a) for name, a in {"W": W, "W_c": W_c, "b": b, "b_c": b_c}.items()}
    for i, j, x in pairs:
        f = (x / 8) ** 0.75 if x < 8 else 1.0
        r = W[:, i] @ W_c[:, j] + b[i] + b_c[j] - np.log(x)
        wanted += f * r**2
        grads["W"][:, i] += 2 * f * r * W_c[:, j]
        grads["W_c"][:, j] += 2 * f * r * W[:, i]
        grads["b"][i] += 2 * f * r
        grads["b_c"][j] += 2 * f * r
    kernel = numeric.compile(embeddings.glove())
    i, j, x = (np.array(column)[:, None] for column in zip(*pairs, strict=True))
    run = kernel.forward({"W": W, "W_c": W_c, "b": b[None], "b_c": b_c[None], "x_max": 8.0}, {"i": i, "j": j, "x": x})
    found = kernel.backward(run, {"L": np.ones(1)}).parameters
    assert abs(run.outputs["L"][0] - wanted) <= 1e-12
    for name, array in grads.items():
        assert np.abs(found[name].reshape(array.shape) - array).max() <= 1e-12


@pytest.mark.parametrize("name", ["embedding", "skip-gram", "glove"])
def test_word_vectors_are_verified_by_every_oracle(name):
    evidence = numeric.verify(build(name), cases=4)
    assert len(evidence) >= 8
    assert [str(item) for item in evidence if not item.holds] == []


def test_an_embedding_whose_padding_is_learned_is_found_out(gradient_error):
    """The mask is part of the derivation: without it the gradient of column 0 is another."""
    net = loss(embedded(IDENTITY, padding=0), "squared")
    assert gradient_error(net, ("L",)) <= 1e-12
    data = {"k": np.zeros((1, 1), int), "target": np.ones((1, 1, 2)), "up_L": np.ones(1)}
    found = [
        evaluate(loss(embedded(IDENTITY, padding=p), "squared").adjoint(outputs=("L",)), {"E": np.ones((2, 3))}, data)
        for p in (0, None)
    ]
    assert (found[0]["L"], found[1]["L"]) == (1.0, 0.0)
    assert (found[0]["dE"] == 0).all()


def test_the_example_of_the_module_runs():
    assert doctest.testmod(embeddings) == doctest.TestResults(0, 1)
