"""The screens: what is laid out together, and what its keys do."""
