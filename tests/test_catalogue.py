"""Parameter counts that frameworks print and papers publish, from the structure of the equations alone.

The numbers are those of the project's catalogue: section 7.1, printed by Keras 3.15.1 and PyTorch 2.15, and section
7.2, published.  They are asked for as a user would, with ``bptt count --json``, for cells of the library and for the
same cells under other names.
"""

import json

import pytest

from reports.cli import main

LSTM = "lstm"
GRU_AFTER, GRU_BEFORE = "gru-reset-after", "gru-cho"
LSTM_NOBIAS = """
    f[t] = sigmoid(W_f @ [h[t-1], x[t]]); i[t] = sigmoid(W_i @ [h[t-1], x[t]])
    g[t] = tanh(W_g @ [h[t-1], x[t]]); o[t] = sigmoid(W_o @ [h[t-1], x[t]])
    c[t] = f[t] * c[t-1] + i[t] * g[t]; h[t] = o[t] * tanh(c[t])
"""
GRU_NOBIAS = """
    z[t] = sigmoid(W_z @ x[t] + U_z @ h[t-1]); r[t] = sigmoid(W_r @ x[t] + U_r @ h[t-1])
    n[t] = tanh(W_n @ x[t] + r[t] * (U_n @ h[t-1])); h[t] = (1 - z[t]) * n[t] + z[t] * h[t-1]
"""
LSTM_RENAMED = """
    keep[t] = sigmoid(A1 @ u[t] + B1 @ y[t-1] + k1); write[t] = sigmoid(k2 + A2 @ u[t] + B2 @ y[t-1])
    new[t] = tanh(A3 @ u[t] + B3 @ y[t-1] + k3); read[t] = sigmoid(A4 @ u[t] + B4 @ y[t-1] + k4)
    cell[t] = new[t] * write[t] + cell[t-1] * keep[t]; y[t] = tanh(cell[t]) * read[t]
"""


@pytest.fixture
def count(capsys):
    """Counts of a cell with D inputs and H units."""

    def counted(cell, d, h, **sizes):
        given = ",".join(f"{name}={size}" for name, size in {"D": d, "H": h, **sizes}.items())
        assert main(["count", cell, "--sizes", given, "--json"]) == 0
        counts = json.loads(capsys.readouterr().out)
        return {"total": counts["parameters"]["total"], **counts["conventions"]}

    return counted


KERAS = [  # rows 1-9 of section 7.1
    ("rnn", 10, 32, 1_376),
    ("rnn", 5, 3, 27),
    (LSTM, 10, 32, 5_504),
    (LSTM_NOBIAS, 10, 32, 5_376),
    (LSTM, 4, 3, 96),
    (LSTM_RENAMED, 4, 3, 96),
    (LSTM, 64, 128, 98_816),
    (LSTM, 32, 100, 53_200),
    (LSTM, 1, 50, 10_400),
    (GRU_AFTER, 10, 32, 4_224),
    (GRU_BEFORE, 10, 32, 4_128),
    (GRU_AFTER, 256, 256, 394_752),
    (GRU_BEFORE, 256, 256, 393_984),
]


@pytest.mark.parametrize(("cell", "d", "h", "expected"), KERAS)
def test_keras(count, cell, d, h, expected):
    assert count(cell, d, h)["keras"] == expected


PYTORCH = [  # rows 5 and 16-19 of section 7.1, one layer
    ("rnn", 10, 20, 640),
    ("rnn-relu", 10, 20, 640),
    ("rnn-nobias", 10, 20, 600),
    (LSTM, 10, 20, 2_560),
    (LSTM, 10, 32, 5_632),
    (LSTM, 3, 4, 144),
    (LSTM, 4, 3, 108),
    (LSTM_RENAMED, 4, 3, 108),
    (GRU_AFTER, 10, 20, 1_920),
    (GRU_NOBIAS, 10, 20, 1_800),
    (GRU_AFTER, 10, 32, 4_224),
]


@pytest.mark.parametrize(("cell", "d", "h", "expected"), PYTORCH)
def test_pytorch(count, cell, d, h, expected):
    assert count(cell, d, h)["pytorch"] == expected


