"""Dumps of somebody's functions in several regimes: long, T = 1, T = 2, no initial states, and once more.

One point of data proves little: the gradient of one step needs no recurrence, a buffer that was not emptied shows in
the second call only, and a missing transpose hides behind small weights.  So the sizes are distinct, weights are of
size 0.5, every output has its own random cotangent, and a longer sequence precedes the call that is repeated.

Read next: `numeric.check.calling.tensors`.
"""

from __future__ import annotations

import io
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from numeric.check.calling.adapter import Adapter
from numeric.check.calling.calls import PARAMETERS, SIZES, Code, Session, draw
from numeric.check.calling.guess import Unknown, guesses, outline
from numeric.check.files import Array

# What a function of somebody's may raise; exceptions of his own that derive from none of these go through
ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
TRIED = 3000
Dump = dict[str, Array]
Failure = tuple[tuple[bool, bool, int], str]  # how far a call came, and why it ended


@dataclass
class Trial:
    """One way to call the functions that works, guessed or told, and the dumps by regime; `main` is the first."""

    adapter: Adapter
    sizes: Mapping[str, int]
    dumps: dict[str, Dump] = field(default_factory=dict)
    guessed: bool = False
    notes: list[str] = field(default_factory=list)


def trials(
    code: Code,
    *,
    adapter: Adapter | None = None,
    cell: str | None = None,
    dtype: DTypeLike = np.float64,
    seed: int = 0,
) -> list[Trial]:
    """Ways to call the functions, best first, each with its dumps.

    Args:
        code: the functions.
        adapter: how to call them; guessed if None.
        cell: the name of a cell, which narrows what is guessed.
        dtype: of the arrays.
        seed: of the arrays.

    Raises:
        ValueError: if no way works; the first line is the reason, with file and line where a function raised it, and
            what follows is an adapter to complete.
    """
    failures: set[Failure] = set()
    found, tried = _first(code, adapter, cell, failures, dtype, seed)
    if not found:
        _, reason = max(failures, default=((False, False, 0), "no arrays are passed to the functions"))
        raise ValueError(reason if adapter else f"{reason}; if the guess is wrong, pass an adapter{_hint(tried, code)}")
    single = np.dtype(dtype) == np.float64 and any(_is_single(trial.dumps["main"]) for trial in found)
    if single:  # code that computes in float32 whatever it is given is given float32, or its rounding looks wrong
        dtype = np.float32
        found, _ = _first(code, adapter, cell, failures, dtype, seed)
    for trial in found:
        with _quiet():
            _other_regimes(code, trial, dtype, seed)
        trial.notes += ["the functions compute in float32, and were given float32"] if single else []
    return found


def _is_single(dump: Dump) -> bool:
    return any(value.dtype == np.float32 for key, value in dump.items() if key.startswith(("output/", "grad/")))


def _first(
    code: Code,
    adapter: Adapter | None,
    cell: str | None,
    failures: set[Failure],
    dtype: DTypeLike,
    seed: int,
) -> tuple[list[Trial], list[Adapter]]:
    """The readings of the first call that works, and the adapters that were tried."""
    tried: list[Adapter] = []
    keys: list[str] = []
    best: list[Trial] = []
    least = None
    try:
        options = iter([([adapter], dict(SIZES))]) if adapter else guesses(code, cell)
        while (option := next(options, None)) is not None and len(tried) < TRIED and least != 0:
            group, sizes = option
            trials_, missing = [], None
            for one in group:
                tried.append(one)
                with _quiet():
                    try:
                        dump = _dump(Session(code, one), sizes, dtype, seed)
                    except ERRORS as error:
                        failures.add(_place(error, code))
                        missing = error.args[0] if isinstance(error, KeyError) and error.args else missing
                        continue
                trials_.append((_misfits(dump), Trial(one, sizes, {"main": dump}, guessed=adapter is None)))
            if isinstance(missing, str) and missing.isidentifier() and missing not in keys and not adapter:
                keys.append(missing)  # a dictionary is read under a key that the source did not show
                failures.clear()
                options = guesses(code, cell, keys)
            elif trials_ and (least is None or min(score for score, _ in trials_) < least):
                least = min(score for score, _ in trials_)
                best = [trial for score, trial in sorted(trials_, key=lambda item: item[0]) if score <= least + 10]
    except Unknown as unknown:
        raise ValueError(f"{unknown}; pass an adapter{_hint(tried, code)}") from unknown
    return best, tried


