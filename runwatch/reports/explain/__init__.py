"""What a log was found to be, for people: how sure, which lines spoke for it, where each number is."""
