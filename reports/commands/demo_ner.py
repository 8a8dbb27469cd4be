"""`bptt demo ner`: names of people and places, tagged by networks that read forward, backward, and both ways.

Read next: `reports.commands.demo_copy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from numeric.demos.sentences import Sentence
from numeric.demos.tagging import Score, Settings, experiment
from reports.commands.bars import gauge
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.commands.progress import progress

SHOWN = 4  # sentences that only a bidirectional network gets right
HEAD = ("GRU reads", "parameters", "words right", "F1 of names", "told by what is before", "after")


def ner(settings: Mapping[str, int], *, as_json: bool) -> int:
    """Train three taggers and compare them; 1 if reading both ways is not the best.

    Args:
        settings: of `numeric.demos.tagging.Settings`, by name.
        as_json: JSON alone.

    Raises:
        Failure: if a setting makes no sense, or training fails.
    """
    with progress() as say:
        try:
            chosen = Settings(**settings)
            sentences, scores = experiment(
                chosen, lambda reading, fraction: say(f"learning to read {reading} {gauge(fraction)}")
            )
        except ValueError as error:
            raise Failure(str(error)) from error
    if as_json:
        rows = [{name: value for name, value in asdict(score).items() if name != "tags"} for score in scores]
        print_json({"settings": asdict(chosen), "scores": rows})
    else:
        print_text(_text(chosen, sentences, scores))
    *single, both = scores
    return 0 if all(both.f1 > score.f1 for score in single) else 1


def _text(settings: Settings, sentences: Sequence[Sentence], scores: Sequence[Score]) -> str:
    rows = [
        (
            score.reading,
            f"{score.parameters:,}",
            *(f"{share:.1%}" for share in (score.accuracy, score.f1, score.before, score.after)),
        )
        for score in scores
    ]
    seconds = sum(score.seconds for score in scores)
    return "\n\n".join(
        [
            f"{settings.sentences:,} sentences to learn from, {settings.held_out:,} others held out; {seconds:.0f} s",
            table([HEAD, *rows], "lrrrrr"),
            "Some of them (a wrong tag has a !)",
            *_examples(sentences, scores),
        ]
    )


def _examples(sentences: Sequence[Sentence], scores: Sequence[Score]) -> list[str]:
    """The first held-out sentences in which reading one way fails and reading both ways does not."""
    *single, both = scores
    hard = [
        place
        for place, sentence in enumerate(sentences)
        if both.tags[place] == sentence.tags and any(score.tags[place] != sentence.tags for score in single)
    ]
    return [_example(sentences[place], place, scores) for place in hard[:SHOWN]]


def _example(sentence: Sentence, place: int, scores: Sequence[Score]) -> str:
    """A sentence, and below its names how each network tagged them; what is wrong has a mark."""
    columns = zip(*(score.tags[place] for score in scores), strict=True)
    marked = [
        [word, *(_marked(tag, right) for tag in tags)]
        for word, right, tags in zip(sentence.words, sentence.tags, columns, strict=True)
    ]
    first = ["", *(score.reading for score in scores)]
    return table(zip(first, *marked, strict=True))


def _marked(found: str, right: str) -> str:
    """The tag of a name, with a mark if it is wrong; nothing for what is rightly no name."""
    return f"{found}!" if found != right else "" if right == "O" else found
