"""What a run was, after it: its evidence, what follows from that in figures and words, and documents.

`evidence` reads runs at rest. The other modules are pure functions of it. May be imported by the commands.
"""
