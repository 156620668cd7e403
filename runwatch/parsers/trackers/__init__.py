"""W&B logs and TensorBoard event files.

Streams import record_stream.
"""
