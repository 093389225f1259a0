"""What mkdocs puts into pages when it builds them, so that none can fall behind the code.

``<!-- family: optimizer -->`` becomes every class of that family, as the registry knows it: name,
equation, hyper-parameters, source; a recipe with what came of it, as ``docs/recipes`` holds it.
``<!-- include: CHANGELOG.md -->`` becomes that file, with the news that no release has yet.
Activations, schedules and augmentations are drawn, examples that draw are run and followed by
their figures, and the gallery's notebooks get thumbnails.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import wellfit
from wellfit.core import registry
from wellfit.core.errors import UnknownNameError
from wellfit.core.hyper import Config, Hyper
from wellfit.recipes import Measured, Recipe, Reproduction
from wellfit.recipes.base import Way
from wellfit.recipes.comparison import compare, result_text, time_text, verdict_text

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # where the pages' own modules are

import outputs  # noqa: E402
from pictures import picture, write_thumbnails  # noqa: E402

FAMILY = re.compile(r"^<!-- family: ([\w-]+) -->$", flags=re.MULTILINE)
SUMMARY = "<!-- summary of recipes -->"
RESULTS = ROOT / "docs" / "recipes" / "results.json"
NEWS = "<!-- towncrier release notes start -->"
INCLUDE = re.compile(r"^<!-- include: ([\w.]+) -->$", flags=re.MULTILINE)
ELSEWHERE = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)#]+\.(?!md)\w+\)")
HEAD = ("hyper-parameter", "default", "range", "scale", "meaning")


def on_page_markdown(markdown: str, page: Any = None, **_: Any) -> str:
    """Replace the lines ``<!-- family: … -->`` and ``<!-- include: … -->`` of a page.

    Where its examples draw, their figures are put below them.
    """
    import_everything()
    if any(outputs.DRAWS.search(each.code) for each in outputs.examples(markdown)):
        with outputs.empty_folder():
            done = outputs.run(Path(page.file.abs_src_path))
        markdown = outputs.with_figures(markdown, done)
    markdown = FAMILY.sub(lambda match: family_section(match[1]), markdown)
    if SUMMARY in markdown:
        markdown = markdown.replace(SUMMARY, recipe_summary())
    return INCLUDE.sub(lambda match: included(match[1]), markdown)


def on_post_build(config: Any, **_: Any) -> None:
    """Put a thumbnail beside each built notebook, which the gallery's page shows."""
    write_thumbnails(Path(config["site_dir"]))


def included(name: str) -> str:
    """Return a file of the project's root, its links made to work from inside ``docs``."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    text = ELSEWHERE.sub(r"\1", text)  # of files that are no pages, only the name is left
    return text.replace(NEWS, unreleased())


def unreleased() -> str:
    """Return the news fragments as a section, by kind; nothing where there are none."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = []
    for kind in config["tool"]["towncrier"]["type"]:
        files = sorted((ROOT / "news").glob(f"*.{kind['directory']}*.md"))
        points = [f"- {file.read_text(encoding='utf-8').strip()}" for file in files]
        if points:
            parts.append("\n".join([f"### {kind['name']}\n", *points]))
    return "\n\n".join(["## Unreleased", *parts]) if parts else ""


