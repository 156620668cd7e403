"""Which format a log has, and what is read in its lines because of that.

detector: settling on a format. candidates: who is asked meanwhile. evidence: what is held back or
learned until then. body: what matchers and readers read in one line.
"""
