"""From what a configuration file says to a configuration, and back."""
