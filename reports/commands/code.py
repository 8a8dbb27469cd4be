"""`bptt code`: the NumPy module of a system, forward and backward.

Read next: `numeric.kernel`.
"""

from __future__ import annotations

from numeric.kernel import compile as compile_kernel
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text
from reports.commands.systems import read_systems
from reports.files import FileError, mark, write


def code(argument: str, *, out: str, force: bool, as_json: bool, strict: bool) -> int:
    """Write the source to `out`, or print it where `out` is empty."""
    (system,) = read_systems([argument], strict=strict)
    source = compile_kernel(system).source
    if out:
        try:
            write(out, f"# {mark('code')}\n{source}", force=force)
        except FileError as error:
            raise Failure(str(error)) from error
    if as_json:
        print_json({"name": system.name, "file": out or None, "source": source})
    elif not out:
        print_text(source)
    return 0
