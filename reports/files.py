"""Files written whole or not at all.

A report that takes the place of an older one must never be half of it, so text goes to a temporary file
in the same directory and is moved over the target, which POSIX and Windows do in one step. Several files
are all written before the first is moved. Text is UTF-8 with ``\\n``, so that the bytes are the same on
every system.

A file that is in the way is replaced only if the same command wrote it and nobody has changed it since. For that,
whatever a command writes carries a mark: the command, and a digest of the rest of the file. The mark stands where a
format has room for a comment; content without one replaces nothing.

Read next: `reports.jsonreport`.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

_BLANK = "0" * 16
# In HTML, JSON, TeX and PDF, Python. What stands before it keeps a user's text from being taken for a mark.
_MARK = re.compile(
    rb'^(?:<meta name="generator" content="|  "generator": "|% |# )(bptt [a-z-]+), digest ([0-9a-f]{16})', re.MULTILINE
)


class FileError(Exception):
    """A file that could not be written; the message is one line, its path and the system's reason."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path, self.error = path, error
        reason = error.strerror or str(error) or type(error).__name__
        super().__init__(" ".join(f"cannot write {path}: {reason}".split()))


def mark(command: str) -> str:
    """What the files of a command carry, before their digest is known: ``bptt report, digest 0000000000000000``."""
    return f"bptt {command}, digest {_BLANK}"


def marked(pdf: bytes, command: str = "report") -> bytes:
    """A PDF with the mark of a command as a comment after its end, where readers ignore it."""
    return pdf.rstrip() + f"\n% {mark(command)}\n".encode()


def guard(path: str | Path, command: str) -> None:
    """Refuse to replace what this command did not write, or what was changed since.

    Raises:
        FileError: if there is such a file.
    """
    path = Path(path)
    try:
        if not path.exists():
            return
        _regular(path)
        found = path.read_bytes()
    except OSError as error:
        raise FileError(path, error) from error
    match = _MARK.search(found)
    if match is None or match[1].decode() != f"bptt {command}":
        author = f" and bptt {command} did not write it" if command else ""
        raise FileError(path, FileExistsError(17, f"it exists{author}; --force overwrites it"))
    if match[2] != _digest(found, match):
        changed = f"it was changed since bptt {command} wrote it; --force overwrites it"
        raise FileError(path, FileExistsError(17, changed))


def write(path: str | Path, content: str | bytes, *, force: bool = False) -> Path:
    """Write one file, as `write_all` does; its directory is made where it is missing."""
    path = Path(path)
    return write_all(path.parent, {path.name: content}, force=force)[0]


def write_all(directory: str | Path, contents: Mapping[str, str | bytes], *, force: bool = False) -> tuple[Path, ...]:
    """Write files of these names into a directory, none of them unless all could be written.

    Args:
        directory: made where it is missing.
        contents: by name; a `mark` in one gets its digest.
        force: replace whatever is there.

    Raises:
        FileError: in one line, if one cannot be written, or is in the way (`guard`).
        ValueError: for a name that leads elsewhere.
    """
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
            _regular(path)
            encoded = content.encode("utf-8") if isinstance(content, str) else content
            match = _MARK.search(encoded)
            if not force:
                guard(path, match[1].decode().removeprefix("bptt ") if match else "")
            if match:
                encoded = encoded[: match.start(2)] + _digest(encoded, match) + encoded[match.end(2) :]
            # Not tempfile: its files are readable by their owner only, and the report would stay so.
            temporary = path.with_name(f".bptt-{os.getpid()}-{len(waiting)}.tmp")
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            waiting.append((temporary, path))
            _fill(handle, encoded)
        for temporary, path in waiting:
            os.replace(temporary, path)
    except OSError as error:
        raise FileError(path, error) from error
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)
    return tuple(directory / name for name in contents)


def _regular(path: Path) -> None:
    """Refuse a directory, and a device, which moving a file over it would destroy."""
    if path.is_dir():
        raise IsADirectoryError(21, "is a directory")
    if path.exists() and not path.is_file():
        raise OSError(22, "is not a regular file")


def _digest(content: bytes, match: re.Match[bytes]) -> bytes:
    """Of everything but the digest itself."""
    rest = hashlib.sha256(content[: match.start(2)])
    rest.update(content[match.end(2) :])
    return rest.hexdigest()[: len(_BLANK)].encode()


def _fill(handle: int, content: bytes) -> None:
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
