"""`sandbox doctor`: `facts` looks at the machine, `checks` judges what was seen, `command` prints it."""
