"""What must lie in the package beside its code."""

from importlib.resources import files


def test_the_types_are_for_whoever_imports_the_package() -> None:
    """Without the mark of PEP 561 a type checker takes every call of the library for untyped."""
    assert files("sidestep_tui").joinpath("py.typed").is_file()
