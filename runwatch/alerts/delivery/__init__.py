"""What becomes of a message: its words, the outbox, the journal on disk, actions.

Import Outbox from delivery.outbox, the words from delivery.message. Channels are handed in.
"""
