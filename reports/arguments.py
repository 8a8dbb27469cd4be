"""The arguments of `bptt`: every command, its options, and examples of it.

Imports nothing heavy, because ``bptt --help`` answers before anything else is imported.

Read next: `reports.cli`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from reports import dispatch
from reports.options import (
    bench_options,
    check_options,
    copy_options,
    language_model_options,
    ner_options,
    report_options,
    weights_options,
)

SYSTEM = "a name (see bptt list), a file of equations, - for standard input, or the equations themselves"
RNN = "'h[t] = tanh(W @ h[t-1] + U @ x[t] + b)'"


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """All commands with their options and examples."""
    whole = _Parser(
        prog="bptt",
        description="Derive, verify and report the backpropagation-through-time equations of recurrent networks.",
        epilog="exit status: 0 holds · 1 does not hold · 2 could not be done",
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)

    _command(commands, "list", dispatch.list_, "architectures of the library", ["bptt list", "bptt list --json"])
    index = _command(
        commands,
        "index",
        dispatch.index,
        "one page of all architectures: equations, parameters, source, links to the reports beside it",
        ["bptt index -o out/", "bptt report lstm gru -o out/ && bptt index -o out/"],
    )
    index.add_argument("-o", "--out", default=".", metavar="OUT", help="directory of index.html")
    index.add_argument("--force", action="store_true", help="replace an index.html that this command did not write")

    show = _command(
        commands,
        "show",
        dispatch.show,
        "forward and backward equations, shapes, count",
        ["bptt show lstm", f"bptt show {RNN}"],
    )
    _takes_systems(show)

    count = _command(
        commands,
        "count",
        dispatch.count,
        "parameters, symbolic and at given sizes, as each framework counts them",
        ["bptt count lstm --sizes D=4,H=3", "bptt count mycell.eqs --json"],
    )
    _takes_systems(count)
    _takes_sizes(count)

    stability = _command(
        commands,
        "stability",
        dispatch.stability,
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
        dispatch.chain,
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
        dispatch.notes,
        "numbers and statements of lecture notes, right and wrong, each checked",
        ["bptt notes", 'bptt notes clipping "carried candidate"'],
    )
    notes.add_argument("names", nargs="*", metavar="NAME", help="of statements (default all)")

    verify = _command(
        commands,
        "verify",
        dispatch.verify,
        "check the gradient by independent methods",
        [
            "bptt verify lstm gru",
            "bptt verify mycell.eqs --json",
            "bptt verify lstm -o lstm.json",
            "bptt verify --certificate lstm.json",
        ],
    )
    _takes_systems(verify, nargs="*")
    verify.add_argument("-o", "--out", default="", metavar="FILE", help="write the certificate to a file")
    verify.add_argument("--force", action="store_true", help="overwrite the file")
    verify.add_argument("--certificate", default="", metavar="FILE", help="repeat what a certificate says was checked")

    report = _command(
        commands,
        "report",
        dispatch.report,
        "write the derivation as HTML, LaTeX and JSON",
        [
            "bptt report lstm gru -o out/",
            "bptt report mycell.eqs --pdf --notation ng --sizes D=4,H=3",
            "bptt report gru --exercise",
            "bptt report lstm --example notes",
            "bptt report rnn gru lstm --compare -o out/",
        ],
    )
    _takes_systems(report)
    _takes_sizes(report)
    report_options(report)

    check = _command(
        commands,
        "check",
        dispatch.check,
        "say whether a hand-written gradient is right, and which term of it is wrong",
        [
            "bptt check dump.npz --cell lstm",
            "bptt check my_lstm.py:lstm_backward --forward lstm_forward --cell lstm",
            "bptt check rnn.py:lossFun --allow clip",
            "bptt check --template lstm",
        ],
        "exit status: 0 correct, or an allowed policy · 1 wrong, or another policy · 2 undecided, or bad input",
    )
    check_options(check)

    encode = _command(
        commands,
        "encode",
        dispatch.encode,
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
        dispatch.code,
        "one file that computes it, forward and backward: NumPy, PyTorch, JAX or C",
        ["bptt code lstm -o lstm.py", "bptt code gru --target torch | less"],
    )
    _takes_system(code)
    code.add_argument("--target", default="numpy", choices=("numpy", "torch", "jax", "c"), help="default numpy")
    code.add_argument("-o", "--out", default="", metavar="FILE", help="write to a file")
    code.add_argument("--force", action="store_true", help="overwrite the file")

    weights = _command(
        commands,
        "weights",
        dispatch.weights,
        "weights of PyTorch, Keras, ONNX or Flax: what a file holds, and the same for another of them",
        [
            "bptt weights model.safetensors",
            "bptt weights model.safetensors --prefix encoder.lstm. --to keras -o encoder.npz",
            "bptt weights node.npz --from onnx --cell gru-reset-after --to pytorch -o gru.safetensors",
        ],
    )
    weights_options(weights)
    bench = _command(
        commands,
        "bench",
        dispatch.bench,
        "speed of the kernels beside PyTorch, JAX, ONNX Runtime, autograd and the matrix products alone",
        ["bptt bench --quick", "bptt bench lstm --configurations M1,M2 --dtypes float32 --threads 1"],
        "exit status: 0 measured · 1 a contender computes something else · 2 could not be done",
    )
    bench.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"{SYSTEM} (rnn, lstm and gru-reset-after)")
    bench.add_argument("--strict", action="store_true", help="warnings are errors")
    bench_options(bench)

    _adds_demos(commands)
    return whole


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
        dispatch.demo_language_model,
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
        dispatch.demo_ner,
        "names of people and places, read forward, backward and both ways (20 seconds)",
        ["bptt demo ner", "bptt demo ner --steps 100 --json"],
    )
    ner_options(ner)
    copy = _command(
        demos,
        "copy",
        dispatch.demo_copy,
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
    note: str = "",
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog="\n".join(["examples:", *(f"  {example}" for example in examples), *(["", note] if note else [])]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="JSON alone on stdout")
    parser.set_defaults(run=run)
    return parser


def _takes_systems(parser: argparse.ArgumentParser, nargs: str = "+") -> None:
    parser.add_argument("systems", nargs=nargs, metavar="SYSTEM", help=SYSTEM)
    parser.add_argument("--strict", action="store_true", help="warnings are errors")


def _takes_system(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    parser.add_argument("system", metavar="SYSTEM", help=SYSTEM, nargs=nargs)
    parser.add_argument("--strict", action="store_true", help="warnings are errors")


def _takes_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", default="", metavar="D=4,H=3", help="numbers for the dimensions")