STACKED = [  # cell, convention, (inputs, units, copies) of each layer, what else the model has, total
    ("rnn", "pytorch", [(10, 20, 1), (20, 20, 1)], 0, 1_480),
    ("rnn", "pytorch", [(10, 20, 2)], 0, 1_280),
    (LSTM, "pytorch", [(10, 20, 1), (20, 20, 1)], 0, 5_920),
    (LSTM, "pytorch", [(10, 20, 2), (40, 20, 2)], 0, 15_040),
    (LSTM_NOBIAS, "pytorch", [(10, 20, 2), (40, 20, 2)], 0, 14_400),
    (GRU_AFTER, "pytorch", [(10, 20, 2), (40, 20, 2)], 0, 11_280),
    (LSTM, "keras", [(10, 32, 2)], 0, 11_008),
    (GRU_AFTER, "keras", [(10, 32, 2)], 0, 8_448),
    ("rnn", "keras", [(10, 32, 2)], 0, 2_752),
    (LSTM, "keras", [(10, 32, 1), (32, 32, 1)], 0, 13_824),
    (LSTM, "keras", [(300, 128, 1)], 10_000 * 300 + 129, 3_219_777),
    (LSTM, "keras", [(40, 100, 2)], 5_000 * 40 + 201, 313_001),
    (LSTM, "keras", [(64, 128, 1)], 1_000 * 64 + 1_290, 164_106),
    (LSTM, "keras", [(128, 64, 2), (128, 64, 2)], 20_000 * 128 + 129, 2_757_761),
    (LSTM, "paper", [(200, 200, 2)], 10_000 * 200 + 10_000 * 201, 4_651_600),  # arXiv 1409.2329, small
    (LSTM, "paper", [(650, 650, 2)], 10_000 * 650 + 10_000 * 651, 19_775_200),  # medium
    (LSTM, "paper", [(1500, 1500, 2)], 10_000 * 1500 + 10_000 * 1501, 66_022_000),  # large
]


@pytest.mark.parametrize(("cell", "convention", "layers", "rest", "expected"), STACKED)
def test_layers_of_a_model(count, cell, convention, layers, rest, expected):
    assert rest + sum(copies * count(cell, d, h)[convention] for d, h, copies in layers) == expected


def test_keras_guide_models(count):
    """Rows 23 and 24 of section 7.1."""
    simple = 64_000 + count(GRU_AFTER, 64, 256)["keras"] + count("rnn", 256, 128)["keras"] + 1_290
    assert simple == 361_866
    assert 2 * count(LSTM, 10, 64)["keras"] + 2 * count(LSTM, 128, 32)["keras"] + 650 == 80_266


@pytest.mark.parametrize(("d", "h", "published"), [(1, 100, 30_600), (28, 100, 38_700), (128, 128, 98_688)])
def test_gru_of_dey_and_salem(count, d, h, published):
    """arXiv 1701.05923, GRU0: reset before the product, update polarity, one bias."""
    counts = count("gru", d, h)
    assert counts["paper"] == counts["total"] == published


DEY_AND_SALEM = [  # section 7.2: units, inputs, and the published counts of GRU1, GRU2, GRU3
    (100, 1, (30_400, 30_200, 10_400)),
    (100, 28, (33_100, 32_900, 13_100)),
    (128, 128, (65_920, 65_664, 33_152)),
]


@pytest.mark.parametrize(("h", "d", "published"), DEY_AND_SALEM)
def test_reduced_grus_of_dey_and_salem(count, h, d, published):
    assert tuple(count(f"gru{k}", d, h)["total"] for k in (1, 2, 3)) == published


