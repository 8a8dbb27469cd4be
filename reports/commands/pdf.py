"""A PDF from the written report: by latexmk from the LaTeX, else by headless Chromium from the HTML.

Both run on copies in a temporary directory, without configuration files and without the right to run programs from
LaTeX; dates are fixed, so that the same report gives the same bytes.

Read next: `reports.files`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reports.commands.failure import Failure
from reports.files import FileError, marked, write

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
INSTALL = "--pdf needs latexmk (Debian: texlive-latex-recommended latexmk) or Chromium; neither is installed"
PATIENCE = 120  # seconds


def maker() -> str:
    """The program that makes PDFs here.

    Raises:
        Failure: if there is none, with what to install.
    """
    found = next(filter(None, map(shutil.which, ("latexmk", *BROWSERS))), None)
    if found is None:
        raise Failure(INSTALL)
    return found


def make_pdf(program: str, files: Sequence[Path], *, force: bool = False) -> Path:
    """Make the PDF that belongs to the files of a report, beside them.

    Raises:
        Failure: in one line, if the program fails or takes too long.
    """
    (tex,) = (file for file in files if file.suffix == ".tex")
    with TemporaryDirectory(prefix="bptt-") as name:
        directory = Path(name)
        for file in files:
            shutil.copy(file, directory)
        command = (_latexmk if Path(program).stem == "latexmk" else _browser)(program, directory, tex.stem)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Failure(f"{program} took over {PATIENCE} s for {tex.stem}.pdf") from error
        made = directory / f"{tex.stem}.pdf"
        if done.returncode != 0 or not made.exists():
            raise Failure(f"{program} made no {tex.stem}.pdf: {_reason(done.stdout.decode(errors='replace'))}")
        try:
            return write(tex.with_suffix(".pdf"), marked(made.read_bytes()), force=force)
        except FileError as error:
            raise Failure(str(error)) from error


def _latexmk(program: str, _: Path, stem: str) -> list[str]:
    latex = "-pdflatex=pdflatex -no-shell-escape -interaction=nonstopmode -halt-on-error %O %S"
    return [program, "-norc", "-pdf", latex, f"{stem}.tex"]


def _browser(program: str, directory: Path, stem: str) -> list[str]:
    command = [program, "--headless", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={stem}.pdf"]
    command += [f"--user-data-dir={directory / 'profile'}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command += ["--no-sandbox"]  # Chromium refuses to start for root otherwise; the page is our own
    return [*command, (directory / f"{stem}.html").as_uri()]


def _reason(output: str) -> str:
    """The line that says what went wrong: the first that LaTeX marks with ``!``, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith("!")]
    return (marked or lines[-1:] or ["no output"])[0]
