"""Live policies into sandbox.yaml, as its author would have: `traffic` finds what differs, `edits` turns that into the
smallest changes of the text, `rendered` writes the new values, `shared` knows what stands for more than one place.

A library that writes YAML back would lay out the whole file anew; what is spliced into the text leaves every byte of
the rest alone. Whatever comes out is read again, and is only written when it says exactly what it should.
"""

from sandbox.config.save.traffic import save_traffic

__all__ = ["save_traffic"]
