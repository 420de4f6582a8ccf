"""Steering, carried out: one live state, changed by one at a time, in force before anybody is told so.

A change comes in as edits (`control`), becomes documents, is read and checked as the file would be, put in force at the
proxy, and only then kept as a revision (`live`). Trials and ramps (`trials`, `ramps`) make changes of their own when
their time has come; what they are at is kept beside the revisions, so that a new supervisor goes on with it.
"""
