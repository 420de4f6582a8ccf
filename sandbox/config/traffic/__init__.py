"""Traffic policies between three forms: what is written, the model, and documents in the words of the file.

`resolve` turns validated words into the model, `document` the model into the smallest document, `policies` what
crosses the API into checked policies, and `files` reads what stands in a text. Parsing what `document` gives is the
same policy again. Nothing is imported here: `document` is quick to import, and the others are not.
"""
