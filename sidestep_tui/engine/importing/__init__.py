"""Takes over the samples that other ACE-Step trainers preprocessed."""
