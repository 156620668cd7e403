"""Messages: their text, the outbox, the journal on disk, and actions.

Import Outbox from delivery.outbox, the words from delivery.message. Channels are handed in.
"""
