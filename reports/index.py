"""One page of everything in the library: equations, parameters, source, and where the report of each is.

Read next: `reports.commands.index`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from derive.architectures import FAMILIES
from derive.counts import parameter_count
from derive.latex import shape_latex
from derive.library import load
from derive.networks import NAMED, build
from derive.system import System
from derive.typeset import typeset
from reports.document import Block, Heading, Prose, Report, Row, Rows
from reports.grouping import grouped_terms
from reports.inline import plain
from reports.notation import Notation
from reports.writing import file_stem

NETWORKS = "Networks, made of these"


def index(reports: Collection[str] = ()) -> Report:
    """The page as a document.

    Args:
        reports: names of the files that lie beside it; a report that is there is linked.
    """
    blocks: list[Block] = []
    entries = [(family, [load(entry.name) for entry in found]) for family, found in FAMILIES.items()]
    entries.append((NETWORKS, [build(name) for name in NAMED]))
    for family, systems in entries:
        blocks.append(Heading(1, plain(family)))
        for system in systems:
            blocks += _entry(system, reports)
    number = sum(len(systems) for _, systems in entries)
    title = f"{number} recurrent architectures"
    return Report(title, "Their equations, in the order in which they are best read", tuple(blocks))


def _entry(system: System, reports: Collection[str]) -> Iterator[Block]:
    yield Heading(2, plain(system.title or system.name), f"cell-{system.name}")
    page = f"{file_stem(system)}.html"
    where = f"{{page:{page}}}" if page in reports else f"`bptt report {system.name}`"
    count = plain(str(parameter_count(system)))
    yield Prose(f"{plain(system.source.rstrip('.') or 'No source')}. Parameters: {count}. The derivation: {where}.")
    names = Notation().names(system)
    yield Rows(
        tuple(
            Row(
                typeset(equation.out, names),
                grouped_terms(equation.expr, names),
                shape=shape_latex(system.variables[equation.name].shape),
            )
            for equation in system.equations
        )
    )
