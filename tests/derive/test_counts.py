"""Counts against what the frameworks print (catalogue §7.1), and recognition by structure."""

import pytest
import sympy

import derive
from derive.conventions import conventions, layers_of
from derive.counts import count_report, operations, parameter_count, parameter_counts, stored_numbers
from tests.texts import GRU_AFTER, LSTM, RNN

LSTM_OTHERWISE = """
out[t] = keep[t] * squashed[t]
squashed[t] = tanh(memory[t])
keep[t] = sigmoid(k + K @ v[t] + R @ out[t-1])
memory[t] = cand[t] * write[t] + memory[t-1] * hold[t]
cand[t] = tanh(C @ [v[t], out[t-1]] + cb)
pre[t] = L @ out[t-1]
write[t] = sigmoid(from_input[t] + pre[t])
from_input[t] = M @ v[t] + m
hold[t] = sigmoid(Q @ v[t] + P @ out[t-1] + p)
"""
GRU_BEFORE = """
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]
"""
GRU_OTHERWISE = """
gated[t] = reset[t] * s[t-1]
reset[t] = sigmoid(A @ s[t-1] + a + B @ v[t])
s[t] = s[t-1] + update[t] * (new[t] - s[t-1])
update[t] = sigmoid(E @ v[t] + F @ s[t-1] + e)
new[t] = tanh(G @ v[t] + J @ gated[t] + j)
"""
PEEPHOLE = """
p_f, p_i, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = f[t] * c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])
"""


def without_bias(text: str) -> str:
    for bias in ("b_f", "b_i", "b_g", "b_o", "b_z", "b_r", "b_n", "b_hn", "b"):
        text = text.replace(f" + {bias})", ")").replace(f" + {bias} ", " ")
    return text


def counted(text: str, **sizes: int) -> dict[str, int | None]:
    return count_report(derive.parse(text), sizes)["conventions"]


@pytest.mark.parametrize(
    ("text", "sizes", "paper", "keras", "pytorch", "onnx"),
    [
        (LSTM, {"D": 4, "H": 3}, 96, 96, 108, 108),
        (LSTM, {"D": 10, "H": 32}, 5504, 5504, 5632, 5632),
        (LSTM, {"D": 10, "H": 20}, 2480, 2480, 2560, 2560),
        (LSTM, {"D": 64, "H": 128}, 98816, 98816, 99328, 99328),
        (LSTM_OTHERWISE, {"D": 4, "H": 3}, 96, 96, 108, 108),
        (without_bias(LSTM), {"D": 10, "H": 32}, 5376, 5376, 5376, 5376),
        (GRU_AFTER, {"D": 10, "H": 32}, 4160, 4224, 4224, 4224),
        (GRU_AFTER, {"D": 10, "H": 20}, 1880, 1920, 1920, 1920),
        (without_bias(GRU_AFTER), {"D": 10, "H": 20}, 1800, 1800, 1800, 1800),
        (GRU_BEFORE, {"D": 10, "H": 32}, 4128, 4128, None, 4224),
        (GRU_BEFORE, {"D": 256, "H": 256}, 393984, 393984, None, 394752),
        (GRU_OTHERWISE, {"D": 10, "H": 32}, 4128, 4128, None, 4224),
        (RNN, {"D": 10, "H": 32}, 1376, 1376, 1408, 1408),
        (RNN, {"D": 5, "H": 3}, 27, 27, 30, 30),
        (RNN, {"D": 10, "H": 20}, 620, 620, 640, 640),
        (without_bias(RNN), {"D": 10, "H": 20}, 600, 600, 600, 600),
        (RNN.replace("tanh", "relu"), {"D": 10, "H": 20}, 620, 620, 640, 640),
        (RNN.replace("tanh", "sigmoid"), {"D": 10, "H": 20}, 620, 620, None, 640),
        (PEEPHOLE, {"D": 10, "H": 32}, 5600, None, None, 5728),
    ],
)
def test_framework_counts(text, sizes, paper, keras, pytorch, onnx):
    found = counted(text, **sizes)
    assert found == {"paper": paper, "keras": keras, "pytorch": pytorch, "onnx": onnx}


STACKED = """
e[t] = tanh(W @ e[t-1] + U @ x[t] + b)
h[t] = tanh(R @ h[t-1] + S @ e[t] + d)
"""
BIDIRECTIONAL = """
p[t] = tanh(W @ p[t-1] + U @ x[t] + b)
q[t] = tanh(R @ q[t+1] + S @ x[t] + d)
m[t] = [p[t], q[t]]
"""
LANGUAGE_MODEL = """
j[t] : index V
e[t] = take(E, j[t])
h[t] = tanh(W @ h[t-1] + U @ e[t] + b)
y[t] = softmax(Q @ h[t] + q)
"""


E_SIZES = {"V": 1000, "O_e": 64, "O_y": 10, "H": 128}


def by_shape(text: str, **sizes: int) -> dict[str, int | None]:
    """Counts with every size chosen by what a dimension's name begins with."""
    system = derive.parse(text)
    return counted(text, **{str(d): sizes[str(d)[0]] for d in system.dimensions})


def test_layers_add_up():
    """torch RNN(10, 20): 2 layers 1480, bidirectional 1280; Keras bidirectional SimpleRNN(32) on 10 features 2752."""
    assert by_shape(STACKED, D=10, H=20)["pytorch"] == 1480
    assert by_shape(BIDIRECTIONAL, D=10, H=20)["pytorch"] == 1280
    assert by_shape(BIDIRECTIONAL, D=10, H=32)["keras"] == 2752


