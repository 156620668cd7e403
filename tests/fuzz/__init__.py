"""Fuzzing: `make fuzz`. A target takes any bytes and must hold what it promises.

`target` says what a target is and when an input is a finding, `mutation` changes inputs, `driver` is the
process that tries them for one target, `__main__` divides the time. `targets/` has a module per surface,
`seeds/` the inputs that the default tests try once.
"""
