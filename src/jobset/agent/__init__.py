"""Runs in each pod that restarts in place: tells its attempt, holds the worker back until all are there."""
