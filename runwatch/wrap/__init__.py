"""`runwatch run -- CMD`: a command's parent, its output's way through, and its log.

Four processes, so that the command needs none of ours to keep running:

- the **wrapper** (`wrapper`) is the command's parent: it passes output (`relay`) and signals on and ends as
  the command ends;
- the **keeper** (`keeper`) writes the log and is the engine's client. It also holds the reading ends of the
  command's output: when the wrapper is killed, it keeps reading, and no write of the command fails;
- the engine and its worker, as for any log.

The command keeps the terminal as it is: same session and process group, same standard input. Only its
output goes through a terminal of ours (or pipes), so Ctrl-C, Ctrl-Z and background jobs are the kernel's
work, as without us.
"""
