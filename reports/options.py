"""Options of the demos, for `bptt`: what they are called, and in parentheses what they are if they are not given.

Imports nothing heavy, because `bptt --help` imports this module.

Read next: `reports.cli`.
"""

from __future__ import annotations

from argparse import ArgumentParser


def language_model_options(parser: ArgumentParser, system: str) -> None:
    """Options of ``bptt demo language-model``; `system` says what a cell can be."""
    parser.add_argument("--cell", default="gru-reset-after", metavar="SYSTEM", help=f"{system} (gru-reset-after)")
    parser.add_argument("--hidden", type=int, metavar="N", help="units of the cell (256)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=float, metavar="S", help="how long to learn (60)")
    length.add_argument("--steps", type=int, metavar="N", help="steps instead of seconds: the seed tells the outcome")
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
