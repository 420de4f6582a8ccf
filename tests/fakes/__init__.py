"""Scripted stand-ins for the protocols between layers, shared by the tests of several packages."""
