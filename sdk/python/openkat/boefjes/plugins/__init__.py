"""Where normalizers import helpers from: OpenKAT's shared ones, and those in their own folder."""
