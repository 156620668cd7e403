"""Many lines of one shape at once, with numpy: the same bits as one by one.

Import `decoders` from columnar.bulk, Folded from columnar.folding.
"""
