"""`bptt notes`: what lecture notes say, right and wrong, with what was computed to see it.

`bptt stability --claims` prints those on gradients that vanish or explode.

Read next: `reports.commands.chain`.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from numeric.claims import CLAIMS, Claim
from numeric.notes import NUMBERS
from numeric.slips import SLIPS
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text

ALL = {claim.name: claim for claim in (*NUMBERS, *SLIPS, *CLAIMS)}


def notes(names: Sequence[str], *, as_json: bool) -> int:
    """Print claims by name, or all of them: numbers, mistakes, and statements on gradients through time."""
    for name in names:
        if name not in ALL:
            close = next(iter(get_close_matches(name, ALL, n=1)), None)
            hint = f"did you mean {close!r}?" if close else f"there are {', '.join(ALL)}"
            raise Failure(f"no statement is called {name!r}; {hint}")
    return claims([ALL[name] for name in names] or list(ALL.values()), as_json=as_json)


def stability_claims(*, as_json: bool) -> int:
    """Print the claims on gradients that vanish or explode."""
    return claims(CLAIMS, as_json=as_json)


def claims(chosen: Sequence[Claim], *, as_json: bool) -> int:
    """Check claims and print each with what was found.

    Returns:
        0 if every statement was confirmed, else 1.
    """
    found = [(claim, *claim.check()) for claim in chosen]
    if as_json:
        records = [
            {"name": c.name, "said": c.said, "right": c.right, "statement": c.statement, "found": text, "holds": held}
            for c, held, text in found
        ]
        print_json(records)
    else:
        blocks = []
        for claim, held, text in found:
            said = f"said: {claim.said} ({'right' if claim.right else 'wrong'})" if claim.said else ""
            outcome = "found" if held else "NOT CONFIRMED"
            lines = [claim.name, said, f"true: {claim.statement}", f"{outcome}: {text}"]
            blocks.append("\n  ".join(filter(None, lines)))
        print_text("\n\n".join(blocks))
    return 0 if all(held for _, held, _ in found) else 1
