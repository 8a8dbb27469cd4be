"""The corpus of hand-written gradients: read it, plant its mistakes, run it, compare a diagnosis with the label.

Each `impl_*.py` is code as people write it, a line that begins with `# ---- corpus`, and below it what the bench needs
(README.md tells).  A mistake is an edit of the text above that line, so nothing here knows how gradients are derived.
``python tests/corpus/load.py --list`` prints the table, ``--dump DIR`` writes every case as npz with its label as JSON.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
FRESH = HERE / "fresh"  # a third part, written after the check and never used to develop it
LATER = HERE / "later"  # a fourth, written when the third had been seen
LAST = HERE / "last"  # a fifth, written when the fourth had been seen
FINAL = HERE / "final"  # a sixth, written when the fifth had been seen
MARK = "# ---- corpus"
WORDS = (
    "cut-recurrence truncate last-step-only first-step-only not-accumulated zero-gradient transpose time-shift "
    "missing-derivative derivative-of-activated swap-gates drop-path misplaced-factor scale sign clip "
    "cotangent-at-every-step cotangent-missing wrong-axis wrong-forward"
)
KINDS = frozenset(WORDS.split())
POLICIES = frozenset({"clip", "truncate"})

Finding = tuple[str, str]  # a kind, and the names that may stand under `where`, separated by spaces; "*" is any
Explanation = tuple[Finding, ...]  # findings that hold together
Edit = tuple[str, str, int]  # old text, new text, how often the old one occurs


@dataclass(frozen=True)
class Mistake:
    """Edits of an implementation, with every explanation of them that is right; `parts` are the singles of a stack."""

    name: str
    edits: tuple[Edit, ...]
    accepted: tuple[Explanation, ...]
    verdict: str
    parts: tuple[str, ...]

    @property
    def stacked(self) -> bool:
        return len(self.parts) > 1


@dataclass(frozen=True)
class Implementation:
    """A file of the corpus; `code` is the user's, `footer` the bench's."""

    name: str
    path: Path
    code: str
    footer: str
    cell: str | None
    style: str
    held_out: bool
    call: dict[str, Any] | None
    mistakes: tuple[Mistake, ...] = field(repr=False)

    def mistake(self, name: str) -> Mistake:
        return next(mistake for mistake in self.mistakes if mistake.name == name)


def paths(folder: Path = HERE) -> list[Path]:
    """The files of the corpus, in order; those of `FRESH`, `LATER`, `LAST` and `FINAL` are asked for by name."""
    return sorted(folder.glob("impl_*.py"))


def read(path: Path) -> Implementation:
    """One file.  ValueError if it has no mark or a label is of no known kind; KeyError if a stack names no single."""
    code, mark, footer = path.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{path.name}: no line begins with {MARK!r}")
    space = execute(code, mark + footer, path.stem)
    singles = [single(name, *record) for name, record in space["MISTAKES"].items()]
    named = {mistake.name: mistake for mistake in singles}
    stacks = [
        stack(name, [named[part] for part in name.split(" + ")], extra) for name, extra in space["STACKS"].items()
    ]
    for mistake in (*singles, *stacks):
        if unknown := {kind for explanation in mistake.accepted for kind, _ in explanation} - KINDS:
            raise ValueError(f"{path.name}: {mistake.name}: no such kind: {sorted(unknown)}")
    return Implementation(
        path.stem,
        path,
        code,
        mark + footer,
        space["CELL"],
        space["STYLE"],
        space["HELD_OUT"],
        space.get("CALL"),
        (*singles, *stacks),
    )


def single(name: str, edits: Sequence[Any], accepted: Sequence[Any], verdict: str = "") -> Mistake:
    """A record of `MISTAKES`: a verdict that is not given follows from the kinds."""
    explanations = tuple((item,) if isinstance(item, tuple) else tuple(item) for item in accepted)
    full = tuple((old, new, *(count or [1])) for old, new, *count in edits)
    return Mistake(name, full, explanations, verdict or judged(explanations), (name,))


def stack(name: str, parts: Sequence[Mistake], extra: Sequence[Any]) -> Mistake:
    """Several singles at once: any explanation of each, together, or one of `extra`; what is no error may go unsaid."""
    silent = {"correct", "loss"}
    choices = product(*(((),) * (part.verdict in silent) + part.accepted for part in parts))
    together = [tuple(finding for explanation in choice for finding in explanation) for choice in choices]
    more = [(item,) if isinstance(item, tuple) else tuple(item) for item in extra]
    edits = tuple(edit for part in parts for edit in part.edits)
    verdicts = {part.verdict for part in parts} - silent
    verdict = "wrong" if "wrong" in verdicts else "policy"
    return Mistake(name, edits, (*together, *more), verdict, tuple(part.name for part in parts))


def judged(accepted: Sequence[Explanation]) -> str:
    """`policy` if the first explanation holds nothing but policies."""
    return "policy" if {kind for kind, _ in accepted[0]} <= POLICIES else "wrong"


def edited(implementation: Implementation, mistake: Mistake | None) -> str:
    """The user's code with a mistake.  Raises ValueError if an old text does not occur as often as said."""
    code = implementation.code
    for old, new, count in mistake.edits if mistake else ():
        if code.count(old) != count:
            raise ValueError(f"{implementation.name}: {mistake.name}: {code.count(old)} times, not {count}: {old!r}")
        code = code.replace(old, new)
    return code


