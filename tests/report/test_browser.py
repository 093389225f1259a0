"""The report in a real browser: it draws, heeds hand and keyboard, and runs nobody's script."""

import shutil
from pathlib import Path

import pytest

sync = pytest.importorskip("playwright.sync_api")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOUND = next((path for name in BROWSERS if (path := shutil.which(name))), None)
PHONE, DESK = {"width": 375, "height": 700}, {"width": 1280, "height": 900}
LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA, for text of usual size


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
        path = str(own) if own.exists() else FOUND
        if path is None:
            pytest.skip("there is no Chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(browser):
    """Every page that was opened, by its file, and what the browser complained of."""
    return {}, []


def watched(browser, troubles):
    page = browser.new_context(viewport=DESK, color_scheme="light").new_page()
    page.on("console", lambda message: troubles.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.on(
        "request", lambda request: troubles.append(request.url) if "http" in request.url else 0
    )
    return page


@pytest.fixture
def opened(browser, pages):
    """Open a file, or go back to its page; what the browser complains of fails the test."""
    there, troubles = pages

    def open_page(path):
        if path not in there:
            there[path] = watched(browser, troubles)
            there[path].goto(path.as_uri())
            there[path].wait_for_selector("html[data-ready]")
        there[path].set_viewport_size(DESK)
        there[path].emulate_media(color_scheme="light")
        go(there[path], "Summary")
        return there[path]

    yield open_page
    told = list(troubles)
    troubles.clear()
    assert told == []


def go(page, name):
    page.get_by_role("tab", name=name, exact=True).click()
    page.wait_for_function(
        "[...document.querySelectorAll('section:not([hidden]) .plot')]"
        ".every((plot) => plot.querySelector('.main-svg'))"
    )


def shown(page):
    return page.eval_on_selector_all("section:not([hidden])", "all => all.map((one) => one.id)")


def axis(page, plot, what):
    return page.evaluate(f"document.getElementById('{plot}')._fullLayout.{what}")


def first_plot(page):
    return page.locator("section:not([hidden]) .plot").first.get_attribute("id")


def style(page, selector, what):
    return page.eval_on_selector(selector, f"one => getComputedStyle(one).{what}")


# --- drawing -----------------------------------------------------------------------------------


# The others take the browser through the same drawing again.
KINDS = [
    "images",
    *(pytest.param(kind, marks=pytest.mark.heavy) for kind in ("hostile", "quantities", "search")),
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_of_every_tab_is_drawn(kind, opened, written, request):
    page = opened(written(request.getfixturevalue(kind)))
    for tab in page.get_by_role("tab").all_inner_texts():
        go(page, tab)
        plots = page.locator("section:not([hidden]) .plot")
        marks = ".js-line, .point, .hm, .cartesianlayer image, path.point"
        for place in range(plots.count()):
            assert plots.nth(place).locator(marks).count() > 0, (tab, place)


def test_several_runs_are_drawn_over_each_other(opened, written, images, hostile):
    page = opened(written(images, hostile))
    go(page, "Learning")
    assert page.locator(f"#{first_plot(page)} .scatterlayer .js-line").count() == 2


# --- by hand -----------------------------------------------------------------------------------


@pytest.fixture
def learning(opened, written, images):
    page = opened(written(images))
    go(page, "Learning")
    return page


def test_hovering_tells_the_numbers(learning):
    box = learning.locator(f"#{first_plot(learning)} .nsewdrag").bounding_box()
    learning.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    learning.wait_for_selector(".hoverlayer text")
    told = " ".join(learning.locator(".hoverlayer text").all_text_contents())
    assert "training" in told
    assert "validation" in told


def test_dragging_zooms_and_a_button_shows_all_again(learning):
    plot = first_plot(learning)
    left = f"document.getElementById('{plot}')._fullLayout.xaxis.range[0]"
    before = axis(learning, plot, "xaxis.range")
    box = learning.locator(f"#{plot} .nsewdrag").bounding_box()
    learning.mouse.move(box["x"] + 60, box["y"] + 60)
    learning.mouse.down()
    learning.mouse.move(box["x"] + 200, box["y"] + 160, steps=5)
    learning.mouse.up()
    learning.wait_for_function(f"{left} > {before[0]}")
    zoomed = axis(learning, plot, "xaxis.range")
    assert before[0] < zoomed[0] < zoomed[1] < before[1]
    learning.get_by_role("button", name="whole view").first.click()
    learning.wait_for_function(f"{left} < {zoomed[0]}")
    assert axis(learning, plot, "xaxis.range") == pytest.approx(before)


def test_the_scale_can_be_logarithmic(learning):
    plot = first_plot(learning)
    assert axis(learning, plot, "yaxis.type") == "linear"
    learning.get_by_label("logarithmic").first.check()
    assert axis(learning, plot, "yaxis.type") == "log"
    learning.get_by_label("logarithmic").first.uncheck()
    assert axis(learning, plot, "yaxis.type") == "linear"


def test_smoothing_draws_the_mean_over_the_raw_curve(learning):
    plot = first_plot(learning)
    raw = learning.evaluate(f"document.getElementById('{plot}').data[0].y")
    learning.get_by_label("smooth").first.fill("0.5")
    assert learning.locator(f"#{plot} .scatterlayer .js-line").count() == 4
    smooth = learning.evaluate(f"document.getElementById('{plot}').data[1].y")
    mean = share = 0.0
    for value, told in zip(raw, smooth, strict=True):
        mean, share = 0.5 * mean + 0.5 * value, 0.5 * share + 0.5
        assert told == pytest.approx(mean / share)
    learning.get_by_label("smooth").first.fill("0")
    assert learning.locator(f"#{plot} .scatterlayer .js-line").count() == 2


def test_the_kept_epoch_is_marked(opened, written, search):
    page = opened(written(search))
    go(page, "Learning")
    kept = page.get_by_text("kept: epoch")
    marked = page.locator(f"#{first_plot(page)} .shapelayer path").count()
    assert kept.count() >= marked  # both or none: the last epoch needs no mark


# --- by keyboard -------------------------------------------------------------------------------


def test_arrow_keys_move_along_the_tabs(opened, written, images):
    page = opened(written(images))
    page.get_by_role("tab", name="Summary").focus()
    for key, section in [
        ("ArrowRight", "learning"),
        ("ArrowRight", "test-rows"),
        ("ArrowLeft", "learning"),
        ("End", "run"),
        ("ArrowRight", "summary"),
        ("ArrowLeft", "run"),
        ("Home", "summary"),
    ]:
        page.keyboard.press(key)
        assert shown(page) == [section]
        focused = page.evaluate("document.activeElement.getAttribute('aria-controls')")
        assert focused == section
    selected = page.locator('[role="tab"][aria-selected="true"]')
    assert (selected.count(), page.locator('[role="tab"][tabindex="0"]').count()) == (1, 1)


def test_the_first_key_stop_skips_to_the_content(opened, written, images):
    page = opened(written(images))
    page.reload()
    page.wait_for_selector("html[data-ready]")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    assert shown(page) == ["summary"]


def test_tables_open_by_keyboard(learning):
    details = learning.locator("section:not([hidden]) details").first
    assert not details.locator("table").is_visible()
    details.locator("summary").focus()
    learning.keyboard.press("Enter")
    assert details.locator("table").is_visible()
    assert details.locator("tbody tr").count() == 20


def test_an_address_names_its_tab(opened, written, images):
    page = opened(written(images))
    page.goto(f"{written(images).as_uri()}#layers")
    page.wait_for_function("!document.getElementById('layers').hidden")
    assert shown(page) == ["layers"]


def test_without_scripts_everything_can_be_read(browser, written, images):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written(images).as_uri())
    assert len(shown(page)) == 7
    assert page.locator(".plot").first.is_hidden()
    assert page.locator("details").first.is_visible()
    context.close()


# --- light, dark, small ------------------------------------------------------------------------


def test_charts_follow_light_and_dark(learning):
    plot = first_plot(learning)
    seen = {}
    for scheme in ("light", "dark", "light"):
        learning.emulate_media(color_scheme=scheme)
        learning.wait_for_function(
            "plot => document.getElementById(plot)._fullLayout.paper_bgcolor"
            " === getComputedStyle(document.documentElement).getPropertyValue('--card').trim()",
            arg=plot,
        )
        now = (
            style(learning, "body", "backgroundColor"),
            axis(learning, plot, "paper_bgcolor"),
            axis(learning, plot, "font.color"),
        )
        assert seen.setdefault(scheme, now) == now
    assert not set(seen["light"]) & set(seen["dark"])


# What is written in which colour on what ground.
PAIRS = [
    (text, ground) for text in ("--text", "--quiet", "--link") for ground in ("--ground", "--card")
] + [(f"--{tone}", f"--{tone}-ground") for tone in ("good", "warn", "bad")]
PAIRS += [("--text", f"--{tone}-ground") for tone in ("good", "warn", "bad")]
PAIRS += [("--text", f"--{what}") for what in ("box", "scale-right", "scale-wrong")]


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(*colours):
    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(opened, written, images, scheme):
    page = opened(written(images))
    page.emulate_media(color_scheme=scheme)
    names = {name for pair in PAIRS for name in pair} | {f"--c{n}" for n in range(1, 9)}
    colours = page.evaluate(
        "names => Object.fromEntries(names.map((name) => [name, "
        "getComputedStyle(document.documentElement).getPropertyValue(name).trim()]))",
        sorted(names),
    )
    faint = [pair for pair in PAIRS if contrast(*(colours[n] for n in pair)) < LEAST_CONTRAST]
    assert faint == []
    lines = [n for n in range(1, 9) if contrast(colours[f"--c{n}"], colours["--card"]) < 3]
    assert lines == []  # WCAG 2.2 asks 3 of what is drawn


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_phone_nothing_sticks_out(kind, opened, written, request):
    page = opened(written(request.getfixturevalue(kind)))
    page.set_viewport_size(PHONE)
    for tab in page.get_by_role("tab").all_inner_texts():
        go(page, tab)
        page.wait_for_function(  # charts that the window has outgrown follow in a moment
            "width => [...document.querySelectorAll("
            "'section:not([hidden]) .card > .plot .main-svg')]"
            ".every((plot) => plot.clientWidth <= width)",
            arg=PHONE["width"],
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab


def test_on_a_phone_every_parameter_has_room_and_facts_can_be_read(opened, written, search):
    page = opened(written(search))
    page.set_viewport_size(PHONE)
    go(page, "Search")
    room, across, axes = page.eval_on_selector(
        ".drawing",
        "one => [one.scrollWidth, one.clientWidth, one.querySelectorAll('.xtick').length]",
    )
    assert across < PHONE["width"] < 100 * axes <= room
    shares = page.eval_on_selector_all(
        "section:not([hidden]) dl > div",
        "all => all.map((one) => one.lastElementChild.clientWidth / one.clientWidth)",
    )
    assert min(shares) > 0.5


# --- harm --------------------------------------------------------------------------------------


def test_markup_in_data_does_nothing(opened, written, hostile, images):
    for path in (written(hostile), written(hostile, images)):
        page = opened(path)
        for tab in page.get_by_role("tab").all_inner_texts():
            go(page, tab)
        for plot in page.locator(".plot .nsewdrag").all()[:3]:
            if plot.is_visible():
                plot.hover(force=True)
        assert page.evaluate("window.hacked") is None
        assert page.locator("main img, main script, main svg[onload]").count() == 0
        assert "onerror" in page.locator("body").text_content()
