r"""A report as one TeX file for pdflatex: article, amsmath and a handful of packages every installation has.

An equation row is a macro, ``\row{label}{left}{relation}{terms}{shape}{reason}``, and not a line of
``align``: a line must wrap at its additive terms, carry a shape, a reason and a number at the right, and
break over pages. Each term is a box; TeX's own paragraph builder puts the boxes into lines, with the true
widths, where an estimate made here would be wrong in both directions. A reason stands beside its equation
if there is room, else below. ``rows`` reads its rows twice, to align the relations at the widest left
side. A term wider than the column is scaled down.

Characters beyond ASCII are declared in the preamble (`reports.texchars`), so code is printed verbatim.
Tables are ``longtable``; its columns are as wide as their text is estimated to be, or share the line by
those estimates.

Read next: `reports.texchars`.
"""

from __future__ import annotations

import re
from string import Template

from reports.document import Block, Code, Column, Figure, Heading, Note, Prose, Report, Row, Rows, Table
from reports.files import mark, marked
from reports.formula import width
from reports.inline import CodeSpan, Math, Page, Reference, inline, paragraphs, unmarked
from reports.texchars import columns, declarations, escape
from reports.texchars import label as ascii_label

CODE_COLUMNS = 94  # of \footnotesize typewriter on a line of 16 cm
SIZES = {"small": 43.0, "footnotesize": 47.5, "scriptsize": 54.0}  # em on a line of 16 cm, less a twentieth
WORDS = 14.0  # em; a table with a wider column holds text
GAP = 0.9  # em between the columns of a table
TERMS = 14  # of a sum in one box, which no page breaks
LONG_FORMULA = 24.0  # em; a longer formula in running text is scaled where it does not fit a line

