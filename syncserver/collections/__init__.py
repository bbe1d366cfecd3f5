"""Who may touch a collection, and how: leases, the libanki adapter, folders, atomic files."""