HEAD = 128 * 10 + 10  # ten classes, read from 128 units
SEQUENTIAL_MNIST = [  # section 7.2, one pixel a step, 128 units: cell, what the source counts differently, published
    ("cornn", HEAD, 34_314),
    ("lem", HEAD + 4 * 128, 68_362),  # the Python cell has a second bias in each of the four
    ("antisymmetric", HEAD - 128**2 + 128 * 127 // 2, 9_674),  # W - W' has H (H - 1) / 2 free numbers
    ("antisymmetric-gated", HEAD - 128**2 + 128 * 127 // 2, 9_930),
]


@pytest.mark.parametrize(("cell", "rest", "published"), SEQUENTIAL_MNIST)
def test_sequential_mnist(count, cell, rest, published):
    assert count(cell, 1, 128)["total"] + rest == published


def test_cornn_of_256_units(count):
    assert count("cornn", 1, 256)["total"] + 256 * 10 + 10 == 134_154


def test_projected_lstm_of_pytorch(count):
    """Row 20 of section 7.1, LSTM(10, 20, proj_size=5): PyTorch has a second bias in each of the four gates."""
    first, second, wide = (count("lstm-projected", d, 20, P=5)["total"] + 4 * 20 for d in (10, 5, 10))
    assert (first, first + second, 2 * first + 2 * wide) == (1_460, 2_520, 5_840)


def test_convolutional_lstm_of_keras(capsys):
    """Row 12 of section 7.1, ConvLSTM1D(4, 3) of two channels."""
    assert main(["count", "conv-lstm-keras", "--sizes", "C=2,F=4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"]["total"] == 304


def test_min_char_rnn(count):
    assert count("rnn-readout", 65, 100, O=65)["total"] == 23_165


COUNTS = [  # (D, H) = (4, 3), and O = 2 where there is a read-out: formulas of section 3
    ("rnn", 3 * (4 + 3 + 1)),
    ("rnn-sigmoid", 3 * (4 + 3 + 1)),
    ("rnn-relu", 3 * (4 + 3 + 1)),
    ("rnn-nobias", 3 * (4 + 3)),
    ("gru-simplified", 2 * (3 * (3 + 4) + 3)),
    ("gru", 3 * (3 * (4 + 3) + 3)),
    ("gru-cho", 3 * (3 * (4 + 3) + 3)),
    ("gru-reset-after", 3 * 3 * (4 + 3) + 4 * 3),
    ("gru-reset-after-update", 3 * 3 * (4 + 3) + 4 * 3),
    ("lstm", 4 * 3 * (4 + 3 + 1)),
    ("lstm-1997", 3 * (3 * (4 + 3) + 3)),
    ("lstm-peephole", 4 * 3 * (4 + 3 + 1) + 3 * 3),
    ("lstm-peephole-prev", 4 * 3 * (4 + 3 + 1) + 3 * 3),
    ("lstm-peephole-full", 4 * 3 * (4 + 3 + 1) + 3 * 3**2),
    *((f"lstm-{name}", 3 * (3 * 4 + 3**2 + 3) + 2 * 3) for name in ("nig", "nfg", "nog", "cifg")),  # B1
    *((f"lstm-{name}", 4 * (3 * 4 + 3**2 + 3) + 3 * 3) for name in ("niaf", "noaf")),
    ("lstm-fgr", 4 * (3 * 4 + 3**2 + 3) + 3 * 3 + 9 * 3**2),
    ("mut1-projected", 3 * 3 * 4 + 2 * 3**2 + 3 * 3),
    ("mut1-inner-bias", 3 * 3 * 4 + 2 * 3**2 + 3 * 3),
    ("mut3", 3 * 3 * 4 + 3 * 3**2 + 3 * 3),
    ("mgu", 2 * (3**2 + 3 * 4 + 3)),
    ("mgu1", 2 * (3**2 + 3 * 4 + 3) - 3 * 4),
    ("mgu2", 2 * (3**2 + 3 * 4 + 3) - 3 * 4 - 3),
    ("mgu3", 2 * (3**2 + 3 * 4 + 3) - 3 * 4 - 3**2),
    ("janet", 2 * 3 * (3 + 4 + 1)),
    ("ugrnn", 2 * 3 * (4 + 3 + 1)),
    ("indrnn", 3 * 4 + 2 * 3),
    ("indrnn-tanh", 3 * 4 + 2 * 3),
    ("sru-wide", 4 * 4 * 3 + 4 * 3),
    ("qrnn-f", 2 * 4 * 2 * 3 + 2 * 3),
    ("qrnn-fo", 2 * 4 * 3 * 3 + 3 * 3),
    ("qrnn-ifo", 2 * 4 * 4 * 3 + 4 * 3),
    ("li-gru", 2 * (3 * 4 + 3**2) + 4 * 3),
    ("lstm-layer-norm", 4 * 3 * (4 + 3 + 1) + 8 * 3 + 2 * 3),
    ("cornn-implicit", 3 * (2 * 3 + 4) + 3),
    ("lem", 4 * (3**2 + 3 * 4 + 3)),
]


@pytest.mark.parametrize(("cell", "expected"), COUNTS)
def test_formulas(count, cell, expected):
    assert count(cell, 4, 3)["total"] == expected


def test_formulas_with_read_out(count):
    assert count("rnn-readout", 4, 3, O=2)["total"] == 3 * (4 + 3 + 1) + 2 * (3 + 1)
    assert count("jordan", 4, 3, O=2)["total"] == 3 * (4 + 2 + 1) + 2 * (3 + 1)


OTHER_SIZES = [  # formulas of part B whose sizes are not D and H alone
    ("mut1", {"H": 3}, 4 * 3**2 + 3 * 3),
    ("mut2", {"H": 3}, 5 * 3**2 + 3 * 3),
    ("sru", {"H": 3}, 3 * 3**2 + 4 * 3),
    ("sru-2017", {"H": 3}, 3 * 3**2 + 2 * 3),
    ("clockwork", {"D": 4, "K": 2}, 2**2 * 3 * 4 // 2 + 6 * 4 + 6),
    ("scrn", {"D": 4, "H": 3, "K": 2, "O": 5}, 2 * 4 + 3 * 2 + 3 * 4 + 3**2 + 5 * (3 + 2)),
    ("lmu", {"D": 4, "H": 3, "N": 6}, 4 + 3 + 6 + 3 * (4 + 3 + 6)),
    ("conv-lstm", {"C": 2, "F": 4, "N": 7}, 304 + 3 * 4 * 7),
]


@pytest.mark.parametrize(("cell", "sizes", "expected"), OTHER_SIZES)
def test_formulas_in_other_sizes(capsys, cell, sizes, expected):
    assert main(["count", cell, "--sizes", ",".join(f"{k}={v}" for k, v in sizes.items()), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"]["total"] == expected
