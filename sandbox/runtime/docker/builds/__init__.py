"""From a version of a service to an image: pulled, or built from a folder.

`generate` tells from a folder what its image is made from (`python`, `node`, `go`, `java`), `dockerfile` writes that
down, `context` packs the folder, `transfer` and `equip` let a build use the network as the host does, `run` has the
engine build it, and `builder` puts these together.
"""

from sandbox.runtime.docker.builds.builder import Builder, Built
from sandbox.runtime.docker.builds.cleanup import remove_all
from sandbox.runtime.docker.builds.generate import needed

__all__ = ["Builder", "Built", "needed", "remove_all"]
