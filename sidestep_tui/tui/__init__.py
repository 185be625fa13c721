"""The terminal application: screens and widgets that read run directories and never touch the model."""
