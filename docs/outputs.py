"""The outputs below the pages' examples: run, written and compared.

A page's Python blocks run one after the other, as in its reader's session, in an empty folder.
What a block prints stands below it, in a block ``text`` with the title "output".
``python docs/outputs.py`` compares what stands there with what is printed, and ``--write`` writes
it where they differ, or wholly on pages that are named. Words have to be the same, numbers close,
since other processors round otherwise; of an output titled "output, varies" only that it is there.
Figures aren't kept with the pages: the build draws them, and puts them below their blocks.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import html
import io
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
TITLE, VARIES = "output", "output, varies"
NEEDS_DATA = "<!-- needs-data -->"
BLOCK = re.compile(
    rf"^(?P<marker>{NEEDS_DATA}\n+)?```python[^\n]*\n(?P<code>.*?)^```\n"
    rf'(?P<below>\n```text title="(?P<title>{TITLE}(?:, varies)?)"\n(?P<output>.*?)^```\n)?',
    flags=re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_SHARE, _LEAST = 0.1, 0.02  # by which a number may differ: of itself, or at least
DRAWS = re.compile(r"\.plot\b|\bsavefig\b")  # in a block whose figures its reader will see
_DPI = 80
_MOST_LINES, _KEPT = 40, 30  # of an output, beyond which it is cut
CUT = "…"


@dataclass(frozen=True)
class Figure:
    """A figure that a block draws, as PNG, and what it is called."""

    title: str
    png: bytes

    @property
    def markup(self) -> str:
        """An image for a page, which holds the figure itself."""
        encoded = base64.b64encode(self.png).decode("ascii")
        alt = html.escape(self.title, quote=True)
        return f'<img class="figure" alt="{alt}" src="data:image/png;base64,{encoded}">'


@dataclass(frozen=True)
class Example:
    """A Python block of a page, and the output that stands below it."""

    line: int  # the number of its first
    code: str
    needs_data: bool
    shown: str | None  # None where no output stands below
    varies: bool
    printed: str | None = None  # None where it didn't run
    figures: tuple[Figure, ...] = ()

    @property
    def fault(self) -> str:
        """What is wrong with the output that stands below; nothing if it is what is printed."""
        if self.printed is None:
            return ""
        if DRAWS.search(self.code) and not self.figures:
            return "draws no figure"
        printed, shown = clean(self.printed), self.shown
        if shown is None:
            return f"lacks its output:\n{printed}" if printed else ""
        if not printed:
            return f"prints nothing; shown is\n{shown}"
        if self.varies or alike(shown, printed):
            return ""
        return f"prints\n{printed}\nshown is\n{shown}"


def pages() -> list[Path]:
    """Return the README and all pages."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples(text: str) -> Iterator[Example]:
    """Yield a page's Python blocks."""
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        needs = match["marker"] is not None
        shown, varies = match["output"], match["title"] == VARIES
        yield Example(line, match["code"], needs, shown, varies)


def run(page: Path, names: dict[str, object] | None = None) -> list[Example]:
    """Run a page's blocks here, one after the other, and return them with what they printed.

    Blocks that need data are left out unless WELLFIT_DATA says where these are.
    """
    names = {"__name__": "__main__"} if names is None else names
    done = []
    for each in examples(page.read_text(encoding="utf-8")):
        if each.needs_data and "WELLFIT_DATA" not in os.environ:
            done.append(each)
            continue
        printed, files = io.StringIO(), pictures()
        with contextlib.redirect_stdout(printed):
            # Empty lines in front make a traceback point at the line of the page.
            exec(compile("\n" * (each.line - 1) + each.code, str(page), "exec"), names)
        figures = tuple(open_figures() or written_figures(files))
        done.append(replace(each, printed=printed.getvalue(), figures=figures))
    return done


def open_figures() -> list[Figure]:
    """Return pyplot's figures, and close them."""
    if "matplotlib.pyplot" not in sys.modules:
        return []
    import matplotlib.pyplot as plt

    found = []
    for number in plt.get_fignums():
        figure, file = plt.figure(number), io.BytesIO()
        titles = [figure.get_suptitle(), *(axes.get_title() for axes in figure.axes)]
        figure.savefig(file, dpi=_DPI, bbox_inches="tight")
        found.append(Figure(", ".join(filter(None, titles)) or "Figure", file.getvalue()))
    plt.close("all")
    return found


def pictures() -> set[Path]:
    """Return the pictures in the current folder."""
    return set(Path().glob("*.png"))


