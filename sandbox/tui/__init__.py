"""The terminal's picture of a running project, over `sandbox.control` alone.

`feed` asks and listens, and posts what it hears as `messages`; `screens.main` hands it to the widgets, one a file.
What is shown and in which words is decided below them, in plain functions: `table`, `words`, `logview`, `orders`.
Leaving the screen stops nothing.
"""
