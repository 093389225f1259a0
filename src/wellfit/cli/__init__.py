"""Floor 6: the command line, one file for each command.

The files that the app imports import nothing heavy, so that ``--help`` answers at once; a command
imports what it needs when it runs.
"""
