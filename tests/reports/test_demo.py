"""`bptt demo`: what it prints, its JSON, its exit status, at sizes that take a moment."""

import json

import numpy as np
import pytest

from reports.cli import main
from reports.commands.bars import bar, gauge
from reports.commands.demo_language_model import ROWS

MODEL = ("demo", "language-model", "--steps", "12", "--hidden", "8")
NER = ("demo", "ner", "--steps", "3", "--hidden", "4")
COPY = ("demo", "copy", "--steps", "3", "--hidden", "4", "--longest", "2")


def run(capsys, *arguments):
    status = main(list(arguments))
    out, err = capsys.readouterr()
    return status, out, err


def without_times(record):
    if isinstance(record, dict):
        return {key: without_times(value) for key, value in record.items() if key != "seconds"}
    return [without_times(value) for value in record] if isinstance(record, list) else record


@pytest.mark.parametrize("arguments", [MODEL, NER, COPY], ids=lambda a: a[1])
def test_json_alone_and_the_same_by_seed(capsys, tmp_path, arguments):
    if arguments is MODEL:
        (tmp_path / "text").write_text("\n\n".join("abcdefghij" * 5 for _ in range(400)), encoding="utf-8")
        arguments = (*MODEL, "--text", str(tmp_path / "text"))
    status, out, err = run(capsys, *arguments, "--json")
    assert status in (0, 1)
    assert err == ""
    again = run(capsys, *arguments, "--json")[1]
    other = run(capsys, *arguments, "--json", "--seed", "5")[1]
    first, second, third = (without_times(json.loads(text)) for text in (out, again, other))
    assert first == second
    assert first != third


def test_language_model(capsys, tmp_path):
    path = tmp_path / "model.npz"
    status, out, err = run(capsys, *MODEL, "-o", str(path), "--cell", "h[t] = tanh(W @ h[t-1] + U @ x[t] + b)")
    assert (status, err) == (1, ""), "after twelve steps counting pairs is better"
    for word in ("uniform", "unigram", "bigram", "trigram", "network", "Pairs of characters guess better", "It writes"):
        assert word in out
    saved = np.load(path)
    assert saved["W"].shape == (8, 8)
    assert saved["symbols"][0] == "<UNK>"
    assert "--force" in run(capsys, *MODEL, "-o", str(path))[2]
    record = json.loads(run(capsys, *MODEL, "--json")[1])
    assert len(record["course"]) == ROWS
    assert record["perplexity"]["uniform"] == pytest.approx(record["symbols"])
    assert record["steps"] == record["settings"]["steps"] == 12


def test_a_text_of_ones_own(capsys, tmp_path):
    path = tmp_path / "text"
    path.write_text("\n\n".join("abcdefghij" * 5 for _ in range(400)), encoding="utf-8")
    arguments = ("demo", "language-model", "--hidden", "16", "--steps", "150", "--text", str(path), "--json")
    status, out, _ = run(capsys, *arguments)
    record = json.loads(out)
    assert record["symbols"] == 12
    assert record["perplexity"]["network"] < 1.5 < record["perplexity"]["unigram"]
    assert "abcdefghijab" in record["sample"]
    assert status == (record["perplexity"]["network"] >= record["perplexity"]["bigram"])


def test_tables(capsys):
    _, out, _ = run(capsys, *NER)
    assert [line.split()[0] for line in out.splitlines()[3:6]] == ["forward", "backward", "both"]
    _, out, _ = run(capsys, *COPY)
    lengths = [line.split()[0] for line in out.partition("by chance)")[2].splitlines()[3:6]]
    assert lengths == ["1", "2", "3*"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("language-model", "--cell", "lstn"), "did you mean 'lstm'?"),
        (("language-model", "--cell", "h[t] = tanh(W @ h[t+1] + U @ x[t])"), "h sees later steps"),
        (("language-model", "--steps", "0"), "steps is 0"),
        (("language-model", "--hidden", "-1"), "hidden is -1"),
        (("language-model", "--seconds", "inf"), "seconds is inf"),
        (("language-model", "--temperature", "0"), "--temperature 0.0: a positive number"),
        (("language-model", "--text", "no/such/file"), "cannot read no/such/file"),
        (("language-model", "--steps", "5", "--seconds", "5"), "not allowed with"),
        (("language-model", "--steps", "5", "--seed", "-1"), "non-negative"),
        (("ner", "--hidden", "5"), "even number"),
        (("ner", "--steps", "0"), "steps is 0"),
        (("copy", "--longest", "0"), "longest is 0"),
        (("copy", "--steps", "many"), "invalid int"),
        (("poem",), "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, arguments, reason):
    status, out, err = run(capsys, "demo", *arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert err.startswith("bptt")
    assert err.count("\n") == 1


@pytest.mark.parametrize("demo", ["language-model", "ner", "copy"])
def test_help_has_examples_of_its_own(capsys, demo):
    status, out, _ = run(capsys, "demo", demo, "--help")
    assert status == 0
    assert f"  bptt demo {demo}" in out.partition("examples:")[2]


def test_bars():
    assert [bar(x, 2) for x in (0, 1 / 16, 0.5, 1, 7, -1)] == ["", "▏", "█", "██", "██", ""]
    assert gauge(0.5, 4) == "▕██  ▏ 50%"
