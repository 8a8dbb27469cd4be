"""A user's file, run in a process of its own: ``python -m numeric.check.calling.child REQUEST OUT``.

Running a file is running code.  So it is done apart from the verdict: with a time limit, without standard input, what
it prints kept away, and what comes back is files of numbers (npz, read as any other file is) and one of plain JSON.

Read next: `numeric.check.template`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from numeric.check.calling.adapter import Adapter, adapter_of
from numeric.check.calling.callables import code_of
from numeric.check.calling.calls import Code
from numeric.check.calling.regimes import Trial, trials
from numeric.check.files import read

ANSWER = "answer.json"
ROOT = str(Path(__file__).parents[2])


def run_file(
    path: str,
    backward: str,
    *,
    forward: str = "",
    adapter: Mapping[str, Any] | None = None,
    cell: str | None = None,
    seed: int = 0,
    timeout: float = 60.0,
    shown: bool = False,
) -> list[Trial]:
    """Ways to call functions of a file, with their dumps, found in another process.

    Args:
        path: of the file.
        backward, forward: names in it; ``Layer.backward`` is a method.
        adapter, cell, seed: as `numeric.check` has them.
        timeout: seconds that the process may take.
        shown: let what the file prints go to stderr.

    Raises:
        ValueError: if the file cannot be run, takes longer, or the functions cannot be called; with file and line.
    """
    request = {"path": str(Path(path).resolve()), "backward": backward, "forward": forward, "cell": cell, "seed": seed}
    with TemporaryDirectory(prefix="bptt-") as folder:
        asked = Path(folder, "request.json")
        asked.write_text(json.dumps(request | {"adapter": dict(adapter) if adapter else None}), encoding="utf-8")
        status = _finish(
            [sys.executable, "-m", "numeric.check.calling.child", str(asked), folder], path, timeout, shown
        )
        answer = Path(folder, ANSWER)
        if not answer.exists():
            raise ValueError(f"{path} ended the process (status {status}) before its functions were called")
        return _received(json.loads(answer.read_text(encoding="utf-8")), folder)


def _finish(command: list[str], path: str, timeout: float, shown: bool) -> int:
    sink = None if shown else subprocess.DEVNULL
    paths = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if shown else sink,
        stderr=sink,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
        start_new_session=True,
    )
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise ValueError(
            f"{path} was stopped after {timeout:g} s (--timeout); what trains or plots belongs below "
            "if __name__ == '__main__':"
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
            process.wait()


def _received(answer: Mapping[str, Any], folder: str) -> list[Trial]:
    if "error" in answer:
        raise ValueError(answer["error"])
    found = []
    for place, record in enumerate(answer["trials"]):
        dumps = {name: read(Path(folder, f"{place}-{k}.npz")).values for k, name in enumerate(record["dumps"])}
        found.append(Trial(adapter_of(record["adapter"]), record["sizes"], dumps, record["guessed"], record["notes"]))
    return found


# --- in the process of the file -------------------------------------------------------------------------------------


def main(asked: str, folder: str) -> None:
    """Do what was asked for, and leave an answer in the folder."""
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    answer = Path(folder, ANSWER)

    def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        answer.write_text(json.dumps({"error": _reason(error, request["path"])}), encoding="utf-8")

    sys.excepthook = fail
    try:
        found = _found(request)
    except SystemExit as stop:
        fail(SystemExit, stop, None)
        return
    for place, trial in enumerate(found):
        for k, dump in enumerate(trial.dumps.values()):
            np.savez(Path(folder, f"{place}-{k}.npz"), **{key: np.asarray(value) for key, value in dump.items()})  # type: ignore[arg-type]
    records = [
        {
            "adapter": _plain(trial.adapter),
            "sizes": dict(trial.sizes),
            "dumps": list(trial.dumps),
            "guessed": trial.guessed,
            "notes": trial.notes,
        }
        for trial in found
    ]
    answer.write_text(json.dumps({"trials": records}), encoding="utf-8")


def _found(request: Mapping[str, Any]) -> list[Trial]:
    module = _loaded(Path(request["path"]))
    backward, owner = _member(module, request["backward"])
    forward, _ = _member(module, request["forward"]) if request["forward"] else (None, None)
    code = code_of(backward, forward)
    if code.owner is None and owner is not None:
        code = Code(code.backward, code.forward, owner, code.module)
    adapter = adapter_of(request["adapter"]) if request["adapter"] else None
    return trials(code, adapter=adapter, cell=request["cell"], seed=request["seed"])


def _loaded(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path.name} is no Python file; its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _member(module: ModuleType, name: str) -> tuple[Any, Any]:
    """A function of a file, and the class that it is a method of."""
    owner: Any = None
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            there = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise ValueError(f"{module.__name__}.py has no {name}; it has {', '.join(there) or 'no functions'}")
        owner, value = value, getattr(value, part)
    if not callable(value):
        raise ValueError(f"{name} of {module.__name__}.py is no function")
    return value, owner if isinstance(owner, type) else None


def _plain(adapter: Adapter) -> dict[str, Any]:
    return {name: dict(v) if isinstance(v, Mapping) else v for name, v in vars(adapter).items()}


def _reason(error: BaseException, path: str) -> str:
    """What was raised, with the line of the file."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{path}:{error.lineno}: SyntaxError: {error.msg}"
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    said = str(error).strip()
    if not own:
        return said or type(error).__name__
    where = f"{path}:{own[-1].lineno}: "
    if isinstance(error, SystemExit):
        return where + "the file ends the process; what runs belongs below if __name__ == '__main__':"
    return where + f"{type(error).__name__}: {(said or 'no message').splitlines()[0]}"


if __name__ == "__main__":
    main(*sys.argv[1:3])