def execute(code: str, footer: str, name: str) -> dict[str, Any]:
    """The namespace of code and footer together."""
    space: dict[str, Any] = {"__name__": f"corpus.{name}"}
    exec(compile(code + footer, name + ".py", "exec"), space)
    return space


def arrays(space: dict[str, Any], seed: int = 0, **changed: np.ndarray) -> dict[str, np.ndarray]:
    """What a dump holds: the drawn arrays (some of them `changed`), and what the user's code computes from copies."""
    drawn = {**space["draw"](np.random.default_rng(seed)), **changed}
    computed = space["run"]({key: np.array(value) for key, value in drawn.items()})
    return {key: np.array(value) for key, value in {**drawn, **computed}.items()}


def dump(implementation: Implementation, mistake: Mistake | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of an implementation, right as it stands or with one of its mistakes."""
    return arrays(execute(edited(implementation, mistake), implementation.footer, implementation.name), seed)


def explains(diagnosis: Sequence[dict[str, Any]], mistake: Mistake) -> bool:
    """Whether a diagnosis, `[{"kind", "where"}, …]`, says one of the accepted explanations, whole and nothing else.

    A place is right if one of its names is: `"c[t-1] → z_f"` names c, t and z_f.  One finding may name several places,
    and several findings of one kind may share an accepted one.  Beside wrong-forward anything may be found.
    """
    words = [json.dumps(item["where"], ensure_ascii=False) for item in diagnosis]
    found = [(item["kind"], set(re.findall(r"[^\W\d]\w*", text))) for item, text in zip(diagnosis, words, strict=True)]
    return any(covers(found, explanation) for explanation in mistake.accepted)


def covers(found: Sequence[tuple[str, set[str]]], explanation: Explanation) -> bool:
    """Whether every finding belongs to an accepted one and the reverse."""

    def belongs(finding: tuple[str, set[str]], accepted: Finding) -> bool:
        return finding[0] == accepted[0] and (accepted[1] == "*" or bool(finding[1] & set(accepted[1].split())))

    free = any(kind == "wrong-forward" for kind, _ in explanation)
    complete = all(any(belongs(finding, accepted) for finding in found) for accepted in explanation)
    return complete and (free or all(any(belongs(finding, accepted) for accepted in explanation) for finding in found))


def cases(held_out: bool | None = None, folder: Path = HERE) -> Iterator[tuple[Implementation, Mistake | None]]:
    """Every implementation, first as it stands, then with each mistake; of one half of the corpus, or all."""
    for path in paths(folder):
        implementation = read(path)
        if held_out is None or implementation.held_out == held_out:
            yield implementation, None
            for mistake in implementation.mistakes:
                yield implementation, mistake


def label(implementation: Implementation, mistake: Mistake | None) -> dict[str, Any]:
    """What is known of a case, for JSON."""
    known = {"implementation": implementation.name, "cell": implementation.cell, "held_out": implementation.held_out}
    if mistake is None:
        return {**known, "mistake": None, "verdict": "correct", "accepted": []}
    accepted = [[{"kind": kind, "where": where.split()} for kind, where in part] for part in mistake.accepted]
    return {**known, "mistake": mistake.name, "verdict": mistake.verdict, "accepted": accepted}


def table() -> None:
    """One line an implementation, and the sums."""
    rows = [read(path) for path in paths()]
    singles, stacks = ([sum(m.stacked == s for m in row.mistakes) for row in rows] for s in (False, True))
    for row, one, many in zip(rows, singles, stacks, strict=True):
        cell = "(equations)" if row.cell and "=" in row.cell else row.cell or "-"
        half = "held out" if row.held_out else "dev"
        print(f"{row.name[5:]:34} {cell:22} {one:2} + {many}  {half:9} {'call ' if row.call else '     '} {row.style}")
    held = [row.held_out for row in rows]
    print(
        f"\n{len(rows)} implementations ({sum(held)} held out), {sum(singles)} single mistakes "
        f"({sum(n for n, h in zip(singles, held, strict=True) if h)}), {sum(stacks)} stacks "
        f"({sum(n for n, h in zip(stacks, held, strict=True) if h)}); {sum(bool(row.call) for row in rows)} callable"
    )


def write(folder: Path, held_out: bool | None) -> None:
    """Every case as `NAME.npz` and `NAME.json`, and the user's code as `NAME.py`."""
    folder.mkdir(parents=True, exist_ok=True)
    for implementation, mistake in cases(held_out):
        name = implementation.name + ("--" + re.sub(r"\W+", "-", mistake.name) if mistake else "")
        np.savez(folder / f"{name}.npz", **dump(implementation, mistake))
        text = json.dumps(label(implementation, mistake), ensure_ascii=False, indent=1)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        (folder / f"{name}.py").write_text(edited(implementation, mistake), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="the corpus of hand-written gradients")
    parser.add_argument("--list", action="store_true", help="a table of the implementations")
    parser.add_argument("--dump", type=Path, metavar="DIR", help="write each case: npz, label (JSON), code")
    parser.add_argument("--only", choices=["dev", "held-out"], help="one half of the corpus")
    options = parser.parse_args(arguments)
    if options.dump:
        write(options.dump, None if options.only is None else options.only == "held-out")
    if options.list or not options.dump:
        table()


if __name__ == "__main__":
    main(sys.argv[1:])
