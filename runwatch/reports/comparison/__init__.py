"""Runs next to a reference: what differs between them, how far their curves are apart, how sure that is.

`variables` compares what is known besides numbers, `curves` and `core.noise` the numbers, `compare` puts both
together; `words` and `pages` make sentences and a document of it. Pure functions of the evidence.
"""
