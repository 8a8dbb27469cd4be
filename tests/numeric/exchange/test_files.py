"""Files of weights, and `bptt weights`."""

import json

import numpy as np
import pytest

from numeric import exchange
from numeric.exchange.contents import contents
from numeric.exchange.files import encoded
from reports.cli import main


@pytest.fixture
def model(tmp_path, network, drawn, rng):
    """A PyTorch model with a recurrent network and two other layers, as safetensors, and the arrays of the network."""
    system = network("lstm", (2, 2))
    weights = exchange.dump("pytorch", drawn(system, rng, dtype="float32"), system)
    others = {"embedding.weight": np.ones((7, 4), "float32"), "fc.bias": np.zeros(2, "float32")}
    path = tmp_path / "model.safetensors"
    path.write_bytes(encoded({**{f"lstm.{n}": a for n, a in weights.items()}, **others}, ".safetensors"))
    return path, weights


def run(capsys, *arguments):
    status = main(["weights", *map(str, arguments)])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "bool"])
def test_what_is_written_is_read(suffix, dtype, tmp_path, rng):
    arrays = {
        "b/ü": (rng.standard_normal((2, 3)) * 9).astype(dtype),
        "a": np.zeros((0, 2), dtype),
        "c": np.array(1, dtype),
    }
    path = tmp_path / "file"
    path.write_bytes(encoded(arrays, suffix))
    back = exchange.read_weights(path)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(back[name], array)


def test_columns_are_written_in_order(tmp_path):
    array = np.arange(6.0).reshape(2, 3).T
    (tmp_path / "f").write_bytes(encoded({"a": array}, ".safetensors"))
    assert np.array_equal(exchange.read_weights(tmp_path / "f")["a"], array)


@pytest.mark.needs("safetensors")
def test_the_library_of_the_format_agrees(tmp_path, rng):
    from safetensors.numpy import load_file, save_file

    arrays = {"b": rng.standard_normal((2, 3)), "a": rng.standard_normal(4).astype("float32")}
    (tmp_path / "ours").write_bytes(encoded(arrays, ".safetensors"))
    save_file(arrays, tmp_path / "theirs")
    for back in (load_file(tmp_path / "ours"), exchange.read_weights(tmp_path / "theirs")):
        assert all(
            np.array_equal(back[name], arrays[name]) and back[name].dtype == arrays[name].dtype for name in arrays
        )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model.pt", "model.pt is a pickle, and reading one runs what it says; save the weights as safetensors"),
        ("model.h5", "model.h5 is a file of Keras; save its arrays by name: np.savez"),
        ("model.npz", "there is no such file"),
    ],
)
def test_files_that_are_not_read(name, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=reason):
        exchange.read_weights(name)


def test_what_is_not_written():
    with pytest.raises(ValueError, match=r"ends in \.npz or \.safetensors, not in '\.pt'"):
        encoded({}, ".pt")
    with pytest.raises(ValueError, match="a has the dtype complex128, which safetensors does not have"):
        encoded({"a": np.ones(1, complex)}, ".safetensors")


@pytest.mark.parametrize("framework", ["pytorch", "keras", "onnx", "flax"])
def test_whose_weights_they_are_is_found_out(framework, network, drawn, rng):
    system = network("gru-reset-after", (2, 2))
    assert contents(exchange.dump(framework, drawn(system, rng), system)).framework == framework


# --- bptt weights -------------------------------------------------------------------------------------------------


def test_listed(capsys, model):
    path, weights = model
    status, out, err = run(capsys, path)
    assert (status, err) == (0, "")
    assert out.startswith("pytorch, --prefix lstm.: 2 layers: Bidirectional: LSTM with forget gate\n")
    assert all(name in out for name in weights)
    assert "no part of a recurrent layer: embedding.weight, fc.bias" in out
    status, out, err = run(capsys, path, "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert (found["framework"], found["others"]) == ("pytorch", ["embedding.weight", "fc.bias"])
    (network,) = found["networks"]
    assert network["prefix"] == "lstm."
    assert network["tensors"] == {name: list(array.shape) for name, array in sorted(weights.items())}
    assert network["parameters"]["W_f_fwd_1"] == [3, 7]


@pytest.mark.parametrize("framework", ["keras", "onnx", "flax"])
def test_converted_and_back(capsys, model, tmp_path, framework):
    """Both biases of PyTorch come back as their sum and 0; they were 1 and 0 when the model was made."""
    path, weights = model
    there, back = tmp_path / "there.npz", tmp_path / "back.safetensors"
    assert run(capsys, path, "--to", framework, "-o", there)[0] == 0
    status, out, _ = run(capsys, there, "--from", framework, "--to", "pytorch", "-o", back, "--json")
    assert status == 0
    assert json.loads(out)["to"] == "pytorch"
    found = exchange.read_weights(back)
    assert found.keys() == weights.keys()
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


FAILURES = [
    (("--to", "keras"), "--to and -o belong together"),
    (("--from", "keras"), "no recurrent layer of keras has names like embedding.weight, fc.bias, lstm.bias_hh_l0"),
    (("--prefix", "x."), "no network has the prefix 'x.'; there are 'lstm.'"),
    (("--cell", "gru"), "these are the weights of pytorch's nn.LSTM, not of gru"),
    (("--cell", "lstmm"), "lstmm"),
    (("--to", "keras", "-o", "x.pt"), "ends in .npz or .safetensors, not in '.pt'"),
    (("--to", "keras", "-o", "there.npz"), "there.npz exists; --force overwrites it"),
]


@pytest.mark.parametrize(("arguments", "reason"), FAILURES)
def test_what_cannot_be_done(capsys, model, tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.npz").touch()
    status, out, err = run(capsys, model[0], *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_one_of_several_networks_is_chosen(capsys, model, tmp_path):
    _, weights = model
    path = tmp_path / "two.npz"
    path.write_bytes(encoded({f"{p}.{n}": a for p in ("a", "b") for n, a in weights.items()}, ".npz"))
    status, _, err = run(capsys, path, "--to", "keras", "-o", tmp_path / "out.npz")
    assert (status, err.count("\n")) == (2, 1)
    assert "there are 2 networks; choose one by --prefix 'a.' or 'b.'" in err
    assert run(capsys, path, "--prefix", "b.", "--to", "keras", "-o", tmp_path / "out.npz")[0] == 0
