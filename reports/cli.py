"""`bptt`, the command: ``bptt show lstm``.

Every command takes names of architectures, files of equations, or the equations themselves, and ``--json``.  Exit
status: 0 it holds, or is done · 1 it does not hold · 2 it could not be done, with the reason in one line on stderr.

``bptt --help`` answers in a fifth of a second, so that nothing heavy is imported before a command is known: SymPy alone
takes longer than that.

Read next: `reports.commands.systems`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from reports.commands.failure import Failure
from reports.options import copy_options, language_model_options, ner_options

SYSTEM = "a name (see bptt list), a file of equations, - for standard input, or the equations themselves"
RNN = "'h[t] = tanh(W @ h[t-1] + U @ x[t] + b)'"


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
        options = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse, after --help or a usage error
        return stop.code if isinstance(stop.code, int) else 2
    status: int = options.run(options)
    return status


def _fail(reason: str) -> int:
    print(f"bptt: {reason}", file=sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bptt",
        description="Derive, verify and report the backpropagation-through-time equations of recurrent networks.",
        epilog="exit status: 0 holds · 1 does not hold · 2 could not be done",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    _command(commands, "list", _list, "architectures of the library", ["bptt list", "bptt list --json"])

    show = _command(
        commands, "show", _show, "forward and backward equations, shapes, count", ["bptt show lstm", f"bptt show {RNN}"]
    )
    _takes_systems(show)

    count = _command(
        commands,
        "count",
        _count,
        "parameters, symbolic and at given sizes, as each framework counts them",
        ["bptt count lstm --sizes D=4,H=3", "bptt count mycell.eqs --json"],
    )
    _takes_systems(count)
    _takes_sizes(count)

    stability = _command(
        commands,
        "stability",
        _stability,
        "vanishing and exploding gradients: state Jacobian, bound, direct paths, norms by lag",
        ["bptt stability rnn --scale 0.9", "bptt stability lstm --sizes D=4,H=8 --json", "bptt stability --claims"],
    )
    _takes_system(stability, nargs="?")
    stability.add_argument("--claims", action="store_true", help="what lecture notes say of it, right and wrong")
    _takes_sizes(stability)
    stability.add_argument("--steps", type=int, default=30, metavar="T", help="length of the sequence (default 30)")
    stability.add_argument("--scale", type=float, metavar="NORM", help="spectral norm given to every recurrent weight")
    stability.add_argument("--seed", type=int, default=0, metavar="N", help="of weights and inputs (default 0)")

    chain = _command(
        commands,
        "chain",
        _chain,
        "the chain rule through time, written out: every path from the loss to a weight, word by word",
        ["bptt chain rnn --of W_h --steps 3", "bptt chain lstm --of W_f --at every"],
    )
    _takes_system(chain)
    _takes_sizes(chain)
    chain.add_argument("--of", default="", metavar="W", help="a parameter (default the first)")
    chain.add_argument("--steps", type=int, default=3, metavar="T", help="words of the sentence (default 3)")
    chain.add_argument(
        "--at", choices=("last", "every"), default="last", help="where a system without a loss gets one (default last)"
    )
    chain.add_argument("--limit", type=int, default=100, metavar="N", help="most paths to list (default 100)")

    notes = _command(
        commands,
        "notes",
        _notes,
        "numbers and statements of lecture notes, right and wrong, each checked",
        ["bptt notes", 'bptt notes clipping "carried candidate"'],
    )
    notes.add_argument("names", nargs="*", metavar="NAME", help="of statements (default all)")

    verify = _command(
        commands,
        "verify",
        _verify,
        "check the gradient by independent methods",
        ["bptt verify lstm gru", "bptt verify mycell.eqs --json"],
    )
    _takes_systems(verify)

    report = _command(
        commands,
        "report",
        _report,
        "write the derivation as HTML, LaTeX and JSON",
        ["bptt report lstm gru -o out/", "bptt report mycell.eqs --pdf --notation ng --sizes D=4,H=3"],
    )
    _takes_systems(report)
    _takes_sizes(report)
    report.add_argument("-o", "--out", default=".", metavar="OUT", help="directory of NAME.html, NAME.tex, NAME.json")
    report.add_argument("--pdf", action="store_true", help="a PDF too, by latexmk or headless Chromium")
    report.add_argument("--notation", default="standard", metavar="NAME", help="standard (default) or ng")

    encode = _command(
        commands,
        "encode",
        _encode,
        "sentences as integers, one-hot vectors, bags of words or TF-IDF",
        ['bptt encode "good better better worse" --encoding one-hot', 'bptt encode "movie was okay" "movie was bad"'],
    )
    encode.add_argument(
        "sentences", nargs="+", metavar="SENTENCE", help="each a document; their words are the vocabulary"
    )
    encode.add_argument(
        "--encoding", default="integer", metavar="NAME", help="integer (default), one-hot, bow or tf-idf"
    )

    code = _command(
        commands,
        "code",
        _code,
        "the NumPy module that computes it, forward and backward",
        ["bptt code lstm -o lstm.py", "bptt code gru | less"],
    )
    _takes_system(code)
    code.add_argument("-o", "--out", default="", metavar="FILE", help="write to a file")
    code.add_argument("--force", action="store_true", help="overwrite the file")

    _adds_demos(commands)
    return parser


def _adds_demos(commands: argparse._SubParsersAction[_Parser]) -> None:
    examples = ["bptt demo language-model", "bptt demo ner", "bptt demo copy --json"]
    parser = commands.add_parser(
        "demo",
        help="train a small network: language-model, ner or copy",
        description="Train a small network with the kernels of this library and show what it learned.",
        epilog="\n".join(["examples:", *(f"  {example}" for example in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demos = parser.add_subparsers(title="demos", metavar="DEMO", required=True)

    model = _command(
        demos,
        "language-model",
        _demo_language_model,
        "a model of English, character by character, on Python's help pages (a minute)",
        [
            "bptt demo language-model",
            "bptt demo language-model --cell lstm --steps 500",
            f"bptt demo language-model --cell {RNN}",
        ],
    )
    language_model_options(model, SYSTEM)
    ner = _command(
        demos,
        "ner",
        _demo_ner,
        "names of people and places, read forward, backward and both ways (20 seconds)",
        ["bptt demo ner", "bptt demo ner --steps 100 --json"],
    )
    ner_options(ner)
    copy = _command(
        demos,
        "copy",
        _demo_copy,
        "sequences copied with and without attention: error against length (a minute)",
        ["bptt demo copy", "bptt demo copy --longest 12 --steps 500"],
    )
    copy_options(copy)


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    examples: Sequence[str],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="\n".join(["examples:", *(f"  {example}" for example in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="JSON alone on stdout")
    parser.set_defaults(run=run)
    return parser


def _takes_systems(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("systems", nargs="+", metavar="SYSTEM", help=SYSTEM)
    parser.add_argument("--strict", action="store_true", help="warnings are errors")


def _takes_system(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    parser.add_argument("system", metavar="SYSTEM", help=SYSTEM, nargs=nargs)
    parser.add_argument("--strict", action="store_true", help="warnings are errors")


def _takes_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", default="", metavar="D=4,H=3", help="numbers for the dimensions")


# --- from options to arguments; each imports its command when it is asked for --------------------------------------


def _list(options: argparse.Namespace) -> int:
    from reports.commands.listing import list_architectures

    return list_architectures(as_json=options.json)


def _show(options: argparse.Namespace) -> int:
    from reports.commands.show import show

    return show(options.systems, as_json=options.json, strict=options.strict)


def _count(options: argparse.Namespace) -> int:
    from reports.commands.count import count

    return count(options.systems, sizes=options.sizes, as_json=options.json, strict=options.strict)


def _stability(options: argparse.Namespace) -> int:
    if options.claims:
        from reports.commands.claims import stability_claims

        return stability_claims(as_json=options.json)
    from reports.commands.stability import stability

    return stability(
        options.system or "",
        sizes=options.sizes,
        steps=options.steps,
        scale=options.scale,
        seed=options.seed,
        as_json=options.json,
        strict=options.strict,
    )


def _chain(options: argparse.Namespace) -> int:
    from reports.commands.chain import chain_of

    return chain_of(
        options.system,
        of=options.of,
        steps=options.steps,
        at=options.at,
        sizes=options.sizes,
        limit=options.limit,
        as_json=options.json,
        strict=options.strict,
    )


def _notes(options: argparse.Namespace) -> int:
    from reports.commands.claims import notes

    return notes(options.names, as_json=options.json)


def _verify(options: argparse.Namespace) -> int:
    from reports.commands.verify import verify

    return verify(options.systems, as_json=options.json, strict=options.strict)


def _report(options: argparse.Namespace) -> int:
    from reports.commands.report import report

    return report(
        options.systems,
        out=options.out,
        pdf=options.pdf,
        notation=options.notation,
        sizes=options.sizes,
        as_json=options.json,
        strict=options.strict,
    )


def _encode(options: argparse.Namespace) -> int:
    from reports.commands.encode import encode

    return encode(options.sentences, encoding=options.encoding, as_json=options.json)


def _code(options: argparse.Namespace) -> int:
    from reports.commands.code import code

    return code(options.system, out=options.out, force=options.force, as_json=options.json, strict=options.strict)


def _demo_language_model(options: argparse.Namespace) -> int:
    from reports.commands.demo_language_model import language_model

    return language_model(
        _chosen(options, "hidden", "steps", "seconds", "seed"),
        cell=options.cell,
        temperature=options.temperature,
        text=options.text,
        out=options.out,
        force=options.force,
        as_json=options.json,
    )


def _demo_ner(options: argparse.Namespace) -> int:
    from reports.commands.demo_ner import ner

    return ner(_chosen(options, "hidden", "steps", "seed"), as_json=options.json)


def _demo_copy(options: argparse.Namespace) -> int:
    from reports.commands.demo_copy import copy

    return copy(_chosen(options, "hidden", "longest", "steps", "seed"), as_json=options.json)


def _chosen(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, by name; those that have no default keep the experiment's."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}


if __name__ == "__main__":
    sys.exit(main())
