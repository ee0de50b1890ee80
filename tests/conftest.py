"""Shared by all tests: nothing but what pytest needs."""
