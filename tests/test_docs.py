"""Every example on every page runs, and every command on every page exists."""

from __future__ import annotations

import base64
import functools
import importlib
import io
import json
import pkgutil
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import wellfit
from pages import COUNT, loaded
from wellfit.cli.app import app
from wellfit.core import registry

ROOT = Path(__file__).parents[1]
README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^(?P<marker><!-- needs-data -->\n+)?```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$",
    flags=re.DOTALL | re.MULTILINE,
)


outputs = loaded("outputs")


def blocks(page: Path, language: str) -> Iterator[tuple[int, str, bool]]:
    """Yield a page's code blocks: first line, text, and whether it needs WELLFIT_DATA."""
    text = page.read_text()
    for match in BLOCK.finditer(text):
        if match["language"] == language:
            line = text.count("\n", 0, match.start("text")) + 1
            yield line, match["text"], match["marker"] is not None


def identifier(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    module = loaded("hooks")
    module.import_everything()
    return module


@pytest.fixture
def own_registry(hooks: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page register a class of its own, and forget it."""
    copied = {family: dict(members) for family, members in registry._families.items()}
    monkeypatch.setattr(registry, "_families", copied)


# A page's blocks share their names, as they do in its reader's session.
@pytest.mark.usefixtures("own_registry", "few_trees")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(blocks(page, "python"))], ids=identifier
)
def test_examples_run_and_print_what_the_page_shows(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    done = outputs.run(page)
    # The last line of a session says how many blocks of all pages these were.
    record_property(COUNT, astuple(outputs.Count.of(done)))
    faults = [f"{identifier(page)}:{each.line} {each.fault}" for each in done if each.fault]
    assert not faults, "\n".join([*faults, "to write what is printed: make docs-outputs"])


SHOWN = """
```python
print("accuracy", 0.971)
```

```text title="output"
accuracy 0.43
```

<!-- needs-data -->
```python
1 / 0
```

```python
import time
print(time.time())
```

```text title="output, varies"
an hour ago
```
"""


def test_an_output_that_is_not_printed_is_found_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WELLFIT_DATA", raising=False)
    page = tmp_path / "page.md"
    page.write_text(SHOWN)
    done = outputs.run(page)
    assert [bool(each.fault) for each in done] == [True, False, False]
    assert str(outputs.Count.of(done)) == (
        "documentation: 2 blocks run, 2 outputs checked (1 of which may vary), 0 figures drawn, "
        "1 left out for want of data"
    )
    page.write_text(outputs.written(SHOWN, done))
    whole = outputs.written(SHOWN, done, all_of_them=True)
    assert "0.971" in whole
    assert "an hour ago" not in whole  # of a page that is named, what varies is written too
    assert page.read_text() == SHOWN.replace("0.43", "0.971")
    assert not any(each.fault for each in outputs.run(page))


def test_an_output_that_is_missing_is_written_and_one_that_is_too_much_removed(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.md"
    missing = "```python\nprint(1)\n```\n"
    shown = '\n```text title="output"\n1\n```\n'
    for before, after in (
        (missing, missing + shown),
        (missing.replace("print(1)", "1") + shown, missing.replace("print(1)", "1")),
    ):
        page.write_text(before)
        done = outputs.run(page)
        assert done[0].fault
        assert outputs.written(before, done) == after


DRAWING = """
```python
import matplotlib.pyplot as plt
_, axes = plt.subplots()
axes.set_title("a < b")
lines = axes.plot([1, 2])
axes.figure.savefig("one.png")
```

```python
axes.figure.savefig("two.png")
```

```python
recipe = "no figure"
recipe.plot if False else None
```
"""


def test_a_page_is_built_with_the_figures_of_its_examples(
    hooks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(DRAWING)
    done = outputs.run(page)
    assert [len(each.figures) for each in done] == [1, 1, 0]  # once each, open or written
    assert [each.fault for each in done] == ["", "", "draws no figure"]
    assert list(plt.get_fignums()) == []
    built = hooks.on_page_markdown(
        DRAWING, SimpleNamespace(file=SimpleNamespace(abs_src_path=page))
    )
    assert re.findall(r'alt="([^"]*)" src="data:image/png;base64,iVBOR', built) == [
        "a &lt; b",
        "two",
    ]
    assert built.index("two.png") < built.index('alt="two"') < built.index("no figure")


@pytest.mark.parametrize(
    ("family", "words"),
    [("activation", "f(z)"), ("schedule", "factor"), ("augmentation", "digit")],
)
def test_every_activation_schedule_and_augmentation_has_a_picture(
    hooks: ModuleType, family: str, words: str
) -> None:
    for name in registry.names(family):
        section = hooks.class_section(name, registry.lookup(family, name))
        drawn = re.findall(r'^<div class="picture">(.*)</div>$', section, re.MULTILINE)
        depends = name == "reduce_lr_on_plateau"  # on how training goes
        assert len(drawn) == (0 if depends else 1), name
        assert all(words in one for one in drawn)
        assert "nan" not in "".join(re.findall(r' d="([^"]*)"', "".join(drawn)))


def test_built_notebooks_get_thumbnails(hooks: ModuleType, tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (900, 600)).save(picture, "PNG")
    page = tmp_path / "gallery" / "tips" / "index.html"
    page.parent.mkdir(parents=True)
    encoded = base64.b64encode(picture.getvalue()).decode()
    page.write_text(f'<img src="data:image/png;base64,{encoded}">')
    hooks.on_post_build({"site_dir": str(tmp_path)})
    with Image.open(page.parent / "thumbnail.png") as made:
        assert made.size == (320, 213)
    index = (ROOT / "docs" / "gallery" / "index.md").read_text()
    notebooks = {path.stem for path in (ROOT / "docs" / "gallery").glob("*.py")}
    assert set(re.findall(r'src="(\w+)/thumbnail.png"', index)) == notebooks


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for line, text, _ in blocks(page, "console"):
            for command in re.findall(r"^\$ (?:python -m )?wellfit (.*)$", text, re.MULTILINE):
                yield f"{identifier(page)}:{line}", command


@functools.cache
def options_of(*names: str) -> set[str]:
    """The options that a command's help lists; it takes longer to draw than to read."""
    asked = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200"})
    assert asked.exit_code == 0, names
    return set(re.findall(r"--?[a-z][\w-]*", asked.output))


@pytest.mark.parametrize(("place", "command"), list(commands()))
def test_commands_and_their_options_exist(place: str, command: str) -> None:
    words = command.partition("#")[0].split()
    names = words[: 2 if words[0] in ("data", "models") else 1]
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    assert set(options) <= options_of(*names), place


def test_the_readmes_commands_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    table = pd.DataFrame({"age": [25, 47, None, 38], "job": ["cook", "clerk", "cook", "nurse"]})
    table = pd.concat([table] * 15)
    table.assign(income=["low", "high", "low", "high"] * 15).to_csv("adult.csv", index=False)
    table[:5].to_csv("new.csv", index=False)
    run = [command for place, command in commands() if place.startswith("README.md")]
    assert len(run) == 4
    for command in run:
        done = CliRunner().invoke(app, shlex.split(command, comments=True))
        assert done.exit_code == 0, done.output
    assert len(pd.read_csv("predictions.csv")) == 5


def test_the_make_targets_on_the_pages_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = "\n".join(page.read_text() for page in [*PAGES, CONTRIBUTING])
    named = re.findall(r"(?:^    |^\$ |`)make ([a-z-]+)", text, re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= set(targets)


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=identifier)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).is_file()] == []


