"""Adapters in the forms that consumers load: written, read, merged, extracted, shared."""
