"""From a version of a service to an image: pulled, or built from a folder.

`generate` tells from a folder what its image is made from (`python`, `node`, `go`, `java`), `dockerfile` writes that
down, `context` packs the folder, `transfer` and `equip` let a build use the network as the host does, `run` has the
engine build it, and `builder` puts these together.

A save mostly needs no build: `bases` remembers what an image was made from, `ending` and `places` tell from its
Dockerfile where the newer files of the context would end up, `base` decides whether that is all that a build would do,
and `overlay` packs them, to be laid over the image in each container.
"""

from sandbox.runtime.docker.builds.builder import Builder, Built
from sandbox.runtime.docker.builds.cleanup import remove_all
from sandbox.runtime.docker.builds.generate import needed

__all__ = ["Builder", "Built", "needed", "remove_all"]
