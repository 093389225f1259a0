"""A griffe extension: what mkdocstrings' Markdown can't read of docstrings, it rewrites.

Doctests become code blocks, since ``>>>`` would be a quotation; roles like :class:`X` plain code.
The arguments of a config, whose ``__init__`` griffe doesn't see, become its attributes; those of
an estimator are as its declared parameters say.
"""

from __future__ import annotations

import inspect
import pydoc
import re
from typing import Any

from griffe import Class, Extension, Object

DOCTEST = re.compile(r"(?m)^>>> .*(?:\n.+)*")
ROLE = re.compile(r":\w+:`~?([^`]+)`")


class Docstrings(Extension):
    """Rewrites every docstring when it has been read."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Rewrite one object's docstring in place."""
        if obj.docstring:
            if "{parameters}" in obj.docstring.value:  # which are filled in when it is imported
                obj.docstring.value = inspect.getdoc(pydoc.locate(obj.path)) or ""
            obj.docstring.value = rewritten(obj.docstring.value)

    def on_class_members(self, *, cls: Class, **_: Any) -> None:
        """Call arguments attributes where a class has neither ``__init__`` nor a decorator."""
        if cls.docstring and "__init__" not in cls.members and not cls.decorators:
            cls.docstring.value = cls.docstring.value.replace("Args:\n", "Attributes:\n", 1)


def rewritten(text: str) -> str:
    r"""Return a docstring as Markdown.

    >>> print(rewritten("See :class:`Bits`.\n\n>>> 1 + 1\n2"))
    See `Bits`.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    fenced = DOCTEST.sub(lambda match: f"```pycon\n{match[0]}\n```", text)
    return ROLE.sub(lambda match: f"`{match[1].rpartition('.')[2]}`", fenced)
