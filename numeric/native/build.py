"""C text as functions: compiled by the system's compiler at first use, and kept for the next time.

The compiler is what ``CC`` names, else cc, gcc or clang; ``CFLAGS`` are added to its options.  It is called without a
shell.  What it makes is kept in a folder that belongs to the user alone, under a name that is a digest of everything
it depends on: the text, the flags, the compiler's version and the processor.  It is written under another name and
renamed, so that no process ever loads half of it.

A call releases Python's lock.  An array is passed as the object that it is; the function finds its numbers behind the
object's header, where NumPy's C interface has them, and `_checked` looks once whether they are there.

Read next: `numeric.emit`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from numeric.native.loop import Loop

COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fPIC", "-w")
WIDTH = {"x86_64": ("-march=native", "-mprefer-vector-width=512"), "aarch64": ("-mcpu=native",)}
SECONDS = 120  # after which a compiler is given up


class Unavailable(Exception):
    """Why nothing can be compiled here, in one line."""


def text_of(file: str) -> str:
    """A C file of this package."""
    return files("numeric.native").joinpath(file).read_text(encoding="utf-8")


def source(loops: Sequence[Loop]) -> str:
    """The C text of loops."""
    return "\n\n".join([text_of("runtime.h").rstrip(), *(loop.text for loop in loops)]) + "\n"


def functions_of(loops: Sequence[Loop], dtype: str) -> dict[str, Callable[..., None]]:
    """The loops as functions of sizes and arrays.

    Raises:
        Unavailable: if there is no compiler, it fails, or there is no safe place for what it makes.
    """
    library = ctypes.CDLL(str(library_of(source(loops), dtype)))
    _checked(library, dtype)
    known = [("turn_steps", 5, 2), ("times_steps", 5, 3), ("add_products", 9, 3)]
    known += [(loop.name, loop.sizes, loop.arrays) for loop in loops]
    return {name: _bound(library, name, sizes, arrays) for name, sizes, arrays in known}


def _bound(library: ctypes.CDLL, name: str, sizes: int, arrays: int) -> Callable[..., None]:
    function = getattr(library, name)
    function.argtypes = [ctypes.c_long] * sizes + [ctypes.py_object] * arrays
    function.restype = _done
    return function


def _done(status: int) -> None:
    if status != 0:
        raise MemoryError("no memory for a compiled loop")


def _checked(library: ctypes.CDLL, dtype: str) -> None:
    """Refuse a library that does not find the numbers of an array."""
    sample = np.arange(3, dtype=dtype)
    library.numbers_of.argtypes, library.numbers_of.restype = [ctypes.py_object], ctypes.c_void_p
    if library.numbers_of(sample) != sample.ctypes.data:
        raise Unavailable("arrays are laid out otherwise in this version of Python and NumPy")


# --- compiler ---------------------------------------------------------------------------------------------------


def compiler() -> list[str]:
    """The command that compiles C.

    Raises:
        Unavailable: if there is none.
    """
    wanted = os.environ.get("CC")
    if wanted:
        command = shlex.split(wanted)
        if command and shutil.which(command[0]):
            return command
        raise Unavailable(f"no C compiler: CC is {wanted}, which is not there")
    for name in COMPILERS:
        if shutil.which(name):
            return [name]
    raise Unavailable(f"no C compiler: none of {', '.join(COMPILERS)} is there, and CC is not set")


@cache
def _version(command: tuple[str, ...], path: str | None) -> str:
    done = _run([*command, "--version"])
    return f"{path} {done.stdout}"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"no C compiler: {command[0]} does not run ({type(error).__name__})") from error


@cache
def _processor() -> str:
    """What -march=native depends on."""
    listing = Path("/proc/cpuinfo")
    if not listing.is_file():
        return f"{platform.machine()} {platform.processor()}"
    lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
    wanted = ("vendor_id", "cpu family", "model", "flags", "Features", "CPU part")
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


# --- cache ------------------------------------------------------------------------------------------------------


def folder() -> Path:
    """Where libraries are kept: a folder of the user's own, which nobody else can write to.

    Raises:
        Unavailable: if it cannot be made, or belongs to somebody else.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        place = (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "bptt"
    except RuntimeError as error:
        raise Unavailable("no folder for compiled loops: nobody knows your home") from error
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        raise Unavailable(f"no folder for compiled loops: {place}: {error.strerror}") from error
    owner = os.getuid() if hasattr(os, "getuid") else found.st_uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o022:
        raise Unavailable(
            f"no folder for compiled loops: {place} is not a folder of your own that only you can write to"
        )
    return place


def library_of(text: str, dtype: str) -> Path:
    """The library of a C text, which is linked with what all loops use.

    Raises:
        Unavailable: as `functions_of`.
    """
    products = text_of("runtime.h") + text_of("products.c")
    return _built(text, dtype, "so", ["-shared"], [str(_built(products, dtype, "o", ["-c"], []))])


def _built(text: str, dtype: str, kind: str, how: Sequence[str], linked: Sequence[str]) -> Path:
    """What the compiler makes of a text: the file that is kept, or a new one."""
    command = compiler()
    defined = (f"-DIS_DOUBLE={int(dtype == 'float64')}", f"-DHEADER={object.__basicsize__}")
    own = shlex.split(os.environ.get("CFLAGS", ""))
    flags = [*FLAGS, *WIDTH.get(platform.machine(), ()), *defined, *own, *how]
    version = _version(tuple(command), shutil.which(command[0]))
    key = "\0".join([*command, version, *flags, *linked, _processor(), text])
    place = folder()
    kept = place / f"{hashlib.sha256(key.encode()).hexdigest()}.{kind}"
    if kept.is_file() and not kept.is_symlink():
        return kept
    with tempfile.TemporaryDirectory(dir=place) as work:
        code, made = Path(work) / "loops.c", Path(work) / f"loops.{kind}"
        code.write_text(text, encoding="utf-8")
        libraries = ["-lm"] if linked else []
        done = _run([*command, *flags, "-o", str(made), str(code), *linked, *libraries])
        if done.returncode != 0 or not made.is_file():
            lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            raise Unavailable(f"{command[0]} does not compile the loops: {lines[0] if lines else 'no message'}")
        os.replace(made, kept)
    return kept