def test_every_name_that_a_floor_offers_is_in_the_reference() -> None:
    text = "\n".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: (\S+)", text, flags=re.MULTILINE))
    missing = []
    for floor in pkgutil.iter_modules(wellfit.__path__, "wellfit."):
        if floor.name.endswith("__main__"):
            continue
        module = importlib.import_module(floor.name)
        for name in getattr(module, "__all__", ()):
            home = getattr(getattr(module, name), "__module__", "")
            if shown.isdisjoint({floor.name, f"{floor.name}.{name}", home}):
                missing.append(f"{floor.name}.{name}")
    assert missing == []


def test_every_family_is_on_a_page(hooks: ModuleType) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    shown = re.findall(r"<!-- family: ([\w-]+) -->", text)
    assert sorted(set(shown)) == registry.families()


def test_a_familys_table_tells_what_each_class_declares(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown("before\n<!-- family: optimizer -->\nafter")
    assert page.startswith("before\n")
    assert page.endswith("\nafter")
    for name in registry.names("optimizer"):
        cls: Any = registry.lookup("optimizer", name)
        assert f"`{name}`" in page
        assert all(f"`{key}`" in page for key in cls.hypers())
        assert all(declaration.doc in page for declaration in cls.hypers().values())


def test_a_recipe_is_shown_with_its_results_and_its_picture(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown("<!-- family: recipe -->")
    results = json.loads((ROOT / "docs" / "recipes" / "results.json").read_text())
    assert sorted(results) == registry.names("recipe")
    for name, done in results.items():
        recipe = registry.lookup("recipe", name)()
        for way in {"published", "better"} & set(done):
            expected = {one.what for one in recipe.figures if one.way in ("both", way)}
            assert {one["what"] for one in done[way]["figures"]} >= expected
        if "published" in done:
            assert f"(recipes/images/{name}.png)" in page
            picture = ROOT / "docs" / "recipes" / "images" / f"{name}.png"
            assert picture.read_bytes().startswith(b"\x89PNG")
            assert picture.stat().st_size < 60_000
    before, shown = page.split("### `indaba-512`\n")
    assert before
    assert re.search(r"\| test accuracy \(.+\) \| published 97\.70 % \| .*9[78]\.\d\d % ", shown)


def test_the_summary_counts_every_number_that_a_source_prints(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown("<!-- summary of recipes -->")
    counts, apart = page.split("\n\n")
    counted = sum(int(cell) for cell in re.findall(r"(?<=\| )\d+(?= \|)", counts))
    documents = json.loads((ROOT / "docs" / "recipes" / "results.json").read_text())
    figures = [
        one
        for document in documents.values()
        for one in document.get("published", {}).get("figures", ())
        if one["origin"] == "published"
    ]
    assert counted == len(figures) > 100
    told = [one for one in figures if one["verdict"] in ("explained", "missed", "exceeded")]
    assert len(apart.splitlines()) == 2 + len(told)
    assert all(f"| {one['what']} |" in apart for one in told)


def test_results_of_other_settings_are_marked(
    hooks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls: Any = registry.lookup("recipe", "indaba-512")
    shown = "These results are of other settings"
    assert shown not in hooks.recipe_section("indaba-512", cls)
    monkeypatch.setattr(cls, "settings", {**cls.settings, "batch size": "another"})
    assert shown in hooks.recipe_section("indaba-512", cls)


def test_an_unknown_family_on_a_page_is_an_error(hooks: ModuleType) -> None:
    with pytest.raises(ValueError, match="unknown family 'optimiser'; did you mean 'optimizer'"):
        hooks.on_page_markdown("<!-- family: optimiser -->")


def test_the_changelogs_page_shows_what_no_release_has_yet(
    hooks: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    assert "## Unreleased" not in hooks.included("CHANGELOG.md")
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "+muon.added.md").write_text("Muon.\n")
    (tmp_path / "news" / "7.fixed.md").write_text("A fault.\n")
    shown = hooks.included("CHANGELOG.md")
    assert "## Unreleased\n\n### Added\n\n- Muon.\n\n### Fixed\n\n- A fault." in shown


def test_an_included_file_is_linked_from_inside_the_docs(hooks: ModuleType) -> None:
    page = hooks.on_page_markdown("<!-- include: CONTRIBUTING.md -->")
    assert page.startswith("# Contributing")
    links = re.findall(r"\]\(([\w/.-]+\.md)\)", page)
    assert links
    assert all((ROOT / "docs" / link).is_file() for link in links)


def test_every_tick_of_the_sources_has_a_block_that_runs() -> None:
    page = ROOT / "docs" / "sources.md"
    rows = re.findall(r"^\| ([A-F]\d+) \|.*\| (✓?)(?: \|)?$", page.read_text(), re.MULTILINE)
    ticked = [name for name, tick in rows if tick]
    run = [
        name
        for _, text, needs_data in blocks(page, "python")
        for name in text.partition("\n")[0].removeprefix("# ").split()
        if not needs_data
    ]
    assert len(ticked) > 80
    assert sorted(ticked) == sorted(run)
    assert [name for name, _ in rows] == sorted(
        {name for name, _ in rows}, key=lambda name: (name[0], int(name[1:]))
    )
