"""Pure: how an API server defaults, prepares and validates the built-in kinds."""