def test_embedding_and_dense_layers_add_up():
    found = counted(LANGUAGE_MODEL, **E_SIZES)
    recurrent = 128 * (64 + 128 + 1)
    assert found["keras"] == 1000 * 64 + recurrent + 10 * 128 + 10
    assert found["pytorch"] == found["keras"] + 128


@pytest.mark.parametrize(
    "text",
    [
        LSTM.replace("f[t] * c[t-1] + i", "c[t-1] + i"),  # 1997
        PEEPHOLE.replace("p_o * c[t]", "p_o * c[t-1]"),
        LSTM.replace("W_f @ [h[t-1], x[t]]", "W_f @ [h[t-1], x[t], c[t-1]]"),
        LSTM.replace("o[t] * tanh(c[t])", "o[t] * c[t]"),
        LSTM.replace("f[t] * c[t-1]", "i[t] * c[t-1]"),  # one gate used twice
        LSTM.replace("W_f @", "W_i @"),  # a shared weight
        LSTM.replace(" + b_f", ""),  # biases in some gates only
        LSTM.replace("g[t] = tanh(W_g @ [h[t-1], x[t]]", "g[t] = tanh(W_g @ [h[t-1], y[t]]"),
        "z[t] = sigmoid(W @ [h[t-1], x[t]])\nn[t] = tanh(U @ [h[t-1], x[t]])\nh[t] = z[t]*n[t] + (1 - z[t])*h[t-1]",
        "h[t] = tanh(W @ y[t-1] + U @ x[t])\ny[t] = sigmoid(Q @ h[t])",  # Jordan
        "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t])",
        "h[t] = tanh(W @ stop(h[t-1]) + U @ x[t])",
        "h[t] = tanh(W @ h[t-1] + U @ x[t])\nh[0] = a",
        "h[t] = tanh(W @ h[t-1] + U @ x[t]) + x[t]",
    ],
)
def test_no_framework_has_this(text):
    found = conventions(derive.parse(text))
    assert found["paper"] is not None
    assert [found[name] for name in ("keras", "pytorch", "onnx")] == [None] * 3


def test_polarity_of_the_gru_is_no_difference():
    """1 − σ(a) = σ(−a): the weights of z change sign, their number does not."""
    update = GRU_AFTER.replace("(1 - z[t]) * n[t] + z[t] * h[t-1]", "z[t] * n[t] + (1 - z[t]) * h[t-1]")
    assert conventions(derive.parse(update)) == conventions(derive.parse(GRU_AFTER))


def test_a_projection_is_one_matrix_more_and_the_recurrence_reads_less():
    """torch LSTM(10, 20, proj_size=5): 1460; catalogued frameworks beside PyTorch have none."""
    found = conventions(derive.load("lstm-projected"))
    sizes = dict(zip(sympy.symbols("D H P", integer=True, positive=True), (10, 20, 5), strict=True))
    assert found["pytorch"].subs(sizes) == 1460
    assert (found["keras"], found["onnx"]) == (None, None)


def test_symbolic_counts():
    lstm = derive.parse(LSTM)
    h, d = sympy.symbols("H D", integer=True, positive=True)
    assert parameter_count(lstm) == 4 * h * (d + h + 1)
    assert str(parameter_count(lstm)) == "4*H*(D + H + 1)"
    assert parameter_counts(lstm)["W_f"] == h * (d + h)
    assert str(conventions(lstm)["pytorch"]) == "4*H*(D + H + 2)"
    assert layers_of(lstm)[0][0].kind == "lstm"
    readout = derive.parse(RNN + "\ny[t] = Q @ h[t] + q")
    assert str(parameter_count(readout)) == "H*(D + H + 1) + O*(H + 1)"


def test_report_as_json():
    report = count_report(derive.parse(RNN), {"D": 5, "H": 3})
    assert report == {
        "name": "system",
        "parameters": {
            "symbolic": "H*(D + H + 1)",
            "total": 27,
            "each": {
                "W": {"shape": [3, 3], "count": 9},
                "U": {"shape": [3, 5], "count": 15},
                "b": {"shape": [3], "count": 3},
            },
        },
        "conventions": {"paper": 27, "keras": 27, "pytorch": 30, "onnx": 30},
    }
    text = count_report(derive.parse(RNN))
    assert text["parameters"]["total"] == "H*(D + H + 1)"
    assert text["parameters"]["each"]["U"] == {"shape": ["H", "D"], "count": "D*H"}
    assert text["conventions"]["pytorch"] == "H*(D + H + 2)"


@pytest.mark.parametrize(("sizes", "reason"), [({"D": 2}, "size for H"), ({"D": 2, "H": 2, "K": 1}, "no dimension K")])
def test_sizes_that_do_not_fit(sizes, reason):
    with pytest.raises(ValueError, match=reason):
        count_report(derive.parse(RNN), sizes)


def test_operations_of_an_elman_network_by_hand():
    """h = tanh(W h + U x + b): products H(2H−1) + H(2D−1), two sums, one tanh."""
    h, d, t = sympy.symbols("H D T", integer=True, positive=True)
    found = operations(derive.parse(RNN))
    assert found.forward == sympy.expand(t * (h * (2 * h - 1) + h * (2 * d - 1) + 2 * h + h))
    backward = (
        t * h  # dh[t] = up_h[t] + g_h[t+1]
        + t * h * (2 * h - 1)  # g_h[t] = W.T @ dz_h[t]
        + t * 3 * h  # dz_h[t] = dh[t] * (1 - h[t]**2)
        + t * d * (2 * h - 1)  # dx[t] = U.T @ dz_h[t]
        + t * h * h
        + (t - 1) * h * h  # dW
        + t * h * d
        + (t - 1) * h * d  # dU
        + (t - 1) * h  # db
    )
    assert found.backward == sympy.expand(backward)
    assert stored_numbers(derive.parse(RNN)) == h * t
