"""HTML summary of a fitted search for notebooks: the best candidates and their scores."""

from __future__ import annotations

from typing import Any

from wellfit.core.markup import Markup, paragraph
from wellfit.core.words import pluralize, short

_MOST_CANDIDATES = 5


def with_candidates(diagram: str, search: Any) -> str:
    """Return scikit-learn's diagram, and below it the best candidates, if there are any yet."""
    if not hasattr(search, "cv_results_"):
        return diagram
    tried = len(search.cv_results_["params"])
    text = f"{pluralize(tried, 'candidate')} on {pluralize(search.n_splits_, 'fold')}"
    if hasattr(search, "best_score_"):
        text += f", best mean test score {short(search.best_score_, 4)}"
    best = search.leaderboard_.head(_MOST_CANDIDATES)
    # pandas escapes what stands in its cells.
    rows = Markup(best.to_html(index=False, border=0, float_format=lambda v: short(v, 4)))
    return f"{diagram}{paragraph(text)}{rows}"
