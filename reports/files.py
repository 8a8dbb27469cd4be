"""Files written whole or not at all.

A report that takes the place of an older one must never be half of it, so text goes to a temporary file
in the same directory and is moved over the target, which POSIX and Windows do in one step. Several files
are all written before the first is moved. Text is UTF-8 with ``\\n``, so that the bytes are the same on
every system.

Read next: `reports.jsonreport`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class FileError(Exception):
    """A file that could not be written; the message is one line, its path and the system's reason."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path, self.error = path, error
        reason = error.strerror or str(error) or type(error).__name__
        super().__init__(" ".join(f"cannot write {path}: {reason}".split()))


def write(path: str | Path, content: str | bytes) -> Path:
    """Write one file; its directory is made where it is missing."""
    path = Path(path)
    return write_all(path.parent, {path.name: content})[0]


def write_all(directory: str | Path, contents: Mapping[str, str | bytes]) -> tuple[Path, ...]:
    """Write files of these names into a directory, none of them unless all could be written."""
    directory = Path(directory)
    waiting: list[tuple[Path, Path]] = []
    path = directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            if name != os.path.basename(name) or name in ("", ".", ".."):
                raise ValueError(f"{name!r} is not the name of a file in {directory}")
            # Through a link to its target: moving a file onto the link would replace the link.
            path = Path(os.path.realpath(directory / name))
            if path.is_dir():
                raise IsADirectoryError(21, "is a directory")
            # Not tempfile: its files are readable by their owner only, and the report would stay so.
            temporary = path.with_name(f".bptt-{os.getpid()}-{len(waiting)}.tmp")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            waiting.append((temporary, path))
            _fill(handle, content)
        for temporary, path in waiting:
            os.replace(temporary, path)
    except OSError as error:
        raise FileError(path, error) from error
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)
    return tuple(directory / name for name in contents)


def _fill(handle: int, content: str | bytes) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        stream.flush()
        os.fsync(stream.fileno())
