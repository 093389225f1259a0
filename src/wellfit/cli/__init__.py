"""The command line, with a file for each command.

Modules that the app imports don't import heavy libraries, so that ``--help`` starts quickly; a
command imports what it needs when it runs.
"""
