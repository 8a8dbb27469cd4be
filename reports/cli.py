"""`bptt`, the command: ``bptt show lstm``.

Every command takes names of architectures, files of equations, or the equations themselves, and ``--json``.  Exit
status: 0 it holds, or is done · 1 it does not hold · 2 it could not be done, with the reason in one line on stderr.

``bptt --help`` answers in a fifth of a second, so that nothing heavy is imported before a command is known: SymPy alone
takes longer than that.

Read next: `reports.commands.systems`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from reports.arguments import parser
from reports.commands.failure import Failure


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments, without the name of the program; of the process if None.

    Returns:
        The exit status.
    """
    try:
        status = _run(argv)
        sys.stdout.flush()
        return status
    except Failure as failure:
        return _fail(str(failure))
    except KeyboardInterrupt:
        _fail("interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough; the interpreter must not try to flush the rest at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(f"cannot write the output: {error.strerror}")


def _run(argv: Sequence[str] | None) -> int:
    try:
        options = parser().parse_args(argv)
    except SystemExit as stop:  # argparse, after --help or a usage error
        return stop.code if isinstance(stop.code, int) else 2
    status: int = options.run(options)
    return status


def _fail(reason: str) -> int:
    print(f"bptt: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
