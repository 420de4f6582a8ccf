"""The widgets, one a file, each with a reactive model and messages of its own."""