PREAMBLE = Template(r"""% $mark
\documentclass[11pt,a4paper]{article}
\usepackage[utf8]{inputenc}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb,mathtools}
% Without scalable fonts for every character, microtype must not stretch any.
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{\PassOptionsToPackage{expansion=false}{microtype}}
\usepackage{array,booktabs,longtable,graphicx,microtype,xcolor}
\usepackage[colorlinks,allcolors=link,pdfusetitle=false]{hyperref}
\hypersetup{pdftitle={$pdftitle}}
\definecolor{link}{HTML}{1F5A92}
\definecolor{soft}{HTML}{5F5C57}
\definecolor{tint}{HTML}{F6F3EC}
\definecolor{pass}{HTML}{2C7A4B}
\definecolor{fail}{HTML}{B3362B}
\definecolor{warning}{HTML}{96680B}
\definecolor{note}{HTML}{1F5A92}
% The same bytes for the same source.
\ifdefined\pdfinfoomitdate\pdfinfoomitdate=1 \pdftrailerid{}\pdfsuppressptexinfo=-1 \fi
% Long names and formulas are set loosely rather than into the margin.
\setlength\parindent{0pt}\setlength\parskip{6pt plus 2pt}
\emergencystretch=14em \hbadness=10000 \vbadness=10000
\makeatletter
% Ragged pages, but not so ragged that every section starts a new one.
\def\@textbottom{\vskip 0pt plus 50pt}
% Room for numbers of two digits in the contents.
\def\numberline#1{\hb@xt@\@tempdima{#1\hfil}\hskip.4em}
% Straight quotes in code.
\begingroup\catcode`'=\active\catcode`\`=\active
\g@addto@macro\@noligs{\let`\textasciigrave\let'\textquotesingle}\endgroup
\makeatother
\setcounter{secnumdepth}{3}\setcounter{tocdepth}{2}
\newcommand\uni[1]{\ensuremath{#1}}
\newcommand\strange[1]{\fbox{\tiny\ttfamily #1}}

% fit{x}: x, made smaller where it is wider than the line.
\newsavebox\fitbox
\newcommand\fit[1]{\sbox\fitbox{#1}\ifdim\wd\fitbox>\linewidth\resizebox{\linewidth}{!}{\usebox\fitbox}\else
  \usebox\fitbox\fi}
% longformula: one in running text, with room for a full stop; its paragraph is ragged, as it would be loose.
\newcommand\longformula[1]{\rightskip=0pt plus 1fil\relax{\linewidth=.97\linewidth\fit{#1}}}
\newcommand\pdfpicture[1]{\sbox\fitbox{\includegraphics{#1}}%
  \ifdim\wd\fitbox>\linewidth\sbox\fitbox{\resizebox{\linewidth}{!}{\usebox\fitbox}}\fi
  \ifdim\ht\fitbox>.85\textheight\resizebox{!}{.85\textheight}{\usebox\fitbox}\else\usebox\fitbox\fi}

% rows: equations aligned at their relations.
\newlength\leftwidth\newlength\bodywidth\newlength\notewidth\newlength\shapewidth
\newsavebox\leftbox\newsavebox\bodybox\newsavebox\shapebox\newsavebox\reasonbox
\newcommand\numberwidth{2.6em}
\newcommand\term[1]{\fit{$$\displaystyle #1$$}}
\newcommand\nextterm[1]{\hskip0pt plus.02em\relax\fit{$$\displaystyle{}#1$$}}
\newcommand\nextstep[1]{\hskip0pt plus.02em\penalty-9\relax\fit{$$\displaystyle{}#1$$}}
\newcommand\tail[1]{\hskip1.6em plus.1em\relax\fit{$$#1$$}}
\newcommand\measurerow[6]{\sbox\leftbox{$$\displaystyle #2{}#3{}$$}%
  \ifdim\wd\leftbox>\leftwidth\ifdim\wd\leftbox<.36\linewidth\setlength\leftwidth{\wd\leftbox}\fi\fi}
\newcommand\setrow[6]{\par\addvspace{5pt plus 1pt}%
  \sbox\leftbox{$$\displaystyle #2{}#3{}$$}%
  \ifdim\wd\leftbox>\leftwidth % too wide for its column: a line of its own
    \noindent\fit{\usebox\leftbox}\par\nobreak\sbox\leftbox{}\fi
  \sbox\shapebox{\small\color{soft}$$#5$$}\setlength\shapewidth{\wd\shapebox}%
  \ifdim\shapewidth>0pt\addtolength\shapewidth{1em}\fi
  \setlength\bodywidth{\dimexpr\linewidth-\leftwidth-\shapewidth-\numberwidth}%
  \sbox\bodybox{\linewidth=\bodywidth #4}%
  \sbox\reasonbox{\footnotesize #6}\setlength\notewidth{0pt}%
  \ifdim\wd\reasonbox>0pt
    \ifdim\dimexpr\wd\bodybox+\wd\reasonbox+1.5em<\bodywidth
      \setlength\notewidth{\dimexpr\wd\reasonbox+.1em}\else
    \ifdim\dimexpr\wd\bodybox+.3\linewidth+1.5em<\bodywidth\setlength\notewidth{.3\linewidth}\fi\fi
    \ifdim\wd\reasonbox<3em\setlength\notewidth{\dimexpr\wd\reasonbox+.8em}\fi\fi
  \addtolength\bodywidth{-\notewidth}%
  \noindent\refstepcounter{equation}\ifx\relax#1\relax\else\label{eq:#1}\fi
  \hbox to\leftwidth{\hfil\usebox\leftbox}%
  \parbox[t]{\bodywidth}{\raggedright\lineskiplimit=2pt\lineskip=4pt\leavevmode #4}%
  \ifdim\notewidth>0pt\parbox[t]{\notewidth}{\raggedleft\footnotesize\leavevmode\color{soft}#6}\fi
  \hbox to\shapewidth{\hfil\usebox\shapebox}\hbox to\numberwidth{\hfil(\theequation)}\par
  \ifdim\wd\reasonbox>0pt\ifdim\notewidth=0pt
    \nobreak\nointerlineskip\vskip2pt\noindent\hspace*{\leftwidth}%
    \parbox[t]{\dimexpr\linewidth-\leftwidth-\numberwidth}{%
      \raggedright\footnotesize\strut\color{soft}#6}\par\fi\fi}
% more: what continues a row over a page.
\newcommand\setmore[1]{\par\vskip3pt\noindent\hspace*{\leftwidth}%
  \parbox[t]{\dimexpr\linewidth-\leftwidth-\numberwidth}{%
    \linewidth=\dimexpr\linewidth-\leftwidth-\numberwidth\raggedright\lineskiplimit=2pt\lineskip=4pt\leavevmode #1}\par}
\NewDocumentEnvironment{rows}{+b}{\par\addvspace{4pt}\parskip=0pt\relax\setlength\leftwidth{1.5em}%
  \def\more##1{}\let\row\measurerow #1\let\more\setmore\let\row\setrow #1\par\addvspace{6pt}}{}

% Tables. longtable counts them all, a number is for those with a caption.
\newcounter{shown}\setlength\tabcolsep{4pt}\setlength\LTpre{4pt}\setlength\LTpost{8pt}
% Code: one column for every character; a paragraph set apart.
\newenvironment{code}{\par\footnotesize\renewcommand\uni[1]{\makebox[.525em]{$$##1$$}}%
  \renewcommand\strange[1]{\makebox[.525em]{\tiny\ttfamily ?}}}{\par}
\newcommand\callout[2]{\par\addvspace{6pt}\noindent{\color{#1}\vrule width 2pt}\hspace{9pt}%
  \parbox{\dimexpr\linewidth-11pt}{\parskip=3pt\emergencystretch=14em #2}\par\addvspace{6pt}}
$declarations""")