@cache
def import_everything() -> None:
    """Import every module of wellfit, so that every class registers itself."""
    for module in pkgutil.walk_packages(wellfit.__path__, "wellfit."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def family_section(family: str) -> str:
    """Return markdown that describes all classes of a family.

    Raises:
        UnknownNameError: no such family.
    """
    if family not in registry.families():
        raise UnknownNameError("family", family, registry.families())
    names = registry.names(family)
    return "\n\n".join(class_section(name, registry.lookup(family, name)) for name in names)


def class_section(name: str, cls: type) -> str:
    """Return markdown that describes one class: name, words, source, hyper-parameters."""
    if issubclass(cls, Recipe):
        return recipe_section(name, cls)
    home = ".".join(cls.__module__.split(".")[:2])
    drawn = picture(name, cls)
    parts = [f"### `{name}`", f"`{home}.{cls.__name__}`", prose(cls), drawn, hyper_table(cls)]
    return "\n\n".join(part for part in parts if part)


def prose(cls: type) -> str:
    """Return the docstring without its examples and its sections for arguments and errors."""
    paragraphs = (inspect.getdoc(cls) or "").split("\n\n")
    section = re.compile(r"(>>> |Args:|Raises:|Returns:)")
    return "\n\n".join(text for text in paragraphs if not section.match(text)).replace("``", "`")


def hyper_table(cls: type) -> str:
    """Return a table of the hyper-parameters that ``cls`` declares, or nothing."""
    if not issubclass(cls, Config) or not cls.hypers():
        return ""
    rows = [hyper_row(cls, key, declaration) for key, declaration in cls.hypers().items()]
    return "\n".join(" | ".join(("", *row, "")).strip() for row in (HEAD, ["---"] * 5, *rows))


def hyper_row(cls: type[Config], key: str, declaration: Hyper) -> list[str]:
    """Return one row of the table: a hyper-parameter as it was declared."""
    default = inspect.signature(cls).parameters[key].default
    numeric = isinstance(default, int | float) and not isinstance(default, bool)
    scale = declaration.scale if numeric else ""
    return [f"`{key}`", f"`{default!r}`", allowed(default, declaration), scale, declaration.doc]


def allowed(default: object, declaration: Hyper) -> str:
    """Return which values a hyper-parameter takes, in words of a table's cell."""
    bounded = (declaration.low, declaration.high) != (None, None)
    if declaration.choices:
        values = ", ".join(f"`{choice}`" for choice in declaration.choices)
    elif isinstance(default, bool):
        values = "`True`, `False`"
    elif isinstance(default, Config):
        values = f"any {default.family.replace('_', ' ')}"
    elif bounded or isinstance(default, int | float):
        values = declaration.interval.replace("inf", "∞")
    else:
        return ""
    return values + (" or `None`" if declaration.optional else "")


def recipe_section(name: str, cls: type[Recipe]) -> str:
    """Return markdown that describes a recipe, with what came of it where that is known."""
    recipe = cls()
    parts = [
        f"### `{name}`",
        prose(cls),
        f"From *{cls.source.title}*, there by {cls.source.tool}.",
        settings_table(recipe),
    ]
    done = results(recipe)
    parts += [figure_table(done), circumstances(done)] if done else []
    if done and documents()[name]["settings"] != recipe.settings_text():
        parts.append("*These results are of other settings, which have been changed since.*")
    before = documents().get(name, {}).get("better", {}).get("better_way", recipe.better_way)
    if before != recipe.better_way:
        parts.append(f"*The better way was another one when it was run: {before}*")
    missing = [way for way in recipe.ways if way not in done]
    if missing:
        titles = {"published": "The published experiment", "better": "The better way"}
        parts.append(" ".join(f"*{titles[way]} hasn't been run.*" for way in missing))
    if cls.differs:
        parts.append(f"**What differs.** {cls.differs}")
    if cls.better_way:
        parts.append(f"**The better way.** {cls.better_way}")
    parts.append(cls.remark)
    if "published" in done:
        parts.append(f"![Results of {name}](recipes/images/{name}.png)")
    return "\n\n".join(part for part in parts if part)


@cache
def documents() -> dict[str, Any]:
    """Return what ``wellfit reproduce --out docs/recipes`` wrote, by recipe."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def results(recipe: Recipe) -> dict[Way, Reproduction]:
    """Return the results of a recipe, by way."""
    document = documents().get(recipe.name, {})
    return {
        way: Reproduction.from_document(recipe, way, document[way])
        for way in recipe.ways
        if way in document
    }


def recipe_summary() -> str:
    """Return two tables on the numbers that sources print: how many are reached, and the rest."""
    columns = {
        "equal or better": ("reached", "exceeded"),
        "only within the tolerance": ("within tolerance",),
        "outside it, and why": ("explained",),
        "missed": ("missed",),
        "not comparable": ("not comparable",),
    }
    counts: dict[str, Counter[str]] = {}
    apart: list[tuple[str, ...]] = []
    for name in registry.names("recipe"):
        recipe = registry.lookup("recipe", name)()
        done = results(recipe).get("published")
        for one in done.figures if done else ():
            if one.figure.value is None or one.figure.origin != "published":
                continue
            counts.setdefault(recipe.source.title, Counter())[one.verdict] += 1
            if one.verdict in ("explained", "missed", "exceeded"):
                texts = (one.figure.what, one.figure.reference, result_text(one))
                apart.append((f"[{name}](#{name})", *texts, verdict_text(one)))
    summed = [
        (title, *(str(sum(found[v] for v in verdicts)) for verdicts in columns.values()))
        for title, found in counts.items()
    ]
    right = ("---", *["---:"] * len(columns))
    heads = ("recipe", "figure", "reference", "reproduced", "")
    each = [("source", *columns), right, *summed], [heads, ("---",) * 5, *apart]
    return "\n\n".join("\n".join(f"| {' | '.join(row)} |" for row in rows) for rows in each)


def settings_table(recipe: Recipe) -> str:
    """Return a table of the source's settings, or nothing."""
    settings = recipe.settings_text()
    if not settings:
        return ""
    rows = [("setting of the source", ""), ("---", "---"), *settings.items()]
    return "\n".join(f"| {key} | {text.replace('|', '&#124;')} |" for key, text in rows)


def figure_table(done: dict[Way, Reproduction]) -> str:
    """Return a table of reference values beside the results of both ways."""
    rows = [("figure", "reference", "reproduced", "better way"), ("---", "---:", "---:", "---:")]
    for row in compare(done):
        place = f" ({row.figure.place})" if row.figure.place else ""
        cells = (cell(row.published), cell(row.better))
        rows.append((f"{row.figure.what}{place}", row.figure.reference, *cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def cell(one: Measured | None) -> str:
    """Return a result with its verdict, as a cell of the table."""
    if one is None:
        return ""
    verdict = verdict_text(one)
    marked = f"**{verdict}**" if one.verdict == "missed" else verdict
    return f"{result_text(one)}<br>{marked}" if marked else result_text(one)


def circumstances(done: dict[Way, Reproduction]) -> str:
    """Return how many seeds each way ran, and how long one took."""
    titles = {"published": "As published", "better": "The better way"}
    parts = [
        f"{titles[way]}: {len(one.seeds)} seed{'s' * (len(one.seeds) > 1)}, {time_text(one)}"
        f"{' each' * (len(one.seeds) > 1)}"
        for way, one in done.items()
    ]
    return ". ".join(parts) + "."
