"""Model cards: what a model is, is for, and how well it does, in Markdown.

Source: Mitchell et al., "Model cards for model reporting", 2019.
"""

from wellfit.report.card.card import model_card

__all__ = ["model_card"]