def render(report: Report, *, stem: str = "report") -> dict[str, bytes]:
    """The TeX file ``stem.tex`` and the pictures it includes, by name; no stem of a system has a ``+``."""
    files: dict[str, bytes] = {}
    body = []
    for block in report.blocks:
        picture = ""
        if isinstance(block, Figure) and block.pdf is not None:
            picture = f"{stem}+figure-{len(files) + 1}.pdf"
            files[picture] = marked(block.pdf)
        body.append(_block(block, picture))
    files[f"{stem}.tex"] = _document(report, "\n\n".join(body)).encode("utf-8")
    return files


def _document(report: Report, body: str) -> str:
    title = f"{{\\LARGE\\bfseries\\raggedright {_line(report.title)}\\par}}"
    subtitle = (
        f"\n\\smallskip{{\\large\\itshape\\raggedright {_line(report.subtitle)}\\par}}" if report.subtitle else ""
    )
    headings = sum(isinstance(block, Heading) for block in report.blocks)
    contents = "\n{\\parskip=0pt\\tableofcontents}\n\\bigskip\n" if headings > 1 else ""
    text = f"{title}{subtitle}\n{contents}\n{body}\n"
    name = escape(unmarked(report.title))
    preamble = PREAMBLE.substitute(mark=mark("report"), pdftitle=name, declarations=declarations(text + name))
    return f"{preamble}\n\\begin{{document}}\n{text}\n\\end{{document}}\n"


def _line(text: str) -> str:
    """A line of text with its marks."""
    parts = []
    for part in inline(text):
        if isinstance(part, Math):
            formula = f"${part.latex.strip()}$"
            parts.append(rf"\longformula{{{formula}}}" if width(part.latex) > LONG_FORMULA else formula)
        elif isinstance(part, Reference):
            parts.append(rf"\hyperref[eq:{ascii_label(part.label)}]{{(\ref*{{eq:{ascii_label(part.label)}}})}}")
        elif isinstance(part, (Page, CodeSpan)):
            parts.append(rf"\texttt{{{escape(part.text, typewriter=True)}}}")
        else:
            parts.append(escape(part.text))
    return "".join(parts)


def _block(block: Block, picture: str) -> str:
    match block:
        case Heading():
            command = ("section", "subsection", "subsubsection")[block.level - 1]
            title = _line(block.text)
            if "$" in title or "\\" in title:
                title = rf"\texorpdfstring{{{title}}}{{{escape(_bookmark(block.text))}}}"
            return rf"\{command}{{{title}}}"
        case Prose():
            return "\n\n".join(map(_paragraph, paragraphs(block.text)))
        case Rows():
            return "\\begin{rows}\n" + "\n".join(map(_row, block.rows)) + "\n\\end{rows}"
        case Table():
            return _table(block)
        case Figure():
            inner = rf"\pdfpicture{{{picture}}}" if picture else rf"\emph{{{escape(block.alt)}}}"
            caption = _caption("Figure", "figure", block.caption)
            return rf"\begin{{center}}{inner}\par\nobreak\smallskip\small {caption}\end{{center}}"
        case Code():
            lines = [piece for line in block.text.splitlines() for piece in columns(line, CODE_COLUMNS)]
            return "\\begin{code}\\begin{verbatim}\n" + "\n".join(lines) + "\n\\end{verbatim}\\end{code}"
        case Column():
            return _column_of(block)
        case Note():
            title = rf"\textbf{{\color{{{block.kind}}}{_line(block.title)}}}\par " if block.title else ""
            body = r"\par ".join(map(_line, paragraphs(block.text)))
            return rf"\callout{{{block.kind}}}{{{title}{body}}}"


