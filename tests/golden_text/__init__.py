"""Text that users see, byte for byte: review a change of these files as a change of the product."""
