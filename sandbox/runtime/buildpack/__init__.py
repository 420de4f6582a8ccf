"""From a folder to a command that can be run: read the folder, detect the command, install what it needs.

`folder` reads, `detect` decides (pure), `python` and `node` install into places kept by content.
"""

from sandbox.runtime.buildpack.prepare import Buildpack

__all__ = ["Buildpack"]
