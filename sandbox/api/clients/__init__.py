"""The protocols of `sandbox.control` over HTTP, one subject a file."""
