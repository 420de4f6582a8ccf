"""Traffic policies between three forms: what is written, the model, and documents in the words of the file.

`resolve` turns validated words into the model, `document` the model into the smallest document, `policies` what
crosses the API into checked policies, and `files` reads what stands in a text. Parsing what `document` gives is the
same policy again.
"""

from sandbox.config.traffic.document import document, match_document
from sandbox.config.traffic.files import documents_in
from sandbox.config.traffic.policies import parse_policies, rule_places

__all__ = ["document", "documents_in", "match_document", "parse_policies", "rule_places"]
