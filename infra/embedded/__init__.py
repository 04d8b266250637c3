"""The whole stack as ordinary processes of one user on one machine."""
