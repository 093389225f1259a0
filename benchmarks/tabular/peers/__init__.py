"""The sides, a library a file: ``SIDES`` maps a name to a title, a package and ``make``.

A library is imported by ``make``, so that the others run where it isn't installed. Each has its
own defaults, one thread, seed 0, and handles text and missing values as its documentation says.
"""
