"""Encoder and decoder: which paths exist, and that every gradient is autograd's."""

from __future__ import annotations

import numpy as np
import pytest

import derive
from derive.networks import bidirectional, encoder_decoder, loss, stack
from derive.networks.rename import renamed
from derive.networks.seq2seq import CONTEXTS, FEEDINGS
from numeric.draws import Regime, draw
from numeric.reference import evaluate

RNN, GRU, LSTM = (derive.load(name) for name in ("rnn", "gru", "lstm"))


def lines(net):
    return [str(equation) for equation in net.equations]


def test_sutskever_copies_every_state_of_a_deep_encoder():
    net = encoder_decoder(stack(LSTM, 2), stack(LSTM, 2))
    assert lines(net)[-4:] == [
        "h_1_dec[0] = h_1[T]", "c_1_dec[0] = c_1[T]", "h_2_dec[0] = h_2[T]", "c_2_dec[0] = c_2[T]"
    ]  # fmt: skip
    assert "f_1_dec[u] = sigmoid(W_f_1_dec @ [h_1_dec[u-1], target[u-1]] + b_f_1_dec)" in lines(net)


def test_cho_feeds_the_context_at_every_step():
    net = encoder_decoder(RNN, RNN, "every")
    assert lines(net)[1:] == [
        "context = tanh(W_context @ h[T])",
        "h_dec[u] = tanh(W_h_dec @ [h_dec[u-1], target[u-1], context] + b_h_dec)",
        "y[u] = W_y @ h_dec[u] + b_y",
        "p[u] = softmax(y[u])",
        "h_dec[0] = tanh(W_0_h @ context)",
    ]


def test_bahdanau_attends_with_the_state_before():
    net = encoder_decoder(bidirectional(RNN), RNN, "additive", start="h_bwd")
    assert lines(net)[2:] == [
        "h[t] = [h_fwd[t], h_bwd[t]]",
        "e[u] = tanh(U_a @ h[:] + W_a @ h_dec[u-1]).T @ v_a",
        "alpha[u] = softmax(e[u])",
        "context[u] = h[:] @ alpha[u]",
        "h_dec[u] = tanh(W_h_dec @ [h_dec[u-1], target[u-1], context[u]] + b_h_dec)",
        "y[u] = W_y @ h_dec[u] + b_y",
        "p[u] = softmax(y[u])",
        "h_dec[0] = tanh(W_0_h @ h_bwd[1])",
    ]


def test_luong_attends_with_the_state_now():
    assert lines(encoder_decoder(RNN, RNN, "general"))[1:] == [
        "h_dec[u] = tanh(W_h_dec @ [h_dec[u-1], target[u-1]] + b_h_dec)",
        "e[u] = h[:].T @ W_a @ h_dec[u]",
        "alpha[u] = softmax(e[u])",
        "context[u] = h[:] @ alpha[u]",
        "h_att[u] = tanh(W_att @ [context[u], h_dec[u]])",
        "y[u] = W_y @ h_att[u] + b_y",
        "p[u] = softmax(y[u])",
        "h_dec[0] = h[T]",
    ]


def test_input_feeding_reads_the_attentional_state_of_the_step_before():
    net = encoder_decoder(RNN, RNN, "dot", input_feeding=True)
    assert lines(net)[1] == "h_dec[u] = tanh(W_h_dec @ [h_dec[u-1], target[u-1], h_att[u-1]] + b_h_dec)"
    assert set(net.boundaries) == {"h", "target", "h_att"}
    back = net.adjoint(outputs=("p",)).defined  # Luong: what was attended to gets a gradient from all later steps
    assert "g_h_att" in back


