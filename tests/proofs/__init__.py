"""Proofs that take longer than a test may: each is a command, `python -m tests.proofs.NAME`."""
