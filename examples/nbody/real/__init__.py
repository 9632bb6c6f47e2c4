"""Real trajectories: liquid argon in a periodic box, and the protein AdK."""
