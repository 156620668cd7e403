"""One module a command, named like it: each has a click command `command`.

cli.main imports a command when it is called; nothing else imports from here.
"""
