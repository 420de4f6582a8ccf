"""A local cluster of microservices in one command.

What flows through the package is one loop: `config` reads the desired state, `supervisor` plans the
difference to the actual one, a `runtime` driver acts, events come back and change the state, and the state
decides both what the `proxy` serves and what the screens (`cli`, `tui`, `api`) show. See README.md beside this file.
"""

__version__ = "0.1.0"
