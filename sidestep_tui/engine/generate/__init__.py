"""Songs from prompts, with and without adapters."""
