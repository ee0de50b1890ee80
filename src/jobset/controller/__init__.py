"""The loop: observe, decide, execute; a queue with one turn per key at a time."""
