"""Rendering a report as a self-contained HTML page with escaped texts."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
from functools import cache
from importlib.resources import files
from typing import Any

import wellfit
from wellfit.core.extras import import_extra
from wellfit.report.page.blocks import Page, Plot

_TEMPLATES = files("wellfit.report.page") / "templates"
# Characters that could end a script element or a line in it, as JSON escapes.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def render_page(page: Page) -> str:
    """Return a page as HTML.

    The page contains Plotly's script compressed, and the browser decompresses it. Scripts have a
    random nonce, and the content security policy allows no other scripts and no requests: markup
    that escaped the escaping would have no effect.

    Raises:
        MissingExtraError: Plotly or Jinja2 isn't installed.
    """
    jinja2 = import_extra("jinja2", "report")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals["identity"] = id
    charts, numbered = _numbered(page)
    return environment.get_template("page.html").render(
        page=page,
        numbers=numbered,
        charts=jinja2.utils.markupsafe.Markup(script_json(charts)),
        style=jinja2.utils.markupsafe.Markup(_template("page.css")),
        script=jinja2.utils.markupsafe.Markup(_template("page.js")),
        plotly=_packed() if charts else "",
        nonce=secrets.token_urlsafe(16),
        version=wellfit.__version__,
    )


def script_json(value: Any) -> str:
    r"""Return JSON that is safe in a script element.

    >>> script_json({"name": "</script>"})
    '{"name":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _numbered(page: Page) -> tuple[dict[str, Any], dict[int, str]]:
    """Return the charts' data by id, and the id of each chart."""
    blocks = [block for section in page.sections for block in section.blocks]
    charts = [block for block in blocks if isinstance(block, Plot)]
    ids = {id(chart): f"chart-{place}" for place, chart in enumerate(charts, 1)}
    return {ids[id(chart)]: chart.drawing for chart in charts}, ids


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _packed() -> str:
    """Return Plotly's script, gzipped, in base 64."""
    script: str = import_extra("plotly.offline", "report").get_plotlyjs()
    return base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode()
