"""Why something is wrong. Pure.

`Evidence` is all that was gathered; `diagnose` takes what a person asked about, follows the graph from there (`graph`),
lets every function in `causes` look at each service and each edge on the way, and puts the deepest cause first. A cause
is named only where facts prove it, or marked as likely; what no function knows is told as not known.
"""

from sandbox.diagnosis.diagnose import diagnose
from sandbox.diagnosis.evidence import EdgeNumbers, Evidence

__all__ = ["EdgeNumbers", "Evidence", "diagnose"]
