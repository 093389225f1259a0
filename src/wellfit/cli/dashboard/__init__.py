"""The dashboard of ``wellfit watch``: followed files, the runs they belong to, a server."""

from wellfit.cli.dashboard.runs import RunMonitor
from wellfit.cli.dashboard.server import WatchServer

__all__ = ["RunMonitor", "WatchServer"]
