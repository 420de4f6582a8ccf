"""Warm starts of Python services in containers.

Once a service has been saved, a second container stands by for its next start: made like any other, with the service's
own command, but held by our hook (`sandbox.runtime.zygote`) at the end of the interpreter's start-up, its libraries
imported. The next start puts the newest files into it and lets it go on. Nothing is installed into an image, nothing is
mounted, and nothing is forked: what is held is what will run, with the limits, the user and the network of its own.

  standbys   one for each version that is being worked on: had ready, taken, renewed, let go
  mould      whether a container that stands by is the one that a start would make (pure)
  look       what a running instance has imported
  command    whether a container's command is a Python program that would stop in our hook
  held       what is put into the container, and what it and we tell each other
"""