def written_figures(before: set[Path]) -> list[Figure]:
    """Return the pictures that a block has written, the first written first."""
    new = sorted(pictures() - before, key=lambda path: path.stat().st_mtime_ns)
    return [Figure(path.stem.replace("_", " "), path.read_bytes()) for path in new]


def clean(text: str) -> str:
    r"""Return an output as it is written: no blanks at the ends, and not too long.

    >>> clean("a  \\n\\n")
    'a\\n'
    """
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_KEPT], CUT]
    return "".join(f"{line}\n" for line in lines)


def alike(shown: str, printed: str) -> bool:
    """Say whether two outputs have the same words, and numbers that are close.

    >>> alike("accuracy 0.971", "accuracy  0.964"), alike("accuracy 0.97", "accuracy 0.43")
    (True, False)
    >>> alike("loss 0.5", "R² 0.5"), alike("1,024 rows", "1024 rows")
    (False, True)
    """
    if shown.endswith(f"{CUT}\n"):
        kept = shown.count("\n")
        shown, printed = ("".join(t.splitlines(True)[: kept - 1]) for t in (shown, printed))
    words = [" ".join(NUMBER.sub("0", text).split()) for text in (shown, printed)]
    if words[0] != words[1]:
        return False
    numbers = [[float(one.replace(",", "")) for one in NUMBER.findall(text)]
               for text in (shown, printed)]  # fmt: skip
    return all(
        math.isclose(*pair, rel_tol=_SHARE, abs_tol=_LEAST) for pair in zip(*numbers, strict=True)
    )


def written(text: str, done: Iterable[Example], *, all_of_them: bool = False) -> str:
    """Return a page with the outputs of its blocks.

    What varies or is alike stays as it is, but where all of them are asked for.
    """
    left = iter(done)

    def with_output(match: re.Match[str]) -> str:
        each = next(left)
        if each.printed is None or not (each.fault or all_of_them):
            return match[0]
        printed = clean(each.printed)
        code = match[0].removesuffix(match["below"] or "")
        title = match["title"] or TITLE
        return f'{code}\n```text title="{title}"\n{printed}```\n' if printed else code

    return BLOCK.sub(with_output, text)


def with_figures(text: str, done: Iterable[Example]) -> str:
    """Return a page with the figures of its blocks below these and their outputs."""
    left = iter(done)

    def with_its_figures(match: re.Match[str]) -> str:
        markup = "".join(f"\n{figure.markup}\n" for figure in next(left).figures)
        return match[0] + markup

    return BLOCK.sub(with_its_figures, text)


@dataclass(frozen=True)
class Count:
    """How many blocks were run, and how many outputs compared; counts add up."""

    run: int = 0
    checked: int = 0
    varying: int = 0
    figures: int = 0
    left_out: int = 0

    @classmethod
    def of(cls, done: Sequence[Example]) -> Count:
        """Return the count of a page's blocks."""
        ran = [each for each in done if each.printed is not None]
        checked = [each for each in ran if clean(each.printed or "")]
        varying = sum(each.varies for each in checked)
        figures = sum(len(each.figures) for each in ran)
        return cls(len(ran), len(checked), varying, figures, len(done) - len(ran))

    def __add__(self, other: Count) -> Count:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Count(*(a + b for a, b in pairs))

    def __str__(self) -> str:
        return (
            f"documentation: {self.run} blocks run, {self.checked} outputs checked "
            f"({self.varying} of which may vary), {self.figures} figures drawn, "
            f"{self.left_out} left out for want of data"
        )


@contextlib.contextmanager
def empty_folder() -> Iterator[None]:
    """Work in an empty folder, and come back."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield


def main() -> int:
    """Compare or write the outputs of pages; return 1 where one isn't what is printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="by default all")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write what is printed: of pages that are named all, else what is at fault",
    )
    given = parser.parse_args()
    total, faults = Count(), 0
    for page in [each.resolve() for each in given.pages] or pages():
        text = page.read_text(encoding="utf-8")
        if not any(examples(text)):
            continue
        with empty_folder():
            done = run(page)
        total += Count.of(done)
        if given.write:
            after = written(text, done, all_of_them=bool(given.pages))
            page.write_text(after, encoding="utf-8")
            continue
        for each in done:
            if each.fault:
                print(f"{page.relative_to(ROOT)}:{each.line} {each.fault}")
                faults += 1
    print(total)
    return int(faults > 0)


if __name__ == "__main__":
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.exit(main())
