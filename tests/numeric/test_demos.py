"""The experiments at tiny sizes: their data is what it says, the loss falls, and the seed tells everything."""

import math
import sys
from collections import Counter

import numpy as np
import pytest

import derive
from numeric.demos import characters, copying, ngrams, sentences, tagging
from numeric.demos.corpus import corpus, python_help
from numeric.kernel import compile
from numeric.language_model import UNKNOWN, conditionals

RNG = np.random.default_rng(0)


def nobody(*_):
    """Does not watch."""


@pytest.fixture(scope="module")
def english():
    return corpus(python_help())


# --- text ---------------------------------------------------------------------------------------------------------


def test_no_paragraph_is_held_out_and_learned(english):
    parts = ["".join(english.symbols[n] for n in part) for part in (english.training, english.held_out)]
    learned, held = ({tuple(p.split()) for p in part.replace(UNKNOWN, "?").split("\n\n")} - {()} for part in parts)
    assert len(held) > 100
    assert not learned & held
    assert 0.05 < len(english.held_out) / len(english.training) < 0.2


def test_symbols_are_what_training_often_has(english):
    counts = np.bincount(english.training, minlength=english.size)
    assert english.symbols[0] == UNKNOWN
    assert counts[1:].min() >= 10
    assert english.held_out.max() < english.size
    assert {"e", " ", "\n"} < set(english.symbols)


def test_a_python_without_help_pages(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ValueError, match="without pydoc_data"):
        python_help()


def test_too_short_a_text_is_refused():
    for text in ("", "a\n\nb", "abc " * 1000):
        with pytest.raises(ValueError, match="too short"):
            corpus(text)


# --- n-grams ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_ngrams_are_distributions(order):
    table = ngrams.table(RNG.integers(0, 4, 50), 5, order)
    assert table.shape == (5,) * max(order, 1)
    assert table.min() > 0
    assert table.sum(axis=-1) == pytest.approx(1, abs=1e-14)


def test_a_bigram_by_hand():
    """aab: after a come a and b, once each; counts a 2, b 1, of c none."""
    text = np.array([0, 0, 1])
    unigram = [(2 + 2 / 3) / 5, (1 + 2 / 3) / 5, (2 / 3) / 5]
    assert ngrams.table(text, 3, 1) == pytest.approx(unigram)
    assert ngrams.table(text, 3, 2)[0] == pytest.approx(
        [(1 + 2 * unigram[0]) / 4, (1 + 2 * unigram[1]) / 4, unigram[2] / 2]
    )
    assert ngrams.table(text, 3, 2)[2] == pytest.approx(unigram)
    found = ngrams.logs(text, np.array([0, 2, 1]), 3, 2)
    assert np.exp(found) == pytest.approx([unigram[2] / 2, unigram[1]])


def test_longer_contexts_guess_english_better(english):
    found = [-ngrams.logs(english.training, english.held_out, english.size, order).mean() for order in range(4)]
    assert found[0] == pytest.approx(math.log(english.size))
    assert found == sorted(found, reverse=True)


def test_the_first_symbols_have_the_order_that_fits():
    text, train = RNG.integers(0, 3, 20), RNG.integers(0, 3, 40)
    by_three, by_two = (ngrams.logs(train, text, 3, order) for order in (3, 2))
    assert by_three[0] == by_two[0]
    assert not np.array_equal(by_three, by_two)


# --- a language model ---------------------------------------------------------------------------------------------

SMALL = characters.Settings(hidden=24, width=8, batch=8, span=16, optimiser="adam", rate=0.02, steps=40)


def test_streams_go_through_the_text_in_order():
    chunks = characters.streams(np.arange(50), batch=4, span=5)
    taken = [next(chunks) for _ in range(4)]
    assert [fresh for _, fresh in taken] == [True, False, True, False]
    (first, _), (second, _), (again, _), _ = taken
    assert first.shape == (6, 4)
    assert np.array_equal(first[-1], second[0])
    assert np.array_equal(first[:, 1], 12 + np.arange(6))
    assert np.array_equal(first, again)
    with pytest.raises(ValueError, match="too short for 4 streams"):
        next(characters.streams(np.arange(20), batch=4, span=5))


