"""Which norm trains best: every norm, and combinations of them, on charged particles."""