def _paragraph(text: str) -> str:
    line = _line(text)
    return f"{{{line}\\par}}" if r"\longformula" in line else line


def _column_of(block: Column) -> str:
    if not block.paper:
        return ""
    width = (1 - 0.03 * (block.of - 1)) / block.of
    begin = rf"\begin{{minipage}}[t]{{{width:.4f}\linewidth}}\parskip=4pt\small\raggedright"
    end = r"\end{minipage}"
    return {"first": rf"\par\noindent{begin}", "next": rf"{end}\hfill{begin}", "end": rf"{end}\par"}[block.place]


def _bookmark(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", unmarked(text))


def _row(row: Row) -> str:
    """One row; what is too long for a page goes on in unnumbered ones."""
    terms = [rf"\term{{{row.terms[0].strip()}}}"]
    terms += [rf"\next{'step' if term.startswith('=') else 'term'}{{{term.strip()}}}" for term in row.terms[1:]]
    if row.tail:
        terms.append(rf"\tail{{{row.tail.strip()}}}")
    lines, *more = ("%\n    ".join(part) for part in _batches(terms, TERMS))
    return (
        f"\\row{{{ascii_label(row.label)}}}{{{row.left}}}{{{row.relation}}}\n"
        f"   {{{lines}}}\n   {{{row.shape}}}{{{_line(row.reason)}}}"
    ) + "".join(f"\n\\more{{{part}}}" for part in more)


def _batches(items: list[str], size: int) -> list[list[str]]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def _table(block: Table) -> str:
    estimates = [
        max(1.15 * _width(block.header[place]), *(_width(row[place]) for row in block.rows), 1.0)
        for place in range(len(block.header))
    ]
    need = sum(estimates) + GAP * len(estimates)
    # Columns of numbers get a smaller letter before they wrap, columns of text wrap.
    sizes = [size for size, line in SIZES.items() if need <= line] if max(estimates) < WORDS else []
    size, layout = (sizes or ["small"])[0], block.align or "l" * len(block.header)
    if not sizes and need > SIZES["small"]:
        layout = "".join(map(_column, layout, _shared(estimates, SIZES["small"] - GAP * len(estimates))))
    header = " & ".join(rf"\textbf{{{_line(cell)}}}" if cell else "" for cell in block.header)
    # A group before each row keeps \\ from taking a leading star for its own.
    rows = "\n".join("{}" + " & ".join(map(_line, row)) + r" \\" for row in block.rows)
    return "\n".join(
        (
            rf"{{\small {_caption('Table', 'shown', block.caption)}\nobreak",
            rf"\{size}\begin{{longtable}}[l]{{@{{}}{layout}@{{}}}}",
            rf"\toprule {header} \\ \midrule\endhead",
            r"\bottomrule\endlastfoot",
            rf"{rows}",
            r"\end{longtable}}",
        )
    )


def _caption(word: str, counter: str, text: str) -> str:
    return rf"\refstepcounter{{{counter}}}\textbf{{{word}~\the{counter}.}} {_line(text)}\par" if text else ""


def _column(side: str, em: float) -> str:
    ragged = {"l": r"\raggedright", "r": r"\raggedleft", "c": r"\centering"}[side]
    return rf">{{{ragged}\arraybackslash}}p{{{em:.2f}em}}"


def _shared(estimates: list[float], room: float) -> list[float]:
    """Widths of the columns in em: narrow ones get what they need, wide ones share the rest in proportion."""
    fair = room / len(estimates)
    narrow = [1.08 * estimate + 0.3 for estimate in estimates if estimate <= fair]
    wide = sum(estimate for estimate in estimates if estimate > fair)
    scale = (room - sum(narrow)) / wide if wide else 1.0
    return [1.08 * estimate + 0.3 if estimate <= fair else estimate * scale for estimate in estimates]


def _width(text: str) -> float:
    """Estimated width in em of \\small text."""
    total = 0.0
    for part in inline(text):
        if isinstance(part, Math):
            total += width(part.latex)
        else:
            total += 0.53 * len(part.label if isinstance(part, Reference) else part.text)
    return total
