"""What normalizers import of OpenKAT's worker."""
