"""The cockpit: a running project on the terminal, over `sandbox.control` alone.

`feed` asks and listens for what every screen shows; `app` writes it into the `picture` and tells the screen in sight.
What only one screen shows it asks for itself (`questions`) while it is seen. Screens ask to be left for another one by
`messages`, which `going` follows. What is shown and in which words is decided below screens and widgets, in plain
functions: `table`, `mapmodel` and `mapdraw`, `chart` and `plot`, `traces`, `rules` and `steering`, `causes`,
`logfilter` and `viewport`, `words`. Leaving the screen stops nothing.
"""
