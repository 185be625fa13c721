"""What the house's keeper runs; no part of the package."""
