"""`sandbox traffic …`: short forms become edits (`edits`), a change is told as was → is (`change`)."""
