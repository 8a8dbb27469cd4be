"""The page docs/lecture-notes.md, made from tables: what the lecture notes hold, and the command that shows each.

``python tests/lecture_notes.py`` writes the page; `test_lecture_notes` compares it and runs every command.  Equations
are printed from the systems that the commands show, numbers and mistakes from the statements of `numeric`, so that
nothing of them is typed here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import derive
from derive.networks import NAMED, build
from numeric.claims import CLAIMS, Claim
from numeric.notes import NUMBERS
from numeric.slips import SLIPS

PAGE = Path(__file__).parents[1] / "docs" / "lecture-notes.md"
PER_STEP = "a[t] = tanh(W_a @ [a[t-1], x[t]] + b_a); yhat[t] = sigmoid(W_y @ a[t] + b_y)"
SCALAR = "w, v, u : scalar; x[t] : scalar; o[t] = sigmoid(w * x[t] + v * o[t-1]); yhat = u * o[T]"
ENCODER = "h[t] = sigmoid(W_hx @ x[t] + W_hh @ h[t-1]); y[t] = W_yh @ h[t]"
EMBEDDING = "E : D, V; j[t] : index V; e[t] = take(E, j[t])"
BINARY = (
    "V : 1, H; q : scalar; target[t] : scalar; h[t] = tanh(W @ h[t-1] + U @ x[t] + b); y[t] = V @ h[t] + q; "
    "l[t] = softplus(y[t]) - target[t] * y[t]; L = sum[t](l[t])"
)


@dataclass(frozen=True)
class Run:
    """A command, and what its output shows.

    Attributes:
        command: as it is typed.
        looks: pieces of the output.
        quick: options with which it takes seconds, and still holds: exit status 0, and the same pieces.
    """

    command: str
    looks: tuple[str, ...]
    quick: str = ""


@dataclass(frozen=True)
class Item:
    """A row of the table.

    Attributes:
        number: its place.
        item: what the notes have.
        system: whose equations are printed; a name, or equations.
        names: which of them; all if there are none.
        said: what is printed where there is no system.
        printed: where the notes print something else.
        runs: what shows it.
    """

    number: int
    item: str
    system: str
    names: tuple[str, ...]
    said: str
    printed: str
    runs: tuple[Run, ...]


def row(
    number: int,
    item: str,
    *,
    runs: tuple[Run, ...],
    system: str = "",
    names: str = "",
    said: str = "",
    printed: str = "",
) -> Item:
    """A row; `names` stand apart by spaces."""
    return Item(number, item, system, tuple(names.split()), said, printed, runs)


def noted(name: str, *looks: str) -> Run:
    """A statement by name."""
    return Run(f"bptt notes {name}" if " " not in name else f'bptt notes "{name}"', looks)


ITEMS = (
    row(1, "Elman network without bias", system="rnn-nobias", runs=(
        Run("bptt show rnn-nobias", ("z_h[t] = W_h h[t-1] + W_x x[t]", "∂L/∂W_h = Σ[t](δz_h[t] h[t-1]ᵀ)")),)),
    row(2, "Elman network drawn with three scalar weights, many to one", system=SCALAR,
        printed="beside the first step, a recurrent term that it does not have (or has with o[0] = 0)", runs=(
        Run(f"bptt chain '{SCALAR}; input target : scalar; L = (yhat - target)**2 / 2' --of v --steps 4",
            ("∂L/∂yhat · ∂yhat/∂o_4 · ∂o_4/∂o_3 · ∂⁺o_3/∂v", "The sum of all 4 paths equals the derived gradient")),)),
    row(3, "Elman network with an output at every step, weights of [a; x] side by side", system=PER_STEP,
        printed="W_a made of W_a and W_x: see `blocks` below", runs=(
        Run(f"bptt show '{PER_STEP}'", ("δa[t] = W_yᵀ δz_yhat[t] + W_aaᵀ δz_a[t+1]",)),
        noted("blocks", "the same states"),)),
    row(4, "Sigmoid network as an encoder", system=ENCODER,
        printed="W with superscript yb, and a bias, for the read-out", runs=(
        Run(f"bptt show '{ENCODER}'", ("h[t] = σ(z_h[t])", "δz_h[t] = δh[t] ⊙ h[t] ⊙ (1 - h[t])")),)),
    row(5, "Simplified GRU: update gate only", system="gru-simplified",
        printed="a carried candidate: see `carried candidate` below", runs=(
        Run("bptt show gru-simplified", ("h[t] = z[t] ⊙ n[t] + (1 - z[t]) ⊙ h[t-1]", "δh[t+1] ⊙ (1 - z[t+1])")),)),
    row(6, "Full GRU: relevance and update gate", system="gru",
        printed="as in 5, and the candidate as output: see `gru output` below", runs=(
        Run("bptt show gru", ("δv_n[t] = W_nhᵀ δa_n[t]",)),
        Run("bptt report gru --notation ng -o out", ("out/gru.html",)),)),
    row(7, "LSTM with forget gate", system="lstm",
        printed="a product or the candidate for the cell: see `boxed product` and `boxed candidate` below", runs=(
        Run("bptt show lstm", ("c[t] = f[t] ⊙ c[t-1] + i[t] ⊙ g[t]", "δc[t+1] ⊙ f[t+1]")),
        Run("bptt verify lstm", ("lstm: holds",)),)),
    row(8, "LSTM with peepholes, in the concatenation", system="lstm-peephole-full",
        printed="the candidate as output: see `peephole output` below", runs=(
        Run("bptt show lstm-peephole-full", ("z_o[t] = W_o [h[t-1], x[t], c[t-1]] + b_o", "W_ocᵀ δz_o[t+1]")),
        noted("peephole kinds", "lstm-peephole-full 123, lstm-peephole 105"),)),
    row(9, "Deep (stacked) networks of any cell", system="rnn-deep",
        printed="the names “dense” and “structured” for the same", runs=(
        Run("bptt show rnn-deep", ("δh_1[t] = W_h_2[:, h_1]ᵀ δz_h_2[t] + W_h_1[:, h_1]ᵀ δz_h_1[t+1]",)),
        Run("bptt count lstm-deep --sizes D=4,H=3", ("= 264",)),)),
    row(10, "Bidirectional networks of any cell", system="rnn-bidirectional",
        printed="h[t-1] in the backward half: see `backward half` below", runs=(
        Run("bptt show rnn-bidirectional", ("z_h_bwd[t] = W_h_bwd [h_bwd[t+1], x[t]] + b_h_bwd",
                                            "δh_bwd[t] = δh[t][h_bwd] + W_h_bwd[:, h_bwd]ᵀ δz_h_bwd[t-1]")),)),
    row(11, "Stacked bidirectional networks", system="lstm-bidirectional-deep", names="h_1 f_fwd_2 f_bwd_2", runs=(
        Run("bptt show lstm-bidirectional-deep", ("z_f_bwd_2[t] = W_f_bwd_2 [h_bwd_2[t+1], h_1[t]] + b_f_bwd_2",)),
        Run("bptt count lstm-bidirectional-deep --sizes D=10,H=20", ("PyTorch     15040",)),)),
    row(12, "Encoder–decoder", system="encoder-decoder", names="h_dec c_dec y p L",
        printed="a product over T for outputs of another length, without the context that they depend on", runs=(
        Run("bptt show encoder-decoder", ("h_dec[0] = h[T]", "[t = T] δh_dec[0]")),
        Run("bptt count encoder-decoder-cho --sizes C=3,D=4,H=3,M=2,O=5,S=3", ("parameters = 243",)),)),
    row(13, "Attention (Bahdanau)", system="attention-bahdanau", names="e alpha context",
        printed="w for h and α, and α as parameters: see `attention` below", runs=(
        Run("bptt show attention-bahdanau", ("context[u] = h[:] alpha[u]",
                                             "δe[u] = alpha[u] ⊙ (δalpha[u] - alpha[u]ᵀ δalpha[u])")),
        noted("attention weights", "α = [0.19463, 0.314915, 0.490455], Σα = 1, c = [0.685085, 0.80537]"),)),
    row(14, "Self-attention, transformers, BERT", system="self-attention", names="alpha_1 r_1 y",
        printed="names only. A remark: BERT is a stack of the encoder block, trained to guess masked words", runs=(
        Run("bptt show transformer-block", ("δalpha_1[t] = v_1[:]ᵀ δr_1[t]",)),)),
    row(15, "Integer, one-hot, bag-of-words and TF-IDF encodings, padding, `<unk>`",
        said="a sentence of T words: T integers, T × V or V numbers",
        printed="vectors of four entries for a vocabulary of five: see `one-hot` below", runs=(
        Run('bptt encode "birds sing early" "the cat sleeps late"', ("birds sing early     1  2  3  0",)),
        Run('bptt encode "good better better worse" --encoding one-hot', ("better       1     0      0",)),
        Run('bptt encode "tea was warm" "tea was cold" --encoding tf-idf', ("0.7049",)),
        noted("padding", "[[1, 2, 3, 0], [5, 6, 7, 8]]", "<UNK>"),)),
    row(16, "Word vectors: word2vec, GloVe, analogies, cosine similarity", system="skip-gram", names="v s r L", runs=(
        Run("bptt show skip-gram", ("∂L/∂E = δv onehot(word)ᵀ",)),
        Run("bptt show glove", ("∂L/∂b = Σ[t](δr[t] onehot(i[t])ᵀ)",)),
        noted("analogy", "-2 and -1.85", "nearest to queen"),)),
    row(17, "Embedding layer", system=EMBEDDING, names="e", runs=(
        Run(f"bptt show '{EMBEDDING}'", ("∂L/∂E = Σ[t](δe[t] onehot(j[t])ᵀ)",)),
        Run("bptt count embedding --sizes V=10000,D=10", ("= 100000",)),
        Run("bptt count embedding --sizes V=10000,D=300", ("= 3000000",)),)),
    row(18, "Language models, of words and of characters, and sampling", system="language-model", names="y p l L",
        runs=(
        noted("sentence probability", "together 1.0000"),
        noted("sampling", "none with <UNK> in it"),
        Run("bptt demo language-model", ("bigram", "network", "It writes"), "--steps 300 --hidden 64"),)),
    row(19, "Softmax and cross-entropy at every step, summed", system="many-to-many", names="p l L", runs=(
        Run("bptt show many-to-many", ("δy[t] = δl[t] ⊙ (softmax(y[t]) - onehot(k[t]))",)),)),
    row(20, "Binary cross-entropy at every step, summed", system=BINARY, names="y l L", runs=(
        Run(f"bptt show '{BINARY}'", ("δy[t] = δl[t] ⊙ (σ(y[t]) - target[t])",)),
        noted("losses", "0.223144 if y = 1, 1.609438 if y = 0"),)),
    row(21, "The chain rule through time, one term a word",
        said="∂L/∂W = Σ over k of ∂L/∂ŷ · ∂ŷ/∂h_T · ∂h_T/∂h_k · ∂h_k/∂W", runs=(
        Run("bptt chain rnn --of W_h --steps 3", ("∂L/∂y · ∂y/∂h_3 · ∂h_3/∂h_2 · ∂h_2/∂h_1 · ∂⁺h_1/∂W_h",
                                                  "The sum of all 3 paths equals the derived gradient, exactly")),)),
    row(22, "Gradient descent", said="θ ← θ − η ∂L/∂θ", printed="no rate: see `learning rate` below", runs=(
        noted("descent", "θ = [1, 0.6, 0.36, 0.216, 0.1296, 0.07776]"),)),
    row(23, "Vanishing and exploding gradients", said="‖∂h_t/∂h_(t-k)‖ ≤ (γ ‖W‖)^k, γ = ¼ for σ and 1 for tanh",
        printed="slopes of σ up to 1, slopes of ReLU above 1", runs=(
        Run("bptt stability rnn-sigmoid --scale 3.8", ("over k steps ≤ (1/4 ‖W_h[:, 0:H]‖)^k", "vanishes if")),
        Run("bptt stability lstm", ("c: diag(f[t])",)),
        Run("bptt stability --claims", ("true: 0 < σ′ ≤ 1/4, largest at 0",)),)),
    row(24, "Gradient clipping by the L1 or the L2 norm", said="g ← g c / ‖g‖ where ‖g‖ > c", runs=(
        noted("clipping", "by ‖g‖₂ = 5 [0.6, 0.8], by ‖g‖₁ = 7 [0.428571, 0.571429]"),)),
    row(25, "One to one, one to many, many to one, many to many with lengths equal and not",
        said="where the loss is and what is read: `h`; `p[t-1]`; `h[T]`; `h[t]`; `h_dec[0] = h[T]`",
        printed="0 ≤ t ≤ T_x: see `first step` below", runs=(
        Run("bptt show one-to-one one-to-many many-to-one many-to-many encoder-decoder",
            ("h = tanh(z_h)", "z_h[t] = W_h [h[t-1], p[t-1]] + b_h", "y = W_y h[T] + b_y", "h_dec[0] = h[T]")),)),
    row(26, "Tasks: sentiment, named entities, translation, captions, next word, …",
        said="sentiment is `many-to-one`, named entities `tagger`, speech and DNA `many-to-many`, "
             "captions and music `one-to-many`, the next word `language-model`, translation, summaries and answers "
             "`attention-bahdanau`, time series `rnn-readout`",
        runs=(
        Run("bptt demo ner", ("GRU reads", "forward", "both"), "--steps 250 --seed 1"),
        Run("bptt list", ("tagger", "many-to-one", "attention-bahdanau")),)),
    row(27, "LSTM beside GRU: three gates and two", said="parameters as four to three", runs=(
        Run("bptt count lstm gru --sizes D=4,H=3", ("parameters = 96", "PyTorch     108", "parameters = 72")),
        noted("lstm and gru", "4*H*(D + H + 1) and 3*H*(D + H + 1)"),)),
    row(28, "Without attention, quality falls with the length of the sentence", system="attention-bahdanau",
        names="alpha context", runs=(
        Run("bptt demo copy", ("without attention", "with attention"), "--steps 200 --hidden 16 --longest 4"),)),
)  # fmt: skip

# Printed by the commands of rows 26, 28 and 18, the last abridged
MEASURED = (
    ("bptt demo ner", """\