def test_words_are_columns_of_a_table_and_the_first_is_given():
    net = loss(encoder_decoder(RNN, RNN, feeding="words"), target="word")
    assert lines(net)[1:] == [
        "h_dec[u] = tanh(W_h_dec @ [h_dec[u-1], take(E_dec, word[u-1])] + b_h_dec)",
        "y[u] = W_y @ h_dec[u] + b_y",
        "p[u] = softmax(y[u])",
        "h_dec[0] = h[T]",
        "l[u] = logsumexp(y[u]) - take(y[u].T, word[u])",
        "L = sum[u](l[u])",
    ]
    assert net.variables["word"].classes == net.shapes["y"][0]
    assert "word" in net.boundaries
    assert not net.adjoint(outputs=("L",)).find("cotangent", "word")


def test_words_are_the_one_hot_columns_of_a_unit_table():
    """With E = 1 the table's columns are one-hot targets: the same loss, and the same gradients."""
    words = loss(encoder_decoder(GRU, RNN, "additive", feeding="words", output="maxout"), target="word")
    targets = loss(encoder_decoder(GRU, RNN, "additive", output="maxout"), "cross-entropy-onehot")
    rng = np.random.default_rng(4)
    case = draw(targets, rng, Regime(3), ("L",))
    classes, batch = case.parameters["b_y"].size, case.inputs["x"].shape[1]
    word, start = rng.integers(0, classes, (case.steps["u"], batch)), rng.integers(0, classes, batch)
    up = {"up_L": np.ones(batch)}
    one = evaluate(
        words.adjoint(("L",)), {**case.parameters, "E_dec": np.eye(classes)},
        {"x": case.inputs["x"], "word": word, **up}, {"h": case.initial["h"], "word": start},
    )  # fmt: skip
    other = evaluate(
        targets.adjoint(("L",)), case.parameters, {"x": case.inputs["x"], "target": np.eye(classes)[word], **up},
        {"h": case.initial["h"], "target": np.eye(classes)[start]},
    )  # fmt: skip
    assert np.abs(one["L"] - other["L"]).max() <= 1e-13
    for parameter in targets.parameters:
        assert np.abs(one[f"d{parameter}"] - other[f"d{parameter}"]).max() <= 1e-13


def test_a_maxout_layer_reads_state_word_and_context():
    net = encoder_decoder(RNN, RNN, "additive", output="maxout")
    assert lines(net)[5:9] == [
        "pair[u] = W_pair @ [h_dec[u], target[u-1], context[u]] + b_pair",
        "maxout[u] = max(rows(pair[u], 0:M), rows(pair[u], M:2*M))",
        "y[u] = W_y @ maxout[u] + b_y",
        "p[u] = softmax(y[u])",
    ]


def test_free_running_has_a_path_through_the_prediction_that_teacher_forcing_has_not():
    forced, free = (loss(encoder_decoder(RNN, RNN, feeding=f), "cross-entropy-onehot") for f in ("targets", "own"))
    assert set(forced.boundaries) == {"h", "target"}
    assert set(free.boundaries) == {"h", "p"}
    assert "dp" not in forced.adjoint(outputs=("L",)).variables
    assert "dp" in free.adjoint(outputs=("L",)).variables
    assert forced.equation("L") == free.equation("L")


def test_the_target_of_the_loss_is_the_one_that_is_fed():
    net = loss(encoder_decoder(GRU, GRU), "cross-entropy-onehot")
    assert net.inputs == ("x", "target")


def test_dimensions_are_those_that_must_be():
    attended = encoder_decoder(bidirectional(GRU), LSTM, "additive")
    assert {str(d) for d in attended.dimensions} == {"D", "H", "H_dec", "O", "A", "T"}
    copied = encoder_decoder(GRU, GRU, "last")
    assert {str(d) for d in copied.dimensions} == {"D", "H", "O"}
    product = encoder_decoder(bidirectional(GRU), LSTM, "dot")
    assert product.shapes["h_dec"] == product.shapes["h"]


