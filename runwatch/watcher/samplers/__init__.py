"""Looks at the machine under a run: processes, host, GPUs, file systems, scheduler."""
