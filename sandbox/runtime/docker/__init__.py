"""The Docker runtime: every instance is a container of an engine on this machine."""
