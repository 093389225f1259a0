"""What ``wellfit watch`` is made of: files that are followed, runs that they tell of, a server."""

from wellfit.cli.dashboard.runs import RunMonitor
from wellfit.cli.dashboard.server import WatchServer

__all__ = ["RunMonitor", "WatchServer"]
