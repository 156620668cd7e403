"""Pictures of programs in a terminal: a real pseudo-terminal, an emulator of it, and what it shows as PNG.

`terminal` runs a program and types, `paint` draws what it shows. `python -m benchmarks.pictures` takes
one picture, or several of one program (`--help`); `make pictures` takes those that `scenes` declares.
"""
