"""Jobs: defaults, preparation, validation, updates, status."""
