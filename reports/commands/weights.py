"""`bptt weights`: what a file of weights holds, and the same weights as another framework has them.

Read next: `reports.commands.progress`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from derive.errors import EquationError
from derive.library import UnknownArchitecture
from derive.system import System
from numeric.exchange.contents import Contents, contents
from numeric.exchange.convert import dump, read
from numeric.exchange.files import encoded, read_weights
from numeric.exchange.names import Array
from reports.commands.failure import Failure
from reports.commands.output import print_json, print_text, table
from reports.files import FileError, write

Network = tuple[System, dict[str, Array]]


def weights(
    file: str, *, source: str, to: str, out: str, prefix: str | None, cell: str, force: bool, as_json: bool
) -> int:
    """List a file, or convert one network of it.

    Raises:
        Failure: if the file cannot be read, or holds no weights of recurrent layers; if there are several networks and
            none is chosen; if `out` exists.
    """
    if bool(to) != bool(out):
        raise Failure("--to and -o belong together: the framework, and the file to write")
    if out and not force and Path(out).exists():
        raise Failure(f"{out} exists; --force overwrites it")
    try:
        held = contents(read_weights(file), source or None)
        chosen = [prefix] if prefix is not None else list(held.networks)
        for unknown in [name for name in chosen if name not in held.networks]:
            raise Failure(f"no network has the prefix {unknown!r}; there are {', '.join(map(repr, held.networks))}")
        found = {name: read(held.framework, held.networks[name], cell=cell or None) for name in chosen}
        written = _converted(found, to, out) if to else {}
    except (ValueError, EquationError, UnknownArchitecture, FileError) as error:
        raise Failure(str(error)) from error
    if as_json:
        networks = [_plain(name, *found[name], held.networks[name]) for name in chosen]
        print_json({"file": file, "framework": held.framework, "networks": networks, "others": list(held.others)}
        | ({"to": to, "written": out, "tensors": _shapes(written)} if to else {}))  # fmt: skip
    else:
        print_text(_text(held, found) if not to else _rows(_shapes(written)) + f"\n\n{out}: {to}")
    return 0


def _converted(found: dict[str, Network], to: str, out: str) -> dict[str, Array]:
    if len(found) > 1:
        raise ValueError(f"there are {len(found)} networks; choose one by --prefix {' or '.join(map(repr, found))}")
    ((system, parameters),) = found.values()
    tensors = dump(to, parameters, system)
    write(out, encoded(tensors, Path(out).suffix.lower()), force=True)  # what is there was asked about before
    return tensors


def _plain(prefix: str, system: System, parameters: dict[str, Array], tensors: Any) -> dict[str, Any]:
    total = sum(array.size for array in parameters.values())
    return {
        "prefix": prefix,
        "system": system.name,
        "title": system.title,
        "tensors": _shapes(tensors),
        "parameters": _shapes(parameters),
        "count": total,
    }


def _shapes(arrays: Any) -> dict[str, list[int]]:
    return {name: list(array.shape) for name, array in arrays.items()}


def _rows(shapes: dict[str, list[int]]) -> str:
    return table([(name, " × ".join(map(str, shape))) for name, shape in shapes.items()])


def _text(held: Contents, found: dict[str, Network]) -> str:
    parts = []
    for prefix, (system, parameters) in found.items():
        one = _plain(prefix, system, parameters, held.networks[prefix])
        head = f"{held.framework}{f', --prefix {prefix}' if prefix else ''}: {system.title or system.name}"
        parts += [f"{head}\n\n{_rows(one['tensors'])}\n\nparameters of {system.name}\n\n{_rows(one['parameters'])}"]
    if held.others:
        parts.append(f"no part of a recurrent layer: {', '.join(held.others)}")
    return "\n\n".join(parts)
