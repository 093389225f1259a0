"""Predictions over HTTP: the application that ``wellfit serve`` runs, for any ASGI server."""

from wellfit.serving.about import describe
from wellfit.serving.app import Limits, create_app
from wellfit.serving.model import ServedModel

__all__ = ["Limits", "ServedModel", "create_app", "describe"]
