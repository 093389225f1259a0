"""The output of a running notebook cell: one display for each cell, redrawn in place.

Jupyter, VS Code and Colab update a display by its id, so that neither a widget nor an extension is
needed, and what was shown last stays in the saved notebook. Elsewhere nothing is shown.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from html import escape
from importlib import import_module
from typing import Any

_MOST_LINES = 5  # on what is done, above what goes on


def running_cell() -> str | None:
    """Return the id of the notebook's cell that runs now; None outside of a notebook.

    Only the main thread has a cell: what others show would appear anywhere.

    >>> running_cell() is None
    True
    """
    # Where IPython isn't imported, this is no notebook, and looking for it takes no time.
    ipython = sys.modules.get("IPython")
    if ipython is None or threading.current_thread() is not threading.main_thread():
        return None
    shell: Any = getattr(ipython, "get_ipython", lambda: None)()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:  # IPython in a terminal
        return None
    try:
        return str(kernel.get_parent("shell")["header"]["msg_id"])
    except (AttributeError, KeyError, TypeError):  # a kernel that isn't ipykernel
        return f"cell {shell.execution_count}"


class CellOutput:
    """The display of a cell: a line for each work that is done, and all of the works that go on.

    A cell that trains a hundred networks has one output, and not a hundred.

    Args:
        cell: its id.
    """

    def __init__(self, cell: str) -> None:
        self.cell = cell
        self._live: dict[object, tuple[str, str]] = {}
        self._done: deque[str] = deque(maxlen=_MOST_LINES)
        self._last: tuple[str, str] | None = None  # what was done last, still shown in full
        self._last_owner: object = None
        self._count = 0
        self._handle: Any = None

    @staticmethod
    def now() -> CellOutput | None:
        """Return the output of the cell that runs; None outside of a notebook."""
        cell = running_cell()
        if cell is None:
            return None
        if not _SHOWN or _SHOWN[0].cell != cell:
            _SHOWN[:] = [CellOutput(cell)]
        return _SHOWN[0]

    def show(self, owner: object, html: str, line: str) -> None:
        """Show how far a work is.

        Args:
            owner: whose work it is; what it showed before is replaced.
            html: markup, its data escaped.
            line: the same in plain words.
        """
        if not self._live:
            self._retire(owner)
        self._live[owner] = html, line
        self._publish()

    def finish(self, owner: object, html: str, line: str) -> None:
        """Show the end of a work; when another begins, its line stays.

        What belonged to a larger work, as a training to a search, leaves nothing behind.
        """
        if not self._live:
            self._retire(owner)
        self._live.pop(owner, None)
        if not self._live:
            self._last, self._last_owner = (html, line), owner
        self._publish()

    def _retire(self, owner: object) -> None:
        """Leave a line of what was done last, where another begins; nothing where it goes on."""
        if self._last is not None and owner is not self._last_owner:
            self._done.append(self._last[1])
            self._count += 1
        self._last = None

    def _publish(self) -> None:
        shown = [*self._live.values(), *([self._last] if self._last else [])]
        lines = list(self._done)
        if self._count > len(lines):
            lines.insert(0, f"… and {self._count - len(lines):,} before")
        html = "".join(f"<div>{escape(line)}</div>" for line in lines)
        data = {
            "text/html": f'<div style="font-size:90%">{html}{"".join(h for h, _ in shown)}</div>',
            "text/plain": "\n".join([*lines, *(line for _, line in shown)]),
        }
        if self._handle is None:
            display = import_module("IPython.display").display
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


_SHOWN: list[CellOutput] = []  # the output of the cell that showed something last
