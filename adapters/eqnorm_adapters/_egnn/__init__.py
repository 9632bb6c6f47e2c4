"""What `egnn` and `egnn_vel` share: options, layers, their stack, sums over edges."""
