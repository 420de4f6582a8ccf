"""What a browser is shown, as SVG and HTML: charts of numbers over time, and a report of everything. Pure.

The same pictures stand on the page that the API serves and in the file that `sandbox report` writes. They carry no
colours of their own, only classes, which `pictures.css` gives a look in light and dark.
"""
