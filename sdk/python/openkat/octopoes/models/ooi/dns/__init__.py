"""OpenKAT's object types of the DNS."""
