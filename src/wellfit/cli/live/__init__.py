"""What ``wellfit watch`` is made of: files that are followed, runs that they tell of, a server."""

from wellfit.cli.live.runs import Runs
from wellfit.cli.live.server import WatchServer

__all__ = ["Runs", "WatchServer"]
