"""What operators see: metrics, readiness, the audit trail, the journal of syncs."""