2,000 sentences to learn from, 500 others held out; 24 s

GRU reads  parameters  words right  F1 of names  told by what is before   after
forward         6,643        97.1%        77.7%                  100.0%   59.0%
backward        6,643        98.3%        86.8%                   71.2%  100.0%
both            5,107       100.0%       100.0%                  100.0%  100.0%
"""),
    ("bptt demo copy", """\
Sequences of 8 symbols, to be put out as they came in; 1,500 steps on lengths 1 … 20

network            units  parameters  seconds
without attention     84      85,100       51
with attention        64      83,592       54

Wrong symbols (88% by chance)

length   without attention                   with attention
     1                0.0%                             0.0%
     3                0.0%                             0.0%
     6                0.0%                             0.0%
     9                6.6%  █▋                         0.0%
    12               17.3%  ████▏                      0.0%
    15               32.9%  ███████▉                   0.0%
    18               44.1%  ██████████▋                0.0%
    21*              52.7%  ████████████▋              0.8%  ▏
    24*              55.8%  █████████████▍             1.3%  ▎
    27*              60.6%  ██████████████▌            4.2%  █
    30*              62.6%  ███████████████            7.9%  █▉

* longer than any sequence of training
"""),
    ("bptt demo language-model", """\
gru-reset-after of 256 units, 277,279 parameters: 295,264 characters to learn from, 29,152 held out
2,775 steps in 60 s

