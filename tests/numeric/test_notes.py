"""Numbers and mistakes of lecture notes: every statement is confirmed, and no longer is where the mistake is mended."""

import re

import pytest

from numeric import notes, slips
from numeric.claims import CLAIMS
from numeric.notes import NUMBERS
from numeric.slips import SLIPS


@pytest.mark.parametrize("claim", [*NUMBERS, *SLIPS], ids=lambda claim: claim.name)
def test_the_statement_is_confirmed(claim):
    confirmed, found = claim.check()
    assert confirmed, found
    assert found


def test_every_statement_has_a_name_of_its_own():
    names = [claim.name for claim in (*NUMBERS, *SLIPS, *CLAIMS)]
    assert len(set(names)) == len(names)


def test_what_is_called_wrong():
    assert [c.name for c in NUMBERS if not c.right] == ["sigmoid of 1 2 3", "gate sizes", "one-hot"]
    assert [c.name for c in SLIPS if c.right] == ["peephole kinds"]


MENDED = [  # the claim, where its mistake stands, what is printed, what it should be
    ("carried candidate", "CARRIED_CANDIDATE", r"n\[t-1\]\n", "h[t-1]\n"),
    ("lstm output", "CANDIDATE_OUT", r"tanh\(g\[t\]\)", "tanh(c[t])"),
    ("peephole output", "PEEPHOLE_CANDIDATE_OUT", r"o\[t\] \* g\[t\]", "o[t] * tanh(c[t])"),
    ("backward half", "TWICE_FORWARD", r"q\[t-1\]", "q[t+1]"),
]


@pytest.mark.parametrize(("name", "text", "printed", "meant"), MENDED, ids=[row[0] for row in MENDED])
def test_a_mended_mistake_is_none(monkeypatch, name, text, printed, meant):
    mended, changes = re.subn(printed, meant, getattr(slips, text))
    assert changes == 1
    monkeypatch.setattr(slips, text, mended)
    (claim,) = [claim for claim in SLIPS if claim.name == name]
    assert not claim.check()[0]


PLANTED = [  # the claim, a function that it relies on, and a wrong one
    ("descent", "sgd", lambda values, gradients, rate: {n: v - gradients[n] for n, v in values.items()}),
    ("clipping", "clip_by_norm", lambda gradients, limit, order=2: (gradients, 5.0)),
    ("sentence probability", "log_probability", lambda model, sentence, ended: -1.0),
    ("sampling", "sample", lambda model, seed, longest: ["a", "<UNK>"]),
    ("one-hot", "one_hot", lambda rows, classes: notes.np.eye(4)[:3]),
    ("padding", "padded", lambda rows: (notes.np.zeros((4, 2)), notes.np.ones((4, 2)))),
    ("analogy", "analogy", lambda *words: [("apple", 1.0)]),
]


@pytest.mark.parametrize(("name", "function", "wrong"), PLANTED, ids=[row[0] for row in PLANTED])
def test_a_wrong_part_is_found(monkeypatch, name, function, wrong):
    monkeypatch.setattr(notes, function, wrong)
    (claim,) = [claim for claim in NUMBERS if claim.name == name]
    assert not claim.check()[0]