def test_the_encoder_may_run_along_another_axis():
    net = encoder_decoder(renamed(RNN, axes={"t": "j"}), RNN, "additive")
    assert net.axes == ("j", "u")
    assert derive.parse(str(net)) == net


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("feeding", FEEDINGS)
def test_gradients_are_autograds(context, feeding, gradient_error):
    """T ≠ U, T = 1, U = 1 included; the initial values are those of the encoder, and what the first step reads."""
    encoder = stack(RNN, 2) if context == "last" else bidirectional(GRU)
    decoder = stack(RNN, 2) if context == "last" else GRU
    net = encoder_decoder(encoder, decoder, context, feeding=feeding)
    net = loss(net, target="word") if feeding == "words" else loss(net, "cross-entropy-onehot")
    assert gradient_error(net, ("L",)) <= 1e-12


@pytest.mark.parametrize("context", ["last", "every", "additive", "general"])
@pytest.mark.parametrize("feeding", FEEDINGS)
def test_gradients_with_maxout_and_input_feeding_are_autograds(context, feeding, gradient_error):
    net = encoder_decoder(RNN, GRU, context, feeding=feeding, output="maxout", input_feeding=context == "general")
    net = loss(net, target="word") if feeding == "words" else loss(net, "cross-entropy-onehot")
    assert gradient_error(net, ("L",)) <= 1e-12


@pytest.mark.parametrize("context", ["additive", "dot"])
def test_lstms_of_two_layers_attend(context, gradient_error):
    net = encoder_decoder(stack(bidirectional(RNN), 2), stack(LSTM, 2), context, output="linear")
    assert gradient_error(loss(net, "squared"), ("L",)) <= 1e-12


def test_both_feedings_agree_where_the_targets_are_the_predictions():
    """Free running on its own predictions and teacher forcing with just these targets: the same forward values."""
    free = encoder_decoder(GRU, GRU, "additive", feeding="own")
    forced = encoder_decoder(GRU, GRU, "additive")
    case = draw(free, np.random.default_rng(3), Regime(4), free.outputs)
    values = evaluate(free, case.parameters, case.inputs, case.initial, case.steps)
    initial = {**case.initial, "target": case.initial["p"]}
    del initial["p"]
    again = evaluate(forced, case.parameters, {**case.inputs, "target": values["p"]}, initial, case.steps)
    assert np.array_equal(again["p"], values["p"])


BAD = [
    (lambda: encoder_decoder(RNN, RNN, "first"), "context 'first' is unknown; there are last, every, additive"),
    (lambda: encoder_decoder(RNN, RNN, feeding="beam"), "feeding 'beam' is unknown; there are targets, words, own"),
    (lambda: encoder_decoder(RNN, RNN, "additive", input_feeding=True),
     "input feeding reads the attentional state, which context 'additive' has not"),
    (lambda: encoder_decoder(RNN, RNN, output="relu"), "head 'relu' is unknown"),
    (lambda: encoder_decoder(renamed(RNN, axes={"t": "u"}), RNN), "the encoder runs along u"),
    (lambda: encoder_decoder(renamed(RNN, {}, {"H": "3"}), renamed(RNN, {}, {"H": "4"})),
     "h of the decoder is 4 × 1, but h[T] is 3 × 1"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "reason"), BAD)
def test_what_cannot_be_gets_one_line(build, reason):
    with pytest.raises(derive.EquationError) as caught:
        build()
    assert reason in caught.value.reason
    assert "\n" not in caught.value.reason


def test_a_sequence_without_a_step_is_refused_in_one_line():
    net = encoder_decoder(RNN, RNN)
    parameters = {n: np.zeros([2] * len(net.shapes[n])) for n in net.parameters}
    parameters |= {"W_h": np.zeros((2, 4)), "W_h_dec": np.zeros((2, 4))}
    with pytest.raises(ValueError, match=r"^[^\n]*$"):
        evaluate(net, parameters, {"x": np.zeros((0, 1, 2)), "target": np.zeros((3, 1, 2))})
