"""The prefilter: text in which nothing can be recognized is shown to nobody.

Matchers, readers, events and the learner declare what their lines hold or begin with. A line that
holds and begins with none of that is no record and no event, so nobody is asked about it. The
answer may be a needless yes, never a wrong no. What remembers earlier lines and waits for any next
one says so (`awake`); as long as one waits, nothing is shut out.

gate: the question about one line, before any matcher. sieve: the same for a block, with numpy.
"""
