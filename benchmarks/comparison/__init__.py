"""Does `runwatch compare` claim what is true of small real trainings?"""
