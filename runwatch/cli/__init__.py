"""One small file per command; parses arguments, calls one function, returns an exit code."""
