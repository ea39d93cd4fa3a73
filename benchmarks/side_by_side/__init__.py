"""What `benchmarks/serving.py` is made of: the tickets, the servers, the load put on them and their answers."""