@pytest.mark.parametrize("cell", ["rnn", "gru-reset-after", "lstm", "lstm-peephole"])
def test_a_model_of_characters_learns_with_any_cell(english, cell):
    model, course = characters.train(english, derive.load(cell), SMALL, nobody)
    losses = [moment.loss for moment in course]
    assert losses[0] == pytest.approx(math.log(english.size), rel=0.05)
    assert np.mean(losses[-5:]) < losses[0] - 1
    assert [moment.step for moment in course] == list(range(1, 41))
    assert course[-1].fraction == 1
    assert model.parameters["W_y"].dtype == np.float32


@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", 0.5), ("adam", 0.02)])
def test_either_optimiser_learns(english, optimiser, rate):
    settings = characters.Settings(**{**SMALL.__dict__, "optimiser": optimiser, "rate": rate})
    _, course = characters.train(english, derive.load("gru"), settings, nobody)
    assert np.mean([moment.loss for moment in course[-5:]]) < course[0].loss - 0.8


def test_an_optimiser_that_there_is_not():
    with pytest.raises(ValueError, match=r"^no optimiser is called 'lbfgs'; there are adam, sgd$"):
        characters.Settings(optimiser="lbfgs")


def test_training_by_steps_follows_from_the_seed(english):
    def outcome(seed):
        settings = characters.Settings(**{**SMALL.__dict__, "steps": 5, "seed": seed})
        return characters.train(english, derive.load("gru"), settings, nobody)

    (one, _), (same, _), (other, _) = outcome(3), outcome(3), outcome(4)
    assert all(np.array_equal(one.parameters[name], same.parameters[name]) for name in one.parameters)
    assert not np.array_equal(one.parameters["E"], other.parameters["E"])
    assert characters.held_out(one, english) == characters.held_out(same, english)


def test_what_was_read_before_is_known(english):
    """With a rate of nearly nothing the losses are those of reading each stream as a whole."""
    settings = characters.Settings(**{**SMALL.__dict__, "rate": 1e-12, "steps": 5})
    model, course = characters.train(english, derive.load("gru"), settings, nobody)
    rows = len(english.training) // settings.batch
    columns = english.training[: rows * settings.batch].reshape(settings.batch, rows).T
    whole = -conditionals(model, columns[: 5 * settings.span + 1]).reshape(5, -1).mean(axis=1)
    assert [moment.loss for moment in course] == pytest.approx(whole, rel=1e-5)


def test_training_by_time_ends():
    text = corpus("\n\n".join("to be or not to be" for _ in range(400)))
    settings = characters.Settings(**{**SMALL.__dict__, "steps": None, "seconds": 0.1})
    _, course = characters.train(text, derive.load("rnn"), settings, nobody)
    assert course[-2].seconds < 0.1 <= course[-1].seconds


# --- names --------------------------------------------------------------------------------------------------------


def test_sentences_differ_and_every_name_is_a_person_and_a_place():
    found = sentences.generate(400, seed=0)
    assert len({sentence.words for sentence in found}) == 400
    assert found == sentences.generate(400, seed=0)
    kinds = Counter((w, t) for s in found for w, t in zip(s.words, s.tags, strict=True) if t != "O")
    assert {word for word, _ in kinds} == set(sentences.NAMES)
    assert all(kinds[name, "PER"] and kinds[name, "LOC"] for name in sentences.NAMES)
    assert all((tag == "O") == (told == "") for s in found for tag, told in zip(s.tags, s.told, strict=True))
    assert not any(word.isupper() and len(word) > 1 for s in found for word in s.words)


def test_what_is_told_after_a_name_cannot_be_known_before_it():
    """Both tags follow on the same words before, if what tells comes after."""
    before: dict[tuple[str, ...], set[str]] = {}
    for s in sentences.generate(4000, seed=1):
        for place, told in enumerate(s.told):
            if told == ">" and place == 0:
                before.setdefault(s.words[: place + 1], set()).add(s.tags[place])
    assert len(before) == len(sentences.NAMES)
    assert all(tags == {"PER", "LOC"} for tags in before.values())


