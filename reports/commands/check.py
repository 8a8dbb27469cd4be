"""`bptt check`: somebody's hand-written gradient, from a file of arrays or by calling the functions of a Python file.

A Python file is run, with all that this means, in a process of its own; a file of arrays is only read.  The verdict
goes to stdout, and nothing else does.

Read next: `reports.cli`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import derive
from numeric.check.arrays import check_arrays
from numeric.check.calling.callables import judge
from numeric.check.calling.child import run_file
from numeric.check.files import Arrays, read
from numeric.check.template import template
from numeric.check.verdict import Verdict
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.commands.progress import Say, progress
from reports.commands.systems import read_systems

FUNCTION = re.compile(r"(?P<path>.+\.py):(?P<name>[^\W\d][\w.]*)")
POLICY = re.compile(r"(truncate|clip)(:[\w.+-]+)*")


@dataclass(frozen=True)
class Options:
    """What the command line said besides the file.

    Attributes:
        cell, loss, convention: as `numeric.check_arrays` has them; empty if not said.
        maps: "AUTHOR=QUANTITY", each.
        allowed: policies that are no mistake here.
        forward, adapter, timeout, seed, shown: of functions: the forward one, JSON or a file of it, seconds, of the
            data, and whether what the file prints is shown.
        budget: seconds for the search.
    """

    cell: str = ""
    loss: str = ""
    convention: str = ""
    maps: Sequence[str] = ()
    allowed: Sequence[str] = ()
    forward: str = ""
    adapter: str = ""
    timeout: float = 60.0
    seed: int = 0
    shown: bool = False
    budget: float = 45.0


def check(target: str, options: Options, *, as_json: bool) -> int:
    """Print the verdict; 0 correct or an allowed policy, 1 wrong or another policy, 2 undecided.

    Raises:
        Failure: with the reason, if there is nothing that can be checked.
    """
    for policy in options.allowed:
        if not POLICY.fullmatch(policy):
            raise Failure(f"--allow: {policy!r} is not a policy, as truncate:3 or clip is")
    cell = _cell(options.cell)
    mapping = _mapping(options.maps)
    with progress() as say:
        try:
            verdict = _verdict(target, options, cell, mapping, say)
        except (derive.EquationError, ValueError) as error:
            raise Failure(_indented(str(error))) from error
    if as_json:
        print_json(verdict.as_json())
    else:
        print_text(str(verdict))
    return 0 if verdict.allowed(options.allowed) else verdict.exit_status


def show_template(cell: str) -> int:
    """Print the keys and the scripts for a cell."""
    (system,) = read_systems([cell])
    print_text(template(system))
    return 0


def _verdict(
    target: str, options: Options, cell: str | derive.System | None, mapping: Mapping[str, str] | None, say: Say
) -> Verdict:
    def judged(arrays: Arrays, seconds: float) -> Verdict:
        return check_arrays(
            arrays.values,
            precision=arrays.precisions,
            cell=cell,
            loss=options.loss or None,
            mapping=mapping,
            convention=options.convention or None,
            budget=seconds,
            progress=say,
        )

    function = FUNCTION.fullmatch(target)
    if function is None:
        if target.endswith(".py"):
            raise ValueError(f"which function of {target}? write {target}:lstm_backward --forward lstm_forward")
        return judged(read(target), options.budget)
    say(f"calling {function['name']}")
    if not Path(function["path"]).is_file():
        raise ValueError(f"cannot read {function['path']}: there is no such file")
    trials = run_file(
        function["path"],
        function["name"],
        forward=options.forward,
        adapter=_adapter(options.adapter),
        cell=options.cell or None,
        seed=options.seed,
        timeout=options.timeout,
        shown=options.shown,
    )
    return judge(trials, lambda dump, seconds: judged(Arrays(dump, {}), seconds), options.budget)


def _cell(text: str) -> str | derive.System | None:
    """A name is left to the check, which searches its family; a file and equations are a system."""
    if not text or text in derive.names():
        return text or None
    (system,) = read_systems([text])
    return system


def _mapping(maps: Sequence[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for text in maps:
        author, _, quantity = (part.strip() for part in text.partition("="))
        if not (author and quantity):
            raise Failure(f"--map: {text!r} is not AUTHOR=QUANTITY, as Wgx=W_g")
        found[author] = quantity
    return found or None


def _adapter(text: str) -> Mapping[str, Any] | None:
    """An adapter in JSON, or a file of it."""
    if not text:
        return None
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--adapter: cannot read {text}") from error
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"--adapter is not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError('--adapter is a JSON object, as {"forward": "x, h0, W -> h, cache", …}')
    return record


def _indented(reason: str) -> str:
    """The reason in one line; what belongs to it stands below, indented."""
    head, *rest = reason.splitlines()
    return "\n".join([head, *(f"  {line.strip()}" for line in rest)])
