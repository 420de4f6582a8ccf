"""The terminal UI in a browser.

A browser opens `/cockpit` (`pages`), whose script is textual-serve's: it draws a terminal and talks over a WebSocket.
For each such socket a terminal UI of its own runs as a process (`viewer`), under Textual's driver for this purpose;
`packets` is what that driver reads and writes. A viewer that is slow to read blocks its own process and nothing else.
"""
