"""Options of `bptt check`, `bptt weights` and of the demos, with what they are if they are not given in parentheses.

Imports nothing heavy, because `bptt --help` imports this module.

Read next: `reports.dispatch`.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction


def language_model_options(parser: ArgumentParser, system: str) -> None:
    """Options of ``bptt demo language-model``; `system` says what a cell can be."""
    parser.add_argument("--cell", default="gru-reset-after", metavar="SYSTEM", help=f"{system} (gru-reset-after)")
    parser.add_argument("--hidden", type=int, metavar="N", help="units of the cell (256)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, metavar="S", help="how long to learn (60)")
    length.add_argument("--steps", type=int, metavar="N", help="steps instead of seconds: the seed tells the outcome")
    parser.add_argument("--optimiser", metavar="NAME", help="sgd, with momentum, or adam (sgd)")
    parser.add_argument("--temperature", type=float, default=0.7, metavar="X", help="of the sample (0.7)")
    parser.add_argument("--text", default="", metavar="FILE", help="learn from this text instead")
    parser.add_argument("-o", "--out", default="", metavar="FILE", help="write parameters and symbols, as NumPy's .npz")
    parser.add_argument("--force", action="store_true", help="overwrite the file")
    _seed(parser)


def ner_options(parser: ArgumentParser) -> None:
    """Options of ``bptt demo ner``."""
    parser.add_argument("--hidden", type=int, metavar="N", help="rows of h[t], an even number (32)")
    parser.add_argument("--steps", type=int, metavar="N", help="of training (500)")
    _seed(parser)


def copy_options(parser: ArgumentParser) -> None:
    """Options of ``bptt demo copy``."""
    parser.add_argument("--hidden", type=int, metavar="N", help="units with attention; without, there are more (64)")
    parser.add_argument("--longest", type=int, metavar="N", help="longest sequence in training (20)")
    parser.add_argument("--steps", type=int, metavar="N", help="of training (1500)")
    _seed(parser)


def _seed(parser: ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, metavar="N", help="of first values and draws (0)")


def bench_options(parser: ArgumentParser) -> None:
    """Options of ``bptt bench``."""
    parser.add_argument("--quick", action="store_true", help="S1, S2 and LONG, float32, one thread, in a minute")
    parser.add_argument("--configurations", default="", metavar="S1,M2", help="sizes: S1, S2, LONG, M1, M2, L (all)")
    parser.add_argument("--dtypes", default="", metavar="NAMES", help="float32, float64 (both)")
    parser.add_argument("--threads", default="", metavar="1,2", help="numbers of threads (1,2)")
    parser.add_argument("--contenders", default="", metavar="NAMES", help="as torch,jax,limit (all)")
    parser.add_argument("--direction", default="", metavar="NAME", help="forward, both or all (all; both if --quick)")
    parser.add_argument("--pairs", type=int, metavar="N", help="of samples in turn (9; 7 if --quick)")
    parser.add_argument("--clock", default="wall", metavar="NAME", help="wall, or cpu for a busy machine (wall)")
    parser.add_argument("--most", type=_seconds, metavar="S", help="seconds that a ratio may take (60; 6 if --quick)")
    parser.add_argument("--memory", action=BooleanOptionalAction, help="peak memory too (yes; no if --quick)")
    parser.add_argument("--scaling", action="store_true", help="instead: how time grows with steps and batch")
    parser.add_argument("--unseen", action="store_true", help="instead: systems that the library does not have")
    parser.add_argument("--startup", action="store_true", help="instead: imports, first derivation, commands")
    parser.add_argument("-o", "--out", default="", metavar="FILE", help="write what was found as JSON")
    parser.add_argument("--plot", default="", metavar="FILE", help="write a picture, as .svg or .png")


def check_options(parser: ArgumentParser) -> None:
    """Options of ``bptt check``."""
    dump = parser.add_argument_group("arrays and functions")
    dump.add_argument(
        "target", nargs="?", metavar="FILE", help="arrays (npz, safetensors), or file.py:function, which is run"
    )
    dump.add_argument("--template", default="", metavar="CELL", help="print what to dump, and scripts that do")
    dump.add_argument("--cell", default="", metavar="CELL", help="a name, a file or equations; all cells if absent")
    dump.add_argument("--loss", default="", metavar="NAME", help="the loss that the code differentiates")
    dump.add_argument("--map", action="append", default=[], metavar="AUTHOR=QUANTITY", help="what an array is")
    dump.add_argument("--convention", default="", metavar="TEXT", help="the convention that the arrays are in")
    dump.add_argument("--allow", action="append", default=[], metavar="POLICY", help="as truncate:1 or clip")
    dump.add_argument("--budget", type=_seconds, default=45.0, metavar="S", help="seconds for the search (45)")
    calls = parser.add_argument_group("functions")
    calls.add_argument("--forward", default="", metavar="NAME", help="the forward function, if there is one apart")
    calls.add_argument("--adapter", default="", metavar="JSON", help="how the functions are called, or a file of it")
    calls.add_argument("--timeout", type=_seconds, default=60.0, metavar="S", help="seconds that the file may run (60)")
    calls.add_argument("--seed", type=int, default=0, metavar="N", help="of the arrays that are made")
    calls.add_argument("--show-output", action="store_true", help="what the file prints, on stderr")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ArgumentTypeError(f"{text!r} is no number of seconds between 0 and 1,000,000")
    return value


def weights_options(parser: ArgumentParser) -> None:
    """Options of ``bptt weights``."""
    frameworks = ("pytorch", "keras", "onnx", "flax")
    parser.add_argument("file", metavar="FILE", help="npz or safetensors; pickles (.pt) are not read")
    parser.add_argument(
        "--from", dest="source", default="", choices=frameworks, help="whose names (default: found out)"
    )
    parser.add_argument("--to", default="", choices=frameworks, help="convert to the names and layouts of another")
    parser.add_argument("-o", "--out", default="", metavar="FILE", help="where to, .npz or .safetensors")
    parser.add_argument("--prefix", metavar="TEXT", help="the network whose names begin so, encoder.lstm.")
    parser.add_argument(
        "--cell", default="", metavar="NAME", help="what weights do not say: rnn-relu, gru-reset-after …"
    )
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def example_options(parser: ArgumentParser) -> None:
    """Options of the worked example and of exercises."""
    parser.add_argument(
        "--example",
        default="default",
        metavar="NAME",
        help="default, none, notes or one of the notes' examples by name",
    )
    parser.add_argument(
        "--exercise", action="store_true", help="leave steps blank; write NAME-exercise and NAME-solutions"
    )
    parser.add_argument(
        "--blank",
        default=None,
        metavar="KINDS",
        help="an exercise that leaves these blank: of delta,parameters,count,example (default all but parameters)",
    )


def report_options(parser: ArgumentParser) -> None:
    """Options of ``bptt report``."""
    parser.add_argument("-o", "--out", default=".", metavar="OUT", help="directory of NAME.html, NAME.tex, NAME.json")
    parser.add_argument("--pdf", action="store_true", help="a PDF too, by latexmk or headless Chromium")
    parser.add_argument(
        "--notation",
        default="standard",
        metavar="NAME",
        help="standard (default), ng, pytorch, one of these with +bar or +partial, or a file NAME.toml",
    )
    parser.add_argument(
        "--cotangent", default="", metavar="NAME", help="how gradients are written: delta (default), bar or partial"
    )
    example_options(parser)
    parser.add_argument("--fragment", action="store_true", help="the equations alone, LaTeX to \\input into a paper")
    parser.add_argument("--force", action="store_true", help="replace files that an earlier report did not write")
    parser.add_argument("--detail", choices=("full", "brief"), default="full", help="every step (default), or results")
    parser.add_argument("--compare", action="store_true", help="one report of all systems, side by side")
    parser.add_argument("--path", default="", metavar="5:2", help="path in the unrolled picture, from a loss to a step")
