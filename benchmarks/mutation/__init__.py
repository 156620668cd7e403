"""Mutation testing: whether the tests notice when one operator or one number of the code is changed."""
