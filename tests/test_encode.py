"""`bptt encode`: what it prints is what `numeric.text` computes."""

import json

import pytest

from reports.cli import main

SENTENCES = ("good better better worse", "Movie was good")


def run(capsys, *arguments):
    status = main(["encode", *arguments])
    return status, *capsys.readouterr()


ROWS = {
    "integer": [[1, 2, 2, 3], [4, 5, 1, 0]],
    "one-hot": [
        [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0]],
        [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]],
    ],
    "bow": [[1, 2, 1, 0, 0], [1, 0, 0, 1, 1]],
}


@pytest.mark.parametrize("encoding", ROWS)
def test_rows_as_json(capsys, encoding):
    """Words by frequency, then as they first occur; only integers need an index for padding, 0."""
    status, out, err = run(capsys, *SENTENCES, "--encoding", encoding, "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    padding = ["<PAD>"] if encoding == "integer" else []
    assert found["vocabulary"] == [*padding, "good", "better", "worse", "movie", "was"]
    assert found["rows"] == ROWS[encoding]
    assert found["sentences"] == [text.lower().split() for text in SENTENCES]


def test_tables(capsys):
    _, out, _ = run(capsys, *SENTENCES)
    assert out.splitlines()[-2:] == ["good better better worse  1  2  2  3", "movie was good            4  5  1  0"]
    _, out, _ = run(capsys, "good better better worse", "--encoding", "one-hot")
    assert [line.split() for line in out.splitlines()] == [
        ["better", "good", "worse"], ["good", "0", "1", "0"], ["better", "1", "0", "0"], ["better", "1", "0", "0"],
        ["worse", "0", "0", "1"],
    ]  # fmt: skip
    _, out, _ = run(capsys, "a b", "a a", "--encoding", "tf-idf")
    assert out.splitlines()[1:] == ["a b  0.5797  0.8148", "a a  1.0000  0.0000"]  # (1, ln(3/2) + 1) of length 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("a", "--encoding", "ngram"), "--encoding: 'ngram' is none of integer, one-hot, bow, tf-idf"),
        (("a", " "), "a sentence without a word cannot be encoded"),
    ],
)
def test_what_cannot_be_gets_one_line(capsys, arguments, reason):
    assert run(capsys, *arguments) == (2, "", f"bptt: {reason}\n")
