"""How often the check of hand-written gradients is right, on the corpus: ``python -m tests.corpus.figures``.

Prints one line for every case that was not judged as its label says, then the figures.  ``--half dev`` looks at the
half that the check was developed on, ``--half held-out`` at the other, ``--half fresh`` at what was written after it,
``--half later``, ``--half last`` and ``--half final`` at what was written after that, each in turn;
``--only lstm`` at implementations whose name contains it, ``--seed`` draws other data.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence

from numeric.check.arrays import check_arrays
from numeric.check.verdict import Verdict
from tests.corpus import load

Case = tuple[load.Implementation, load.Mistake | None]


def graded(case: Case, verdict: Verdict) -> str:
    """ "right", or what is wrong with the verdict."""
    mistake = case[1]
    found = verdict.as_json()
    if mistake is None:
        return "right" if verdict.verdict == "correct" else f"flagged ({verdict.verdict})"
    if mistake.verdict == "loss":
        only_scale = all(finding.kind == "scale" for finding in verdict.diagnosis)
        return "right" if verdict.verdict == "correct" or (only_scale and verdict.explained) else "flagged (loss)"
    if mistake.verdict == "correct":
        return "right" if verdict.verdict == "correct" else f"flagged ({verdict.verdict})"
    if verdict.verdict == "correct":
        return "MISSED"
    if verdict.verdict == "undecided":
        return "undecided"
    if not verdict.explained:
        return "unexplained"
    groups = [found["diagnosis"], *found["alternatives"]]
    if any(load.explains(group, mistake) for group in groups):
        return "right" if load.explains(groups[0], mistake) else "right among the alternatives"
    return "WRONG EXPLANATION"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("dev", "held-out", "both", "fresh", "later", "last", "final"), default="dev")
    parser.add_argument("--only", default="")
    parser.add_argument("--kind", choices=("correct", "single", "stack", "all"), default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=45.0)
    parser.add_argument("--without-cell", action="store_true", help="let the check find out the cell")
    options = parser.parse_args(arguments)
    half = {"dev": False, "held-out": True}.get(options.half)
    folder = {"fresh": load.FRESH, "later": load.LATER, "last": load.LAST, "final": load.FINAL}.get(
        options.half, load.HERE
    )
    counts: dict[str, Counter[str]] = {"correct": Counter(), "single": Counter(), "stack": Counter()}
    times: dict[str, list[float]] = {"correct": [], "single": [], "stack": []}
    for implementation, mistake in load.cases(half, folder):
        kind = "correct" if mistake is None else "stack" if mistake.stacked else "single"
        if options.only not in implementation.name or options.kind not in (kind, "all"):
            continue
        start = time.perf_counter()
        cell = None if options.without_cell and "=" not in (implementation.cell or "") else implementation.cell
        try:
            verdict = check_arrays(load.dump(implementation, mistake, options.seed), cell=cell, budget=options.budget)
        except ValueError as reason:
            verdict = Verdict("undecided", False, notes=(f"{type(reason).__name__}: {reason}",))
        times[kind].append(time.perf_counter() - start)
        grade = graded((implementation, mistake), verdict)
        counts[kind][grade] += 1
        if grade != "right":
            said = [(f.kind, f.where) for f in verdict.diagnosis] or list(verdict.notes)
            print(
                f"{grade:18} {implementation.name}: {mistake.name if mistake else 'as it stands'}: {said}", flush=True
            )
    for kind, counter in counts.items():
        if total := sum(counter.values()):
            slowest = max(times[kind])
            shares = ", ".join(f"{grade} {count}" for grade, count in counter.most_common())
            right = counter["right"] + counter["right among the alternatives"]
            print(f"{kind}: {right} of {total} right ({right / total:.1%}); {shares}; slowest {slowest:.1f} s")


if __name__ == "__main__":
    main()
