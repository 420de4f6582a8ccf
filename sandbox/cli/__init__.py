"""The command line: words in, an exit code out.

`main` is the entry point and the only place that turns errors into text and exit codes. `parser` reads the words
by the table in `commands/` (one file per group, options only, cheap to import) and names a handler, which is
imported when its command runs. Handlers live in one module per command family; those that talk to a running project
find it through `project` and print through `output`. `up` is the composition root of the whole product.
"""
