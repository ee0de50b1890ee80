"""Text and JSON that people and programs read: pure functions from data."""