def test_measures_by_hand():
    sentence = sentences.Sentence(("a", "b", "c", "d"), ("PER", "O", "LOC", "PER"), ("<", "", ">", ">"))
    assert tagging.measures([sentence], [("PER", "LOC", "O", "PER")]) == (0.5, 2 * 2 / (3 + 3), 1.0, 0.5)
    assert tagging.measures([sentence], [("LOC", "O", "O", "PER")]) == (0.5, 2 * 1 / (2 + 3), 0.0, 0.5)
    assert tagging.measures([sentence], [sentence.tags]) == (1, 1, 1, 1)


def test_padding_changes_no_tag():
    found, vocabulary = sentences.generate(20, seed=2), {}
    for sentence in found:
        for word in sentence.words:
            vocabulary.setdefault(word, len(vocabulary) + 2)
    net = tagging.network("both")
    kernel = compile(net, outputs=("y",))
    theta = tagging.first_values(net, {"H": 4, "D": 3, "V": len(vocabulary) + 2, "O": 3}, 0)
    together = kernel.forward(theta, tagging.padded(found, vocabulary)).outputs["y"]
    for column, sentence in enumerate(found):
        alone = kernel.forward(theta, tagging.padded([sentence], vocabulary)).outputs["y"]
        assert together[: len(sentence.words), column] == pytest.approx(alone[:, 0], rel=1e-12, abs=1e-14)


def test_reading_both_ways_is_better_than_one():
    settings = tagging.Settings(hidden=16, width=8, sentences=400, held_out=100, steps=250, rate=0.03)
    held_out, scores = tagging.experiment(settings, nobody)
    forward, backward, both = scores
    assert len(held_out) == 100
    assert both.f1 > max(forward.f1, backward.f1) + 0.05
    assert forward.after < 0.85 < forward.before
    assert backward.before < 0.85 < backward.after


# --- copying ------------------------------------------------------------------------------------------------------


def test_lengths_go_beyond_training():
    assert copying.Settings().lengths == (1, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30)
    assert copying.Settings(longest=2).lengths == (1, 2, 3)


def test_the_network_without_attention_has_no_fewer_parameters():
    settings = copying.Settings(hidden=10, symbols=4)
    wide = copying.as_large(settings)
    wanted = copying.count(copying.first("with", 10, settings))
    assert wide > 10
    assert copying.count(copying.first("without", wide - 1, settings)) < wanted
    assert copying.count(copying.first("without", wide, settings)) >= wanted


def test_free_running_reads_its_own_symbols():
    """What is put out, read as the target, is put out again."""
    settings = copying.Settings(hidden=6, symbols=4)
    theta = {name: 3 * value for name, value in copying.first("with", 6, settings).items()}
    kernel, symbols = compile(copying.network("with"), "float32", outputs=("L", "p")), RNG.integers(0, 4, (7, 5))
    out, eye = copying.copied(kernel, theta, symbols), np.eye(4)
    forced = kernel.forward(theta, {"x": eye[symbols], "target": eye[out]}).outputs["p"].argmax(-1)
    assert np.array_equal(out, forced)
    assert len(np.unique(out)) > 1
    assert not np.array_equal(out, symbols)


def test_both_networks_learn_to_copy_two_symbols():
    settings = copying.Settings(hidden=12, symbols=3, longest=2, batch=16, steps=200, rate=0.03, tests=50)
    curves = copying.experiment(settings, nobody)
    assert [curve.attention for curve in curves] == ["without", "with"]
    assert curves[0].hidden > curves[1].hidden == 12
    assert curves[0].parameters >= curves[1].parameters
    for curve in curves:
        assert curve.errors[1] == 0
        assert curve.errors[2] < 0.1
    again = copying.experiment(settings, nobody)
    assert [curve.errors for curve in again] == [curve.errors for curve in curves]


@pytest.mark.parametrize(
    "call",
    [
        lambda: characters.Settings(hidden=0),
        lambda: characters.Settings(steps=0),
        lambda: characters.Settings(seconds=math.nan),
        lambda: tagging.Settings(hidden=3),
        lambda: tagging.Settings(steps=0),
        lambda: copying.Settings(longest=0),
        lambda: copying.Settings(symbols=1),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_line(call):
    with pytest.raises(ValueError, match="needed") as refused:
        call()
    assert "\n" not in str(refused.value)
