"""A name that the guest needs too: it must not find this one."""
