"""`bptt demo language-model`: a model of characters is trained, compared with counting, and writes.

Read next: `reports.commands.demo_ner`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from numeric.demos import ngrams
from numeric.demos.characters import Moment, Settings, held_out, train
from numeric.demos.corpus import Corpus, corpus, python_help
from numeric.language_model import LanguageModel, perplexity, sample
from reports.commands.bars import bar, gauge
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.commands.progress import progress
from reports.commands.systems import read_systems
from reports.files import FileError, guard, write

ORDERS = {"uniform": 0, "unigram": 1, "bigram": 2, "trigram": 3}
ROWS = 10  # of the course of training
LENGTH, PROMPT = 600, 200  # characters of the sample, and of what is read before it


def language_model(
    settings: Mapping[str, Any],
    *,
    cell: str,
    temperature: float,
    text: str,
    out: str,
    force: bool,
    as_json: bool,
) -> int:
    """Train, measure, and write a sample; 1 if a bigram model guesses held-out text better.

    Args:
        settings: of `numeric.demos.characters.Settings`, by name.
        cell: a name, a file or equations.
        temperature: of the sample.
        text: a file to learn from; empty for Python's help pages.
        out: a file for the parameters and symbols, in NumPy's format; empty for none.
        force: overwrite it.
        as_json: JSON alone.

    Raises:
        Failure: if something does not fit, or training fails.
    """
    (system,) = read_systems([cell])
    if out and not force:
        _guard(out)
    if not (math.isfinite(temperature) and temperature > 0):
        raise Failure(f"--temperature {temperature}: a positive number is needed")
    with progress() as say:
        try:
            chosen = Settings(**settings)
            data = corpus(_read(text) if text else python_help())
            model, course = train(data, system, chosen, lambda moment: say(_doing(moment)))
            say("reading what was held out")
            perplexities = _baselines(data) | {"network": held_out(model, data)}
            written = "".join(
                sample(model, seed=chosen.seed, temperature=temperature, longest=LENGTH, prompt=_prompt(data))
            )
        except ValueError as error:
            raise Failure(f"{system.name}: {error}") from error
    if out:
        _save(out, model, force=force)
    record = {
        "cell": system.name,
        "settings": asdict(chosen),
        "parameters": sum(value.size for value in model.parameters.values()),
        "symbols": data.size,
        "characters": {"training": len(data.training), "held_out": len(data.held_out)},
        "steps": len(course),
        "seconds": course[-1].seconds,
        "course": [{"step": end.step, "seconds": end.seconds, "perplexity": mean} for end, mean in _means(course)],
        "perplexity": perplexities,
        "temperature": temperature,
        "sample": written,
        "file": out or None,
    }
    if as_json:
        print_json(record)
    else:
        print_text(_text(record, course, perplexities))
    return 0 if _better(perplexities) else 1


def _better(perplexities: Mapping[str, float]) -> bool:
    """Whether the network guesses better than a bigram model, or than counting if there is no table of pairs."""
    return perplexities["network"] < perplexities.get("bigram", perplexities["unigram"])


def _doing(moment: Moment) -> str:
    return f"learning {gauge(moment.fraction)} step {moment.step:,} · perplexity {math.exp(moment.loss):.2f}"


def _baselines(data: Corpus) -> dict[str, float]:
    return {
        name: perplexity(ngrams.logs(data.training, data.held_out, data.size, order))
        for name, order in ORDERS.items()
        if data.size**order <= ngrams.LARGEST
    }


def _prompt(data: Corpus) -> list[str]:
    """The end of the held-out text, on which a new paragraph follows."""
    return [data.symbols[number] for number in data.held_out[-PROMPT:]]


def _means(course: Sequence[Moment]) -> Iterator[tuple[Moment, float]]:
    """The course in a few pieces: the end of each, and the perplexity over all of it."""
    for piece in np.array_split(np.arange(len(course)), min(ROWS, len(course))):
        yield course[piece[-1]], math.exp(float(np.mean([course[place].loss for place in piece])))


def _text(record: Mapping[str, object], course: Sequence[Moment], perplexities: Mapping[str, float]) -> str:
    means = list(_means(course))
    top = math.log(perplexities["uniform"])
    settings, characters = record["settings"], record["characters"]
    assert isinstance(settings, dict)
    assert isinstance(characters, dict)
    head = (
        f"{record['cell']} of {settings['hidden']} units, {record['parameters']:,} parameters: "
        f"{characters['training']:,} characters to learn from, {characters['held_out']:,} held out"
    )
    curve = [(f"{end.step:,}", f"{end.seconds:.0f}", f"{mean:.2f}", bar(math.log(mean) / top)) for end, mean in means]
    judged = [
        (name, f"{value:.2f}", f"{math.log2(value):.2f}", bar(math.log(value) / top))
        for name, value in perplexities.items()
    ]
    return "\n\n".join(
        [
            head,
            "While learning\n\n" + table([("step", "seconds", "perplexity", ""), *curve], "rrr"),
            "On held-out text (n-grams with Witten–Bell smoothing)\n\n"
            + table([("model", "perplexity", "bits per character", ""), *judged], "lrr"),
            *([] if _better(perplexities) else ["Pairs of characters guess better still: let it learn for longer"]),
            f"It writes (temperature {record['temperature']:g})\n",
            _indented(str(record["sample"])),
            *([f"Parameters and symbols are in {record['file']}"] if record["file"] else []),
        ]
    )


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.strip("\n").splitlines())


# --- files --------------------------------------------------------------------------------------------------------


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not a text file in UTF-8") from error


def _guard(path: str) -> None:
    """Before the training, not after it."""
    try:
        guard(path, "")
    except FileError as error:
        raise Failure(str(error)) from error


def _save(path: str, model: LanguageModel, *, force: bool) -> None:
    """What ``numpy.load`` reads: every parameter by name, and the symbols."""
    stream = io.BytesIO()
    np.savez(stream, symbols=np.array(model.symbols), **dict(model.parameters))  # type: ignore[arg-type]
    try:
        write(path, stream.getvalue(), force=force)
    except FileError as error:
        raise Failure(str(error)) from error
