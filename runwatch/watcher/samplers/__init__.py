"""Disposable processes that measure the machine under a run: processes, GPUs, host, disks.

Import `sampler` to start one. What they say is core.sample.
"""
