"""What an ingest costs, beside the way that most tools do it: `python -m tests.proofs.bench`."""
