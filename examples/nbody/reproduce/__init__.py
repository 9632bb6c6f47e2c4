"""The GeoNorm paper's figures and table measured again, and what a better choice of norms does."""