model    perplexity  bits per character
uniform       95.00                6.57
unigram       24.58                4.62
bigram        13.13                3.71
trigram        7.01                2.81
network        3.86                1.95
"""),
)  # fmt: skip


def system(name: str) -> derive.System:
    """An architecture, a network, or equations."""
    if "=" in name:
        return derive.parse(name.replace("; ", "\n"))
    return build(name) if name in NAMED else derive.load(name)


def equations(item: Item) -> str:
    """What stands in the second column: equations as the library has them, or words."""
    if not item.system:
        return item.said
    chosen = [e for e in system(item.system).equations if not item.names or e.name in item.names]
    return "<br>".join(f"`{equation}`" for equation in chosen)


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    lines = [list(titles)]
    lines += [["---"] * len(lines[0])]
    lines += [[cell.replace("|", "\\|") for cell in cells] for cells in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def prose(text: str) -> str:
    """Text without meaning to Markdown: no emphasis by asterisks, no tags."""
    return re.sub(r"[*<]", lambda sign: f"\\{sign[0]}", text)


def seen(runs: Iterable[Run]) -> str:
    """Commands with what to look for."""
    return "<br>".join(f"`{run.command}` → {', '.join(f'`{look}`' for look in run.looks)}" for run in runs)


def page() -> str:
    """The page."""
    overview = table(
        ("", "in the notes", "as it is meant", "printed otherwise", "command → what to look for"),
        ((str(i.number), i.item, equations(i), i.printed, seen(i.runs)) for i in ITEMS),
    )
    titles = ("name", "the notes have", "", "what is so", "found")

    def statements(claims: Iterable[Claim]) -> Iterable[list[str]]:
        for c in claims:
            yield [prose(cell) for cell in (c.name, c.said, "right" if c.right else "wrong", c.statement)]

    checked = [
        table(titles, ([*cells, prose(c.check()[1])] for cells, c in zip(statements(claims), claims, strict=True)))
        for claims in (NUMBERS, SLIPS)
    ]
    gradients = table(titles[:-1], statements(c for c in CLAIMS if c.said))
    demos = "\n".join(f"`{command}`\n\n```text\n{text}```\n" for command, text in MEASURED)
    return f"""# What the lecture notes hold

Five lecture notes on recurrent networks, from one cell to attention: the systems, equations and numbers in them, with
the command that shows each working. This page is written by `python tests/lecture_notes.py`, and a test runs every
command on it. Equations are in [the language](language.md) of this project and under its names.

## Systems and topics

{overview}

## Numbers

`bptt notes` recomputes them all, `bptt notes clipping` one.

{checked[0]}

## Mistakes

Each is built as the notes print it, and what follows from it is computed: `bptt notes "carried candidate"`.

{checked[1]}

## Gradients that vanish or explode

`bptt stability --claims` checks these and prints what it found.

{gradients}

## Demos, measured once

On two CPU cores that had other work to do, with the settings that each has by default (seed 0). What `ner` and `copy`
print follows from the seed, but for seconds and rounding; `language-model` learns for a minute, which is more steps
on a faster machine.

{demos}"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