def _other_regimes(code: Code, trial: Trial, dtype: DTypeLike, seed: int) -> None:
    session = Session(code, trial.adapter)
    long = {**trial.sizes, "T": trial.sizes["T"] + 3}
    try:
        before = _dump(session, long, dtype, seed)
        again = _dump(session, trial.sizes, dtype, seed)
        if _accumulated(before, again, trial.dumps["main"]):
            trial.notes.append("gradients of parameters add up over calls, until they are set to zero")
        elif any(not np.array_equal(value, trial.dumps["main"].get(key, np.nan)) for key, value in again.items()):
            trial.dumps["a second call"] = again
    except ERRORS as error:
        trial.notes.append(f"a second call failed: {_place(error, code)[1]}")
    for name, steps in {"T = 1": 1, "T = 2": 2, "zero initial states": trial.sizes["T"]}.items():
        zero = name.startswith("zero")
        if zero and not any(key.startswith("initial/") for key in trial.adapter.shapes):
            continue
        if not zero and "T" not in " ".join(trial.adapter.shapes.values()):
            continue
        try:
            dump = _dump(Session(code, trial.adapter), {**trial.sizes, "T": steps}, dtype, seed, zero=zero)
            trial.dumps[name] = dump
        except ERRORS as error:
            trial.notes.append(f"{name} was not checked: {_place(error, code)[1]}")
    said = ", ".join(f"{key} = {trial.sizes[key]}" for key in _used(trial))
    trial.notes.append(f"checked with weights of size {PARAMETERS}, {said}; {_listed(trial)}")


def _accumulated(before: Dump, again: Dump, alone: Dump) -> bool:
    """Whether the second of two calls gives the sum of both for every parameter, and else what it gives alone."""
    grads = [key for key in again if key.startswith("grad/") and f"param/{key[5:]}" in again]
    sums = all(np.allclose(again[key], before[key] + alone[key], rtol=1e-6, atol=1e-9) for key in grads)
    rest = (key for key in again if key not in grads)
    return bool(grads) and sums and all(np.array_equal(again[key], alone.get(key, np.nan)) for key in rest)


def _used(trial: Trial) -> list[str]:
    forms = " ".join(trial.adapter.shapes.values())
    return [key for key in trial.sizes if key in forms or (key in "DH" and trial.adapter.state)]


def _listed(trial: Trial) -> str:
    others = [name for name in trial.dumps if name not in ("main", "a second call")]
    return f"also with {', '.join(others)}, and in a second call after a longer one"


def _dump(session: Session, sizes: Mapping[str, int], dtype: DTypeLike, seed: int, *, zero: bool = False) -> Dump:
    rng = np.random.default_rng(seed)
    drawn = draw(session.adapter, sizes, rng, dtype)
    if zero:
        drawn = {key: value * 0 if key.startswith("initial/") else value for key, value in drawn.items()}
    dump = session.run(drawn, sizes, rng)
    for key, value in dump.items():
        if key.startswith(("output/", "loss")) and not np.isfinite(value).all():
            raise ValueError(f"{key} is not finite")
    return dump


def _misfits(dump: Dump) -> int:
    """How many gradients do not have the shape of what they belong to, and how many arrays have none."""
    roles = ("param", "input", "initial")
    leaves = {key.partition("/")[2]: value for key, value in dump.items() if key.partition("/")[0] in roles}
    misshapen = sum(f"grad/{n}" in dump and dump[f"grad/{n}"].size != leaf.size for n, leaf in leaves.items())
    missing = sum(f"grad/{n}" not in dump and f"param/{n}" in dump for n in leaves)
    silent = not any(key.startswith("output/") or key == "loss" for key in dump)
    return 10 * misshapen + missing + 100 * silent


def _place(error: BaseException, code: Code) -> Failure:
    """How far the call came, and what was raised where, in one line: a wrong layout fails early, and by its shapes."""
    frames = traceback.extract_tb(error.__traceback__)
    files = {getattr(f, "__code__", None) and f.__code__.co_filename for f in (code.forward, code.backward) if f}
    own = [frame for frame in frames if frame.filename in files]
    reached = any(frame.name == getattr(code.backward, "__name__", "") for frame in own)
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    if not own:
        return (reached, False, 0), said
    usual = isinstance(error, (ValueError, IndexError, TypeError, KeyError))
    return (
        reached,
        not usual,
        own[-1].lineno or 0,
    ), f"{own[-1].filename}:{own[-1].lineno}: {own[-1].name} raised {type(error).__name__}: {said}"


def _hint(tried: list[Adapter], code: Code) -> str:
    if tried:
        return f", beginning from the last guess:\n  {tried[-1]}"
    return f", in which each ? is replaced:\n  {outline(code)}"


@contextmanager
def _quiet() -> Iterator[None]:
    """What somebody's functions print and warn of is not part of a verdict."""
    with (
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield
