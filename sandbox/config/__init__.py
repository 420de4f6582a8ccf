"""From the text of sandbox.yaml to a checked `model.Project`: read, parse, expand, merge, interpolate, inherit,
validate, resolve, check. `loader` lists the steps; between them flows a tree (`tree`) that knows the position of every
key and value, so that whatever is found wrong, however late, can be shown where it was written.
"""
