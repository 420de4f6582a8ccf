"""What the API does, one subject a file and one method a route.

A method's signature and first docstring line are its documentation.
"""
