"""`bptt index`: one page of all architectures and networks, with links to the reports that lie beside it.

Read next: `reports.dispatch`.
"""

from __future__ import annotations

from pathlib import Path

from reports import html
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.files import FileError, write_all
from reports.index import index


def write_index(*, out: str, force: bool, as_json: bool) -> int:
    """Write OUT/index.html."""
    try:
        present = {file.name for file in Path(out).glob("*.html")}
        (file,) = write_all(out, {"index.html": html.render(index(present), command="index")}, force=force)
    except FileError as error:
        raise Failure(str(error)) from error
    print_json({"file": str(file)}) if as_json else print_text(str(file))
    return 0
