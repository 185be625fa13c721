"""The settings wizard: a document that is edited step by step, and the screens around it."""
