"""The lexicon: what printed names mean, whoever prints them.

`names` turns a printed name into a metric, a role, a split and a unit; `words` and `languages` read the name,
`units` the unit; `counters` names what counts. Every reader asks it. It imports no other part of the parsers.
"""
