"""The HTTP API: `sandbox.control.Control` for other processes.

A request comes in on the project's Unix socket (CLI, TUI) or on its loopback port (browsers), passes the guard of that
door (`security`, `auth`), is decoded by the signature of its handler (`routes`, `encoding`), asks the control
(`handlers`), and goes back as JSON or, for what keeps coming, as lines of JSON (`streams`). `openapi` describes the
same signatures. `client` is a Control again, at the other end of the Unix socket; it and what it imports (`errors`,
`shapes`, `http1`) do without aiohttp, whose import would cost every command a fifth of a second.
"""
