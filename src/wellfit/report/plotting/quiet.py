"""A figure that warns of no letters; apart, since importing matplotlib takes a while."""

from __future__ import annotations

import warnings
from typing import Any

from matplotlib.figure import Figure

from wellfit.charts.to_matplotlib import ignore_glyphs


class QuietFigure(Figure):
    """A figure that draws letters that no installed font has as boxes, without a warning each.

    Only while it is drawn, which may be long after it was made: the filters of warnings stay the
    caller's.
    """

    def draw(self, renderer: Any) -> None:
        """Draw the figure."""
        with warnings.catch_warnings():
            ignore_glyphs()
            super().draw(renderer)

    def get_tightbbox(self, *args: Any, **options: Any) -> Any:
        """Return the box around all that is drawn."""
        with warnings.catch_warnings():
            ignore_glyphs()
            return super().get_tightbbox(*args, **options)
